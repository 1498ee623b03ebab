from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fxstyle.effects.preset import Preset
from fxstyle.errors import InputError
from fxstyle.search.acceptance import decide
from fxstyle.search.proposal import Proposal, preset_prior
from tests.effects.catalogue import effect

pytestmark = pytest.mark.unit
LADDER = effect("ladder")
COLUMN = next(place for place, p in enumerate(LADDER.parameters) if p.steps)
STEPS = LADDER.parameters[COLUMN].steps


def proposal() -> Proposal:
    count = len(LADDER.parameters)
    odds = np.zeros(STEPS, np.float32)
    odds[:2] = 0.25, 0.75
    steps = tuple(odds if place == COLUMN else None for place in range(count))
    return Proposal(np.full(count, 0.9, np.float32), np.full(count, 0.1, np.float32), steps)


def test_draws_follow_the_spread_and_the_odds_of_the_steps() -> None:
    drawn = proposal().sample(np.random.default_rng(0), 4000)
    assert drawn.min() >= 0.0
    assert drawn.max() <= 1.0
    chosen = np.floor(drawn[:, COLUMN] * STEPS)
    assert np.mean(chosen == 1) == pytest.approx(0.75, abs=0.03)
    assert set(np.unique(chosen)) == {0, 1}
    others = np.delete(drawn, COLUMN, axis=1)
    assert np.all(np.abs(np.median(others, axis=0) - 0.88) < 0.03)
    assert proposal().best[COLUMN] == pytest.approx(1.5 / STEPS)


def test_the_cost_counts_spreads_and_odds() -> None:
    given = proposal()
    free = len(LADDER.parameters)
    at_best = given.cost(LADDER, given.best[None])[0]
    assert at_best == pytest.approx(-np.log(0.75) / free)
    away = given.best.copy()
    away[(COLUMN + 1) % free] -= 0.2
    assert given.cost(LADDER, away[None])[0] - at_best == pytest.approx(2.0 / free, rel=1e-4)
    other = given.best.copy()
    other[COLUMN] = 0.5 / STEPS
    assert given.cost(LADDER, other[None])[0] == pytest.approx(-np.log(0.25) / free)


def test_a_prior_from_presets() -> None:
    name = LADDER.parameters[COLUMN].name
    other = next(p for p in LADDER.parameters if not p.steps)
    labels = LADDER.parameters[COLUMN].labels
    presets = tuple(
        Preset(f"p{place}", ((name, labels[0] if labels else 0.0), (other.name, value)))
        for place, value in enumerate((other.low, other.high))
    )
    prior = preset_prior(replace(LADDER, presets=presets))
    column = LADDER.parameters.index(other)
    assert prior.mean[column] == pytest.approx(0.5)
    assert prior.spread[column] == pytest.approx(0.5)
    odds = prior.steps[COLUMN]
    assert odds is not None
    assert odds[0] == pytest.approx(3 / (2 + STEPS))
    assert prior.steps[column] is None
    assert prior.spread.min() >= 0.1
    with pytest.raises(InputError, match="has no presets"):
        preset_prior(replace(LADDER, presets=()))


@pytest.mark.parametrize(
    ("identity", "best", "accepted", "words"),
    [
        (1.0, 0.5, True, "50% closer"),
        (1.0, 0.96, False, "only 4.0% closer"),
        (1.0, 0.95, False, "5.0% are needed"),
        (1.0, 1.2, False, "no settings come closer"),
        (0.0, 0.0, False, "cannot be told from the reference"),
        (1.0, float("inf"), False, "no settings could be rendered"),
        (1.0, float("nan"), False, "no settings could be rendered"),
    ],
)
def test_a_decision_says_why(identity: float, best: float, accepted: bool, words: str) -> None:
    decision = decide(identity, best, 0.05 + 1e-12)
    assert decision.accepted is accepted
    assert words in decision.reason
    if accepted:
        assert decision.improvement == 1.0 - best / identity
