"""A capture becomes a model, is scored, plays a file and leaves as a file, all by the commands of the README."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from fxstyle.audio.files import read_audio, write_audio
from fxstyle.audio.generate import generate_files
from fxstyle.cli import app
from fxstyle.report.tables import read_table
from tests.programs import CPU, check_refused, run_here

pytestmark = pytest.mark.unit
RATE = 16000
TINY = (
    "experiment=emulation_pair",
    "model.hidden=4",
    "model.warm_up=64",
    "data.segment_samples=1024",
    "data.train_items=8",
    "task.tbptt_samples=512",
    "trainer.max_epochs=2",
    "callbacks.predictions.seconds=0.5",
    "logger=none",
    *CPU,
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Dry sound and what a curve and a gain make of it."""
    folder = tmp_path_factory.mktemp("capture")
    (dry,) = generate_files(folder, 1, 5.0, RATE)
    audio, _ = read_audio(dry)
    write_audio(folder / "wet.wav", (0.5 * np.tanh(6 * audio)).astype(np.float32), RATE)
    return Path(dry), folder / "wet.wav"


@pytest.fixture(scope="module")
def run(capture: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained and evaluated run."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = run_here("train", *TINY, f"data.dry='{capture[0]}'", f"data.wet='{capture[1]}'", f"run_dir='{folder}'")
    assert done.code == 0, done
    assert run_here("evaluate", f"run='{folder}'").code == 0
    return folder


def test_a_run_keeps_what_it_cost_and_what_it_shows(run: Path) -> None:
    values = json.loads((run / "metrics.json").read_text())
    # Two epochs of 8 items in one batch, two steps each.
    assert values["steps"] == 4
    assert values["audio_seconds"] == pytest.approx(2 * 8 * 1024 / RATE)
    assert values["val/score/macro"] == pytest.approx(values["val/esr/macro"])
    names = {path.name.split("_", 1)[1] for path in (run / "samples" / "epoch_0000").iterdir()}
    assert names >= {"dry.flac", "target.flac", "prediction.flac", "waveform.png", "spectrograms.png"}


def test_an_evaluation_stands_beside_its_baselines_and_agrees_with_the_training(run: Path) -> None:
    rows = {(row.arm, row.metric): row for row in read_table(run / "eval" / "table.csv") if row.effect == "macro"}
    assert {arm for arm, metric in rows if metric == "esr"} == {
        "model",
        "identity",
        "gain",
        "fir",
        "gain_oracle",
        "fir_oracle",
    }
    tested = json.loads((run / "metrics.json").read_text())
    assert rows["model", "esr"].value == pytest.approx(tested["test/esr/macro"], rel=1e-4)
    assert rows["gain_oracle", "esr"].value == pytest.approx(tested["test/esr_gain/macro"], rel=1e-4)
    assert rows["identity", "esr"].value == pytest.approx(tested["test/esr_identity/macro"], rel=1e-4)
    # The best gain leaves less than 2 %: skill has no meaning here, and is no number anywhere.
    assert tested["test/skill/macro"] is None
    assert math.isnan(rows["model", "skill"].value)
    assert "Trained for 4 steps" in (run / "eval" / "report.html").read_text()


def test_many_runs_make_one_table(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "table.md"
    done = run_here("evaluate", "experiment=emulation_table", f"runs='{run.parent}'", f"out='{page}'")
    assert done.code == 0, done
    esr = next(row for row in read_table(page.with_suffix(".csv")) if (row.arm, row.metric) == ("model", "esr"))
    assert f"{esr.value:#.3g}".rstrip(".") in page.read_text()
    check_refused(run_here("evaluate", "experiment=emulation_table", f"runs='{tmp_path}'"), "evaluate", ("no run",))
    refused = run_here("evaluate", "experiment=emulation_table", f"runs='{run.parent}'", "out=x.txt")
    check_refused(refused, "evaluate", ("out=x.txt", ".md"))


@pytest.mark.parametrize("kind", ["onnx", "nam"])
def test_an_export_plays_what_the_run_plays(kind: str, run: Path, capture: tuple[Path, Path], tmp_path: Path) -> None:
    dry, _ = read_audio(capture[0])
    stereo = tmp_path / "stereo.wav"
    write_audio(stereo, np.concatenate([dry, dry[:, ::-1]]), RATE, "FLOAT")
    tool = CliRunner()
    exported = tmp_path / f"model.{kind}"
    for arguments in (
        ["export", str(run), "--format", kind, "--out", str(exported)],
        ["apply", str(run), str(stereo), str(tmp_path / "one.wav")],
        ["apply", str(exported), str(stereo), str(tmp_path / "two.wav"), "--block", "997"],
    ):
        done = tool.invoke(app, arguments)
        assert done.exit_code == 0, done
    one, two = (soundfile.read(tmp_path / name)[0] for name in ("one.wav", "two.wav"))
    assert one.shape == two.shape == (dry.shape[1], 2)
    assert np.abs(one).max() > 1e-3
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert not np.allclose(one[:, 0], one[:, 1], atol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda wet: np.zeros_like(wet), "digital silence"),
        (lambda wet: np.clip(40 * wet, -1, 1), "clipping"),
        (lambda wet: wet[:, :200], "record at least"),
        (lambda wet: np.random.default_rng(0).standard_normal(wet.shape).astype("f4") / 9, "the same performance"),
    ],
)
def test_a_pair_that_cannot_be_learnt_from_is_refused(
    change: object, words: str, capture: tuple[Path, Path], tmp_path: Path
) -> None:
    audio, _ = read_audio(capture[1])
    write_audio(tmp_path / "bad.wav", change(audio), RATE, "FLOAT")  # type: ignore[operator]
    bad = run_here(
        "train", *TINY, f"data.dry='{capture[0]}'", f"data.wet='{tmp_path}/bad.wav'", f"run_dir='{tmp_path}/run'"
    )
    check_refused(bad, "train", ("bad.wav", words), tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("experiment=emulation_pair",), ("data.dry", "data.pairs")),
        (("experiment=hardware_ts_mini",), ("data.root has no value",)),
        (("experiment=hardware_emt140",), ("data.root has no value",)),
        (("experiment=diary_ts808", "model=vae"), ("SpectrogramVAE", "emulation")),
        (("experiment=demo", "model=lstm"), ("Recurrent", "it does: emulation")),
        (("experiment=diary_ts808", "check=x"), ("check must be",)),
        (("experiment=diary_ts808", "trainer.gradient_clip_val=1"), ("task.gradient_clip",)),
        (("experiment=emulation_rendered", "effects=six_plus_three"), ("one effect at a time",)),
    ],
)
def test_what_does_not_fit_together_is_refused(
    options: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    few = ("audio.train_recordings=3", "audio.val_recordings=2", "audio.test_recordings=2", "audio.seconds=1")
    small = few if "six_plus" in str(options) or "check=x" in options else ()
    done = run_here("train", *options, *small, "logger=none", f"run_dir='{tmp_path}/run'")
    assert done.code == 2, done
    assert all(word in done.err for word in words)
