from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from fxstyle.effects.parameter import Parameter
from fxstyle.effects.spec import EffectSpec, chain
from fxstyle.errors import InputError
from fxstyle.search.problem import Problem
from fxstyle.search.proposal import Proposal
from fxstyle.search.search import search
from tests.effects.catalogue import effect
from tests.search.problems import Renders, matched

pytestmark = pytest.mark.unit

Method = Literal["cma", "hybrid"]
METHODS: tuple[Method, ...] = ("cma", "hybrid")
DRIVE = effect("distortion")
LADDER = effect("ladder")
SWITCH = chain("pedals", (DRIVE, effect("lowpass")), bypassable=("distortion",))


def drive(truth: float = 0.7, renderer: Renders | None = None) -> Problem:
    return matched(DRIVE, np.array([truth], dtype=np.float32), renderer)


@pytest.mark.parametrize(
    ("name", "method", "budget", "tolerance"),
    [
        ("distortion", "hybrid", 24, 0.002),
        ("distortion", "cma", 60, 0.02),
        ("peak", "hybrid", 64, 0.05),
        ("peak", "cma", 250, 0.05),
    ],
)
def test_known_settings_are_found_again(name: str, method: Method, budget: int, tolerance: float) -> None:
    spec = effect(name)
    truth = np.array([0.35, 0.8, 0.6], dtype=np.float32)[: len(spec.parameters)]
    problem = matched(spec, truth)
    result = search(problem, budget, method)
    assert result.best.score < 0.1 * problem.identity
    np.testing.assert_allclose(result.best.positions, truth, atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_steps_are_found_and_stay_in_their_middle(method: Method) -> None:
    names = [parameter.name for parameter in LADDER.parameters]
    truth = LADDER.defaults.copy()
    column = names.index("mode")
    steps = LADDER.parameters[column].steps
    truth[column] = (steps - 2 + 0.5) / steps
    problem = matched(LADDER, truth)
    result = search(problem, 100, method)
    assert result.best.positions[column] == truth[column]
    assert all(np.isclose((steps * c.positions[column]) % 1.0, 0.5) for c in result.candidates)


@pytest.mark.parametrize("method", METHODS)
def test_a_chain_finds_that_a_link_is_bypassed(method: Method) -> None:
    bypass = [parameter.name for parameter in SWITCH.parameters].index("distortion.bypass")
    truth = SWITCH.defaults.copy()
    truth[bypass] = 0.75
    result = search(matched(SWITCH, truth), 60, method)
    assert result.best.positions[bypass] == 0.75
    # The switch of the other link is held.
    assert all(c.positions[-1] == SWITCH.defaults[-1] for c in result.candidates)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [1, 7, 33])
def test_the_budget_is_used_and_never_exceeded(method: Method, budget: int) -> None:
    renderer = Renders()
    seen: list[tuple[int, float]] = []
    spec = effect("compressor")
    problem = matched(spec, np.full(len(spec.parameters), 0.4, dtype=np.float32), renderer)
    result = search(problem, budget, method, on_progress=lambda renders, best: seen.append((renders, best)))
    assert result.renders == problem.renders == sum(renderer.calls) == budget
    assert result.history == tuple(seen)
    assert result.history[-1] == (budget, result.best.score)
    scores = [score for _, score in result.history]
    assert scores == sorted(scores, reverse=True)
    assert result.stopped_by == "budget"


def test_without_renders_the_proposal_comes_back_unscored() -> None:
    start = Proposal(np.array([0.2], np.float32), np.array([0.1], np.float32), (None,))
    result = search(drive(), 0, "hybrid", start)
    np.testing.assert_array_equal(result.best.positions, start.mean)
    assert np.isnan(result.best.score)
    assert (result.renders, result.history) == (0, ())


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_the_same_search_and_leaves_no_trace(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = str(np.random.get_state()[1])  # noqa: NPY002
    truth = LADDER.sample(np.random.default_rng(3))
    one, two, other = (search(matched(LADDER, truth), 40, method, seed=seed) for seed in (5, 5, 6))
    assert one.history == two.history
    np.testing.assert_array_equal(one.best.positions, two.best.positions)
    assert one.history != other.history
    assert str(np.random.get_state()[1]) == before  # noqa: NPY002
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("method", METHODS)
def test_settings_that_fail_are_avoided(method: Method) -> None:
    problem = drive(0.45, Renders(fails_above=0.5))
    result = search(problem, 40, method)
    assert result.best.positions[0] == pytest.approx(0.45, abs=0.01)
    assert 0 < problem.failed < 40
    assert all(np.isfinite(c.score) and c.positions[0] <= 0.5 for c in result.candidates)


@pytest.mark.parametrize("method", METHODS)
def test_where_everything_fails_nothing_is_scored(method: Method) -> None:
    result = search(drive(renderer=Renders(fails_above=-1.0)), 20, method)
    assert np.isnan(result.best.score)
    np.testing.assert_array_equal(result.best.positions, DRIVE.defaults)
    assert result.renders <= 20


@pytest.mark.parametrize("method", METHODS)
def test_an_interruption_returns_the_best_so_far(method: Method) -> None:
    def interrupt(renders: int, _: float) -> None:
        if renders >= 20:
            raise KeyboardInterrupt

    result = search(drive(), 100, method, on_progress=interrupt)
    assert result.stopped_by == "interrupted"
    assert 20 <= result.renders < 100
    assert result.history[-1][1] == result.best.score == min(score for _, score in result.history)


@pytest.mark.parametrize("method", METHODS)
def test_a_start_near_the_truth_helps_a_small_search(method: Method) -> None:
    spec = effect("peak")
    truth = np.array([0.31, 0.87, 0.64], dtype=np.float32)
    spread = np.full(3, 0.05, np.float32)
    start = Proposal(truth + np.float32(0.03), spread, (None,) * 3)
    with_start, without = (
        np.mean([search(matched(spec, truth), 10, method, given, seed=seed).best.score for seed in range(3)])
        for given in (start, None)
    )
    assert with_start < 0.7 * without


@pytest.mark.parametrize("method", METHODS)
def test_a_prior_pulls(method: Method) -> None:
    prior = Proposal(np.array([0.3], np.float32), np.array([0.05], np.float32), (None,))
    free, pulled, held = (
        float(search(drive(0.7), 40, method, prior=prior, prior_weight=weight).best.positions[0])
        for weight in (0.0, 0.01, 100.0)
    )
    assert free == pytest.approx(0.7, abs=0.02)
    assert held == pytest.approx(0.3, abs=0.02)
    assert held < pulled < free - 0.002


@pytest.mark.parametrize("method", METHODS)
def test_candidates_differ_and_the_best_comes_first(method: Method) -> None:
    result = search(matched(LADDER, LADDER.sample(np.random.default_rng(0))), 40, method)
    assert len(result.candidates) >= 3
    scores = [c.score for c in result.candidates]
    assert scores == sorted(scores)
    stepped = np.array([parameter.steps > 0 for parameter in LADDER.parameters])
    for place, one in enumerate(result.candidates):
        for two in result.candidates[place + 1 :]:
            apart = np.abs(one.positions - two.positions)
            assert apart.max() > 0.1 or apart[stepped].max() > 0


def test_an_effect_with_switches_only_is_tried_whole() -> None:
    switches = replace(
        SWITCH,
        name="switches",
        parameters=tuple(p if p.name == "distortion.bypass" else replace(p, held=True) for p in SWITCH.parameters),
    )
    truth = switches.defaults.copy()
    truth[-2] = 0.75
    problem = matched(switches, truth)
    result = search(problem, 100, "hybrid")
    assert (result.renders, result.stopped_by) == (2, "all tried")
    np.testing.assert_array_equal(result.best.positions, truth)
    assert result.best.score == pytest.approx(0.0, abs=1e-6)


def test_bad_requests_are_refused() -> None:
    held = EffectSpec("still", "pedalboard", "Gain", (Parameter("gain_db", -20, 0, -10, held=True),))
    with pytest.raises(InputError, match="'still' has no control to search for"):
        matched(held, held.defaults)
    with pytest.raises(InputError, match="renders is -1"):
        search(drive(), -1, "cma")
    with pytest.raises(InputError, match="'best' is unknown"):
        search(drive(), 1, "best")  # type: ignore[arg-type]
