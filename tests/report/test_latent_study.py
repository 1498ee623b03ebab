from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fxstyle.effects.parameter import Parameter
from fxstyle.effects.spec import EffectSpec
from fxstyle.report import latent_report
from fxstyle.report.embeddings import Clips, Pairs
from fxstyle.report.latent_study import ARMS, METRICS, Comparison, Group, Scope, study
from fxstyle.report.tables import MACRO, Result

pytestmark = pytest.mark.unit

SCOPE = Scope("made-up", "numbers", 1)
DIMENSIONS = 8
EFFECTS = (
    EffectSpec("low", "pedalboard", "Gain", (Parameter("gain_db", -20, 0, -10), Parameter("held", 0, 1, 0, held=True))),
    EffectSpec("mid", "pedalboard", "Gain", (Parameter("gain_db", -20, 0, -10),)),
    EffectSpec("high", "pedalboard", "Gain", (Parameter("gain_db", -20, 0, -10),)),
    EffectSpec("new", "pedalboard", "Gain", (Parameter("gain_db", -20, 0, -10),)),
)
SEEN, UNSEEN = Group(True, (0, 1, 2)), Group(False, (3,))


def clips_of(split: str, each: int = 40, recordings: int = 10) -> Clips:
    """Clips whose ``model`` embedding says everything and whose other embeddings say nothing."""
    random = np.random.default_rng(len(split))
    effect = np.tile(np.arange(4), each)
    n = len(effect)
    parameters = random.uniform(0, 1, (n, 2)).astype(np.float32)
    timbre = random.normal(50, 10, (n, 2))
    known = np.zeros((n, DIMENSIONS))
    known[np.arange(n), effect] = 40.0
    known[:, 4:6], known[:, 6:] = 10 * parameters, timbre
    return Clips(
        effect=effect,
        recording=np.array([f"{split}{index % recordings}" for index in random.permutation(n)]),
        keys=[],
        parameters=parameters,
        wet={
            arm: known + 0.01 * random.standard_normal(known.shape)
            if arm == "model"
            else random.standard_normal((n, DIMENSIONS))
            for arm in ARMS
        },
        dry=random.standard_normal((n, DIMENSIONS)),
        wet_timbre=timbre,
        dry_timbre=timbre,
    )


def pairs_of(contents: int = 40, effects: int = 3) -> Pairs:
    """Queries in which ``model`` knows the effect whatever the content, and the others only chance."""
    random = np.random.default_rng(7)
    queries: dict[str, np.ndarray] = {}
    candidates: dict[str, np.ndarray] = {}
    own = np.tile(np.arange(effects), contents)
    order = np.array([[first, *(e for e in range(effects) if e != first)] for first in own])
    for arm in ARMS:
        queries[arm] = random.standard_normal((len(own), DIMENSIONS))
        candidates[arm] = random.standard_normal((len(own), effects, DIMENSIONS))
        if arm == "model":
            queries[arm] = 0.001 * queries[arm]
            candidates[arm] = 0.001 * candidates[arm]
            queries[arm][np.arange(len(own)), own] += 40.0
            np.put_along_axis(candidates[arm], order[:, :, None], 40.0, axis=2)
    return Pairs(queries, candidates, np.array([f"test{index // effects % 10}" for index in range(len(own))]))


@pytest.fixture(scope="module")
def studied() -> tuple[list[Result], list[Comparison]]:
    return study(SCOPE, clips_of("train"), clips_of("test"), {True: pairs_of()}, EFFECTS, (SEEN, UNSEEN))


def values(results: list[Result], metric: str, effect: str = MACRO, seen: bool = True) -> dict[str, float]:
    return {r.arm: r.value for r in results if (r.metric, r.effect, r.seen) == (metric, effect, seen)}


@pytest.mark.parametrize("metric", ["effect_probe", "effect_knn", "retrieval_r1"])
def test_what_encodes_the_effect_is_told_from_what_does_not(
    studied: tuple[list[Result], list[Comparison]], metric: str
) -> None:
    found = values(studied[0], metric)
    assert found["model"] == 1.0
    assert found["chance"] == pytest.approx(1 / 3)
    for arm in ARMS[1:]:
        assert abs(found[arm] - 1 / 3) < 0.17


def test_what_is_continuous_is_read_off(studied: tuple[list[Result], list[Comparison]]) -> None:
    for metric in ("brightness_r2", "depth_r2", "parameter_r2"):
        found = values(studied[0], metric)
        assert found["model"] > 0.98
        assert found["chance"] == 0.0
        assert all(found[arm] < 0.2 for arm in ARMS[1:])
    silhouettes = values(studied[0], "silhouette")
    assert silhouettes["model"] > 0.2
    assert all(abs(silhouettes[arm]) < 0.1 for arm in ARMS[1:])


@pytest.mark.parametrize("metric", METRICS)
def test_the_model_is_better_with_its_interval(studied: tuple[list[Result], list[Comparison]], metric: str) -> None:
    found = {c.arm: c for c in studied[1] if c.metric == metric and c.seen}
    assert tuple(found) == ARMS[1:]
    for comparison in found.values():
        assert comparison.low <= comparison.value <= comparison.high
        assert latent_report.verdict(comparison) == "better"


def test_equal_arms_are_not_apart() -> None:
    test = clips_of("test")
    train = clips_of("train")
    for clips in (train, test):
        clips.wet["pca"] = clips.wet["model"]
        clips.wet["model"], clips.wet["mfcc"] = clips.wet["mfcc"], clips.wet["model"]
    _, comparisons = study(SCOPE, train, test, {}, EFFECTS, (SEEN,))
    verdicts = {c.arm: latent_report.verdict(c) for c in comparisons if c.metric == "effect_probe"}
    assert verdicts == {"pca": "worse", "mfcc": "worse", "untrained": "not apart"}


def test_every_effect_and_every_free_control_has_its_row(studied: tuple[list[Result], list[Comparison]]) -> None:
    results = studied[0]
    single = {(r.metric, r.effect, r.seen) for r in results if r.effect != MACRO}
    assert single == {
        *(("effect_probe", name, True) for name in ("low", "mid", "high")),
        *(("r2_gain_db", name, True) for name in ("low", "mid", "high")),
        ("r2_gain_db", "new", False),
    }
    assert all(values(results, "effect_probe", name)["model"] == 1.0 for name in ("low", "mid", "high"))
    assert all(values(results, "r2_gain_db", name)["model"] > 0.98 for name in ("low", "mid", "high"))


def test_a_single_effect_is_not_classified(studied: tuple[list[Result], list[Comparison]]) -> None:
    results, comparisons = studied
    continuous = {"brightness_r2", "depth_r2", "parameter_r2"}
    assert {r.metric for r in results if not r.seen and r.effect == MACRO} == continuous
    assert {c.metric for c in comparisons if not c.seen} == continuous


def test_rows_say_how_many_clips_and_recordings(studied: tuple[list[Result], list[Comparison]]) -> None:
    for r in studied[0]:
        assert (r.run, r.dataset, r.split, r.task) == ("made-up", "numbers", "test", "representation")
        if r.arm == "chance":
            assert (r.n, r.recordings) == (0, 0)
        elif r.effect == MACRO and r.seen:
            assert r.n == 120
            assert r.recordings == 10
            assert r.ci_low <= r.value <= r.ci_high
        elif r.effect != MACRO:
            assert r.n == 40


def test_effects_of_another_group_do_not_matter() -> None:
    """Seen and unseen effects are judged apart."""
    train, test = clips_of("train"), clips_of("test")
    alone, _ = study(SCOPE, train, test, {}, EFFECTS, (SEEN,))
    spoilt = replace(test, wet={arm: np.where((test.effect == 3)[:, None], 1e3, z) for arm, z in test.wet.items()})
    together, _ = study(SCOPE, train, spoilt, {}, EFFECTS, (SEEN, UNSEEN))
    assert [r for r in together if r.seen] == alone
    assert "retrieval_r1" not in {r.metric for r in alone}


def test_clips_without_timbre_are_counted() -> None:
    train, test = clips_of("train"), clips_of("test")
    train.wet_timbre[:8] = np.nan
    test.wet_timbre[:6, 1] = np.nan  # the first six hold effects 0, 1, 2, 3, 0, 1
    results, _ = study(SCOPE, train, test, {}, EFFECTS, (SEEN,))
    counted = {r.metric: r.n for r in results if r.arm == "model" and r.effect == MACRO}
    assert counted["brightness_r2"] == 120
    assert counted["depth_r2"] == 115
    assert values(results, "depth_r2")["model"] > 0.98
    assert latent_report.caveats(test)[0].startswith("6 test clips have no brightness or depth")


def test_few_recordings_are_said() -> None:
    clips = clips_of("test")
    clips.recording = np.resize([f"take {index}" for index in range(10)], len(clips.recording))
    assert latent_report.caveats(clips) == []
    clips.recording[clips.recording == "take 9"] = "take 0"
    (sentence,) = latent_report.caveats(clips)
    assert sentence.startswith("Only 9 test recordings")


def test_the_study_is_a_function_of_its_seed() -> None:
    train, test = clips_of("train", 12, 4), clips_of("test", 12, 4)
    one, again = (study(SCOPE, train, test, {}, EFFECTS, (SEEN,))[0] for _ in range(2))
    assert one == again


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "better"), (-0.2, -0.1, "worse"), (-0.1, 0.1, "not apart"), (0, 0, "not apart")],
)
def test_verdicts_need_intervals_apart_from_zero(low: float, high: float, verdict: str) -> None:
    assert latent_report.verdict(Comparison(True, "effect_probe", "pca", (low + high) / 2, low, high)) == verdict
    undecided = Comparison(True, "effect_probe", "pca", 0.5, np.nan, np.nan)
    assert latent_report.verdict(undecided) == "not apart"
