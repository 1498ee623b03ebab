"""The style benchmark: measured, broken off, gone on with, decided and reported."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from fxstyle.errors import InputError
from fxstyle.metrics.style_acceptance import NEVER
from fxstyle.report.style_records import EffectRecords, Outcome, Pair
from fxstyle.run import guards, style_arms, style_measure, style_searches
from fxstyle.run.style_acceptance import calibrated, read_acceptance, write_acceptance
from fxstyle.run.style_measure import Measurement
from fxstyle.run.style_store import Lines
from tests.effects.catalogue import effect
from tests.programs import Finished, check_refused, composed, run_here
from tests.run.style_makers import few_arms, pair_source

CLONE = Path(__file__).parents[2]
pytestmark = pytest.mark.unit

TINY = (
    "experiment=style_benchmark",
    "audio=synthetic",
    "audio.seconds=2",
    "audio.train_recordings=3",
    "audio.val_recordings=9",
    "audio.test_recordings=3",
    "sample_rate=16000",
    "clip_samples=8192",
    "preroll_seconds=0.1",
    "pairs=3",
    "search_pairs=2",
    "calibration_pairs=2",
    "presets=4",
    "searches={cma: [4], hybrid: [8]}",
    "ours_renders=8",
    "renderer.cores=1",
    "arms=[mid,nearest_preset,searches,ours,oracle]",
    "comparisons=[[ours,mid],[ours,nobody]]",
)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.jsonl"))}


@pytest.fixture
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still, so that files can be compared."""
    for module in (style_arms, style_measure, style_searches):
        monkeypatch.setattr(module.time, "perf_counter", lambda: 0.0)


def measure(folder: Path, pairs: int = 3, searched: int = 2, **facts: Any) -> None:
    source = pair_source(wet_probability=0.7)
    measurement = Measurement(source, "test", folder, facts)
    for name in ("distortion", "delay"):
        measurement.run(effect(name), few_arms(source, pairs, searched), ("same", "other"))


@pytest.mark.usefixtures("timeless")
def test_broken_off_and_gone_on_with_equals_straight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure(tmp_path / "straight")
    append, written = Lines.append, 0

    def breaking(self: Lines, record: Any) -> None:
        nonlocal written
        written += 1
        if written in (4, 20, 37):
            # Torn in the middle of a line, as by a full disk or a kill.
            with self.path.open("ab") as file:
                file.write(b'{"index": 0, "cont')
            raise KeyboardInterrupt
        append(self, record)

    monkeypatch.setattr(Lines, "append", breaking)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            measure(tmp_path / "broken")
    measure(tmp_path / "broken")
    straight = files(tmp_path / "straight")
    assert len(straight) == 2 * (9 + 1)
    broken = files(tmp_path / "broken")
    assert broken.keys() == straight.keys()
    for name in straight:
        # Batches of another size lie elsewhere in memory, and the last bit of a transform depends on that.
        pairs = zip(broken[name].splitlines(), straight[name].splitlines(), strict=True)
        assert all(_equal(json.loads(one), json.loads(other)) for one, other in pairs), name
    measure(tmp_path / "straight")
    assert files(tmp_path / "straight") == straight
    check_records(straight["distortion/hybrid-8.jsonl"], straight["distortion/pairs.jsonl"])
    with pytest.raises(InputError, match="another audio"):
        measure(tmp_path / "straight", audio="other")


def _equal(one: Any, other: Any) -> bool:
    """Whether two records hold the same, but for the last digits of numbers."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return one == (pytest.approx(other, rel=1e-6, abs=1e-6) if isinstance(one, float) else other)


def check_records(lines: bytes, pairs: bytes) -> None:
    header, *records = [json.loads(line) for line in lines.splitlines()]
    made = header["arm"]["hybrid@8"]
    assert {key: made[key] for key in ("method", "budget", "start")} == {"method": "hybrid", "budget": 8, "start": None}
    assert made["weights"], "answers of other weights of the style distance must not be mixed with these"
    assert [(r["index"], r["content"]) for r in records] == [(0, "same"), (0, "other"), (1, "same"), (1, "other")]
    known = [json.loads(line) for line in pairs.splitlines()[1:]]
    assert [pair["index"] for pair in known] == [0, 1, 2]
    for record in records:
        assert record["renders"] == 8
        if record["content"] == "same":
            # The reference is the target: the objective that decides is the headline metric.
            assert record["score"] == pytest.approx(record["scores"]["mrstft"], rel=1e-4)


def records_of(factor: float, recordings: int = 20) -> EffectRecords:
    """A search that always says it gains, whose score is ``factor`` times that of doing nothing."""
    random = np.random.default_rng(0)
    found = EffectRecords(effect("distortion"), True)
    for index in range(recordings):
        identity = float(random.uniform(1, 2))
        found.pairs[index] = Pair(f"r{index}", False, np.array([0.5]))
        plain = {"mrstft": identity}
        found.outcomes.setdefault(("identity", "both"), {})[index] = Outcome(None, 0, 0.0, np.nan, True, plain)
        scores = {"mrstft": factor * identity}
        answer = Outcome(np.array([0.4]), 8, 0.1, 0.6, True, scores)
        found.outcomes.setdefault(("hybrid@8", "other"), {})[index] = answer
    return found


def test_what_harms_is_never_accepted_and_what_helps_is(tmp_path: Path) -> None:
    harmful = calibrated([records_of(1.2)], "hybrid@8", ["other"], 0)
    assert harmful.threshold("distortion", "other") == harmful.threshold("unknown", "other") == NEVER
    helpful = calibrated([records_of(0.7)], "hybrid@8", ["other"], 0)
    assert 0 <= helpful.threshold("distortion", "other") < 0.6
    few = calibrated([records_of(0.7, 5)], "hybrid@8", ["other"], 0)
    assert few.threshold("distortion", "other") == NEVER
    assert few.effects == {"distortion": {}}
    write_acceptance(tmp_path, helpful)
    again = read_acceptance(tmp_path)
    assert (again.thresholds, again.effects) == (helpful.thresholds, helpful.effects)
    with pytest.raises(InputError, match="contents=same"):
        again.threshold("distortion", "same")
    (tmp_path / "acceptance.json").write_text("{}")
    with pytest.raises(InputError, match="acceptance="):
        read_acceptance(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    folder = tmp_path_factory.mktemp("benchmark")
    return folder, run_here("evaluate", *options(folder / "out"))


def options(out: Path, *more: str) -> list[str]:
    chosen = ["effects=six_plus_three", *(f"~effects.train.{n}" for n in ("reverb", "delay", "flanger", "limiter"))]
    chosen += ["~effects.train.compressor", "~effects.unseen.amp", "~effects.unseen.phaser"]
    return [*TINY, *chosen, f"out='{out}'", *more]


def test_from_the_command_line(finished: tuple[Path, Finished]) -> None:
    folder, done = finished
    assert (done.code, done.err) == (0, ""), done.err
    assert done.out.splitlines()[-1] == f"report: {(folder / 'out').resolve()}/report.html"
    assert "unmatched content" in done.out
    with (folder / "out" / "table.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["task"] for row in rows} == {"style_transfer"}
    assert {row["effect"] for row in rows} == {"distortion", "bass_boost", "macro"}
    assert {(row["arm"], row["budget"]) for row in rows} >= {
        ("cma", "4"),
        ("hybrid", "8"),
        ("ours", ""),
        ("oracle", ""),
    }
    found = {(r["arm"], r["effect"], r["seen"], r["metric"]): float(r["value"]) for r in rows}
    assert found["identity", "macro", "", "mrstft_other_vs_identity"] == 0.0
    assert found["oracle", "distortion", "true", "mrstft_same_vs_identity"] < -0.9
    assert found["identity", "bass_boost", "false", "win_rate_other"] == 0.0
    assert {row["n"] for row in rows if row["arm"] == "mid" and row["effect"] == "distortion"} >= {"3"}
    metrics = json.loads((folder / "out" / "metrics.json").read_text())
    assert "test/mrstft_same_vs_identity/macro" in metrics
    thresholds = json.loads((folder / "out" / "acceptance.json").read_text())
    assert set(thresholds) == {"threshold", "effects"}
    assert set(thresholds["threshold"]) == {"same", "other"}
    page = (folder / "out" / "report.html").read_text()
    assert "ours against mid" in page
    for picture in ("quality", "effects"):
        assert (folder / "out" / "pictures" / f"{picture}.png").is_file()
    assert (folder / "out" / "audio" / "distortion_target.flac").is_file()
    assert "python evaluate.py experiment=style_benchmark" in (folder / "out" / "table.md").read_text()


def test_again_it_measures_nothing_and_says_the_same(finished: tuple[Path, Finished], tmp_path: Path) -> None:
    folder, _ = finished
    shutil.copytree(folder / "out", tmp_path / "out")
    before, table = files(tmp_path / "out"), (tmp_path / "out" / "table.csv").read_bytes()
    acceptance = tmp_path / "out" / "acceptance.json"
    done = run_here("evaluate", *options(tmp_path / "out", f"acceptance='{acceptance}'"))
    assert (done.code, done.err) == (0, "")
    assert ": 0 answers added" in done.out
    assert files(tmp_path / "out") == before
    assert (tmp_path / "out" / "table.csv").read_bytes() == table
    other = run_here("evaluate", *options(tmp_path / "out", "seed=2"))
    check_refused(other, "evaluate", ("another seed", "another out"))
    assert files(tmp_path / "out") == before


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    given = ["experiment=style_benchmark", "audio=synthetic", "effects=distortion"]
    found = composed("evaluate", given, tmp_path_factory.mktemp("composed"))
    OmegaConf.set_struct(found, False)
    return found


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("audio=null", "neither of audio and dataset"),
        ("dataset=x", "both of audio and dataset"),
        ("effects=null", "effects has no value"),
        ("audio.root=???", r"audio\.root has no value"),
        ("pairs=0", "pairs must .* at least 1"),
        ("contents=[both]", "'both' is unknown; choose from same, other"),
        ("arms=[identity,ouers]", "'ouers' is unknown"),
        ("arms=[]", "arms must be a list"),
        ("split=tset", "split=tset"),
        ("start=all", "start=all is none of the controllers: there are none"),
        ("controllers={mid: runs/a}", r"controllers\.mid: choose another name"),
        ("controllers={a: 3}", r"controllers\.a must be a run folder"),
        ("ours_renders=99", "ours_renders=99 is none of"),
        ("searches={grid: [3]}", r"searches\.grid is unknown"),
        ("searches={cma: [0]}", r"searches\.cma must be a list"),
        ("searches={cma: [8, 8]}", "names a budget twice"),
        ("comparisons=[[ours]]", "comparisons must be pairs"),
        ("wet_probability=2", "wet_probability must lie between"),
        ("acceptance_to_run=1", "acceptance_to_run must be true or false"),
        ("out=null", "out must be a path"),
        ("channels=3", "channels must be 1"),
    ],
)
def test_benchmarks_that_cannot_be(setting: str, words: str, config: DictConfig) -> None:
    changed = OmegaConf.merge(config, OmegaConf.from_dotlist([setting]))
    guards.check_evaluation(config)
    with pytest.raises(InputError, match=words):
        guards.check_evaluation(DictConfig(changed))


def test_identifiable_controls_are_those_of_the_study() -> None:
    """At least 1 dB of their own, at least half of the continuous controls; drive and mix are among them."""
    listed = OmegaConf.load(CLONE / "conf" / "experiment" / "style_benchmark.yaml").identifiable
    with (CLONE / "docs" / "identifiability.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    wanted: dict[str, set[str]] = {}
    for row in rows:
        if float(row["own_db"]) >= 1.0:
            wanted.setdefault(row["effect"], set()).add(row["parameter"])
    assert {name: set(controls) for name, controls in listed.items()} == wanted
    assert sum(map(len, wanted.values())) >= len(rows) / 2
    assert "drive" in wanted["mda_overdrive"]
    assert "mix" in wanted["mda_delay"]
