"""``fxstyle match``: everything it writes, what it refuses, and what it does when things go wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from fxstyle.effects.renderer import Failure, Rendered, Status
from fxstyle.effects.safe_renderer import SafeRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.search.proposal import Proposal
from tests.commands.conftest import Run
from tests.effects.catalogue import effect
from tests.run.match_sounds import RATE, dry_sound, wet_sound, write

pytestmark = pytest.mark.unit

FEW = ("--renders", 12)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dry(tmp_path: Path) -> Path:
    return write(tmp_path / "dry.wav", dry_sound())


@pytest.fixture
def wet(tmp_path: Path) -> Path:
    return write(tmp_path / "wet.wav", wet_sound("distortion", dry_sound(), drive_db=30))


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_written_and_the_preset_makes_the_same_sound(run: Run, dry: Path, wet: Path) -> None:
    code, out, err = run("match", dry, wet, "--effect", "distortion", *FEW)
    assert code == 0
    folder = Path("dry_distortion_match")
    written = files(folder)
    assert {"dry.wav", "preset.json", "result.json", "loss_curve.png", "report.html"} <= written
    assert {f"audio/{name}.flac" for name in ("before", "after", "reference")} <= written
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]
    result = json.loads((folder / "result.json").read_text())
    assert (result["content"], result["bypass"], result["renders"]) == ("same", False, 12)
    assert result["score_after"] < 0.5 * result["score_before"]
    assert result["settings"][0]["value"] == pytest.approx(30, abs=3)
    assert "the same performance" in out
    assert "nearer to the reference" in " ".join(out.split())
    assert "Wrote dry_distortion_match/dry.wav" in out
    assert 2 <= err.count("Searching: ") <= 12
    preset = folder / "preset.json"
    assert run("effects", "render", "distortion", "--preset", preset, dry, "again.wav")[0] == 0
    np.testing.assert_array_equal(soundfile.read("again.wav")[0], soundfile.read(folder / "dry.wav")[0])
    assert soundfile.info(folder / "dry.wav").subtype == "FLOAT"


def test_where_nothing_helps_the_dry_file_comes_back(run: Run, dry: Path, wet: Path) -> None:
    code, out, _ = run("match", dry, dry, "--effect", "distortion", *FEW, "--out", "out")
    assert code == 0
    assert Path("out/dry.wav").read_bytes() == dry.read_bytes()
    assert "so the output is the dry file itself" in " ".join(out.split())
    result = json.loads(Path("out/result.json").read_text())
    assert result["bypass"]
    assert result["score_after"] == result["score_before"]
    written = files(Path("out"))
    assert "candidates/1.json" in written
    assert "preset.json" not in written
    assert "Bypassed" in Path("out/report.html").read_text()
    # A threshold that nothing passes does the same to what would have been used.
    code, _, _ = run("match", dry, wet, "--effect", "gain", *FEW, "--out", "out", "--overwrite", "--threshold", 0.99)
    assert code == 0
    assert Path("out/dry.wav").read_bytes() == dry.read_bytes()


def test_stereo_flac_and_a_reference_of_other_content_rate_and_channels(run: Run, tmp_path: Path) -> None:
    both = np.repeat(dry_sound(), 2, axis=0) * np.float32([[1], [0.5]])
    dry = write(tmp_path / "take [1].flac", both, 22050, "PCM_16")
    other = write(tmp_path / "other.wav", wet_sound("distortion", dry_sound(2 * RATE, 2), drive_db=40), 16000)
    code, out, _ = run("match", dry, other, "--effect", "distortion", *FEW, "--out", "new/out", "--threshold", 0)
    assert code == 0
    assert "other content" in out
    (target,) = Path("new/out").glob("*.wav")
    assert " " not in target.name
    info = soundfile.info(target)
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (22050, 2, "PCM_24", RATE)


def test_a_run_gives_the_start_and_the_threshold(
    run: Run, dry: Path, wet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Controller:
        folder = tmp_path / "run"

        def propose(self, spec: EffectSpec, dry: Any, reference: Any, sample_rate: int) -> Proposal:
            assert dry.shape == reference.shape == (1, RATE)
            if spec.name != "distortion":
                raise InputError(f"the run knows distortion, not {spec.name}")
            return Proposal(spec.positions({"drive_db": 30}), np.array([0.02], dtype=np.float32), (None,))

    module = ModuleType("fxstyle.run.controllers")
    module.load_controller = lambda run, renderer: Controller()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fxstyle.run.controllers", module)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "acceptance.json").write_text('{"threshold": {"same": 0.42, "other": 0.3}}')
    code, _, _ = run("match", dry, wet, "--effect", "distortion", "--renders", 0, "--run", "run", "--out", "out")
    assert code == 0
    result = json.loads(Path("out/result.json").read_text())
    assert (result["renders"], result["threshold"], result["run"]) == (0, 0.42, "run")
    assert result["settings"][0]["value"] == pytest.approx(30, abs=1e-3)
    code, _, err = run("match", dry, wet, "--effect", "chorus", "--run", "run", "--out", "other")
    assert (code, err) == (2, "fxstyle: the run knows distortion, not chorus\n")
    (tmp_path / "run" / "acceptance.json").write_text('{"threshold": 1}')
    code, _, err = run("match", dry, wet, "--effect", "distortion", "--run", "run", "--out", "other")
    assert (code, err.count("\n")) == (2, 1)
    assert not Path("other").exists()


def silence(path: Path) -> Path:
    return write(path, np.zeros((1, RATE), dtype=np.float32))


def broken(path: Path) -> Path:
    sound = dry_sound().copy()
    sound[0, 9000] = np.nan
    return write(path, sound)


def text(path: Path) -> Path:
    path.write_text("no sound")
    return path


def empty(path: Path) -> Path:
    return write(path, dry_sound()[:, :0])


def short(path: Path) -> Path:
    return write(path, dry_sound()[:, :3000])


@pytest.mark.parametrize("which", ["dry", "reference"])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (silence, "is silent"),
        (broken, "holds NaN"),
        (text, "cannot be read as audio"),
        (empty, "holds no samples"),
        (short, "needs at least 0.25 s"),
        (lambda path: path, "does not exist"),
    ],
)
def test_files_that_cannot_be_used(
    run: Run, dry: Path, tmp_path: Path, make: Callable[[Path], Path], words: str, which: str
) -> None:
    bad = make(tmp_path / "bad.wav")
    before = files(tmp_path)
    pair = (bad, dry) if which == "dry" else (dry, bad)
    code, out, err = run("match", *pair, "--effect", "distortion", *FEW)
    assert (code, out) == (2, "")
    assert err.startswith("fxstyle: ")
    assert err.count("\n") == 1
    assert "bad.wav" in err
    assert words in err
    assert files(tmp_path) == before


ONLY_MONO = (
    "narrow: {host: pedalboard, plugin: Gain, channels: mono, parameters: {gain_db: {low: 0, high: 9, default: 0}}}"
)
NOTHING_FREE = (
    "kept: {host: pedalboard, plugin: Gain, parameters: {gain_db: {low: 0, high: 9, default: 0, held: true}}}"
)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--effect", "overdirve"], "there is no effect"),
        (["--effect", "kept.yaml"], "no control to search for"),
        (["--effect", "invert"], "no control to search for"),
        (["--effect", "narrow.yaml"], "convert the file first"),
        (["--effect", "distortion", "--renders", -1], "--renders is -1"),
        (["--effect", "distortion", "--renders", 0], "0 with --run"),
        (["--effect", "distortion", "--content", "both"], "auto, same or other"),
        (["--effect", "distortion", "--threshold", 1], "--threshold is 1"),
        (["--effect", "distortion", "--seed", -1], "--seed is -1"),
        (["--effect", "distortion", "--out", "dry.wav"], "is not a folder"),
        (["--effect", "distortion", "--out", "dry.wav/out"], "is a file"),
        (["--effect", "distortion", "--out", "mine"], "already there"),
        (["--effect", "distortion", "--out", "mine", "--overwrite"], "something else than a match"),
    ],
)
def test_options_that_cannot_be_used(run: Run, tmp_path: Path, options: list[Any], words: str) -> None:
    dry = write(tmp_path / "dry.wav", np.repeat(dry_sound(), 2, axis=0))
    (tmp_path / "narrow.yaml").write_text(ONLY_MONO)
    (tmp_path / "kept.yaml").write_text(NOTHING_FREE)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    before = files(tmp_path)
    code, out, err = run("match", dry, dry, *options)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err
    assert files(tmp_path) == before


def test_more_than_two_channels(run: Run, tmp_path: Path, dry: Path) -> None:
    wide = write(tmp_path / "wide.wav", np.repeat(dry_sound(), 4, axis=0))
    code, _, err = run("match", wide, dry, "--effect", "distortion", *FEW)
    assert (code, err) == (2, f"fxstyle: {wide} has 4 channels: split it into mono or stereo files first\n")


def test_a_place_that_cannot_be_written_to(run: Run, dry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    code, _, err = run("match", dry, dry, "--effect", "distortion", *FEW, "--out", "out")
    assert (code, err) == (2, "fxstyle: out cannot be written (Permission denied): give --out another place\n")


class Dying(SafeRenderer):
    """A renderer whose plugin dies at some settings: those whose first control lies at or above ``above``."""

    above = 0.5

    def render(
        self,
        effects: Sequence[EffectSpec],
        audio: NDArray[np.float32],
        parameters: NDArray[np.float32],
        sample_rate: int,
        preroll: int = 0,
    ) -> Rendered:
        done = super().render(effects, audio, parameters, sample_rate, preroll)
        dead = parameters[..., 0] >= self.above
        done.audio[dead] = 0
        done.status[dead] = Status.FAILED
        if dead.any():
            self._threads.failures.append(Failure(effects[0].name, "drive 1", "crashed (SIGSEGV)"))
        return done


def test_the_search_goes_on_where_the_plugin_dies(
    run: Run, dry: Path, wet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fxstyle.run.match.SafeRenderer", Dying)
    code, out, _ = run("match", dry, wet, "--effect", "distortion", "--renders", 24, "--out", "out")
    assert code == 0
    result = json.loads(Path("out/result.json").read_text())
    assert 0 < result["failed_renders"] < 24
    assert all(setting["position"] < 0.5 for setting in result["settings"])
    assert f"did not survive {result['failed_renders']} of 24 settings" in " ".join(out.split())


def test_a_plugin_that_always_dies_is_one_sentence(
    run: Run, dry: Path, wet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fxstyle.run.match.SafeRenderer", Dying)
    monkeypatch.setattr(Dying, "above", 0.0)
    code, out, err = run("match", dry, wet, "--effect", "distortion", *FEW, "--out", "out")
    assert (code, out) == (1, "")
    assert "gave no sound with any of 12 settings: distortion crashed (SIGSEGV)" in err
    assert err.count("\n") == 1
    assert not Path("out").exists()


def test_an_effect_is_closed_whatever_happens(run: Run, dry: Path, wet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Closing(Dying):
        above = 0.0

        def close(self) -> None:
            closed.append(True)
            super().close()

    monkeypatch.setattr("fxstyle.run.match.SafeRenderer", Closing)
    run("match", dry, wet, "--effect", "distortion", *FEW)
    assert closed == [True]
    assert effect("distortion").free.all()


def test_names_that_no_file_can_have_are_refused(run: Run, dry: Path, wet: Path) -> None:
    code, _, error = run("match", dry, wet, "--effect", "gain", "--out", "x" * 300)
    assert code == 2
    assert "no usable name" in error
    assert len(error.splitlines()) == 1
