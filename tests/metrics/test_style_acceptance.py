from __future__ import annotations

import numpy as np
import pytest

from fxstyle.metrics.style_acceptance import GRID, NEVER, accept, calibrate

pytestmark = pytest.mark.unit

PAIRS = 120
EFFECT, RECORDING = np.arange(PAIRS) % 2, np.arange(PAIRS) % 30


def draws(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.uniform(-0.2, 1.0, PAIRS), random.uniform(1, 2, PAIRS)


def test_what_always_helps_is_accepted() -> None:
    improvement, identity = draws(0)
    found = calibrate(np.abs(improvement), 0.5 * identity, identity, EFFECT, RECORDING)
    assert found.threshold == 0.0
    assert found.accepted == 1.0
    assert [found.change.value, found.change.high] == pytest.approx([-0.5, -0.5])


def test_what_always_harms_is_never_accepted() -> None:
    improvement, identity = draws(1)
    found = calibrate(np.abs(improvement), 1.3 * identity, identity, EFFECT, RECORDING)
    assert (found.threshold, found.accepted, found.change.high) == (NEVER, 0.0, 0.0)


def test_what_is_noise_is_never_accepted() -> None:
    improvement, identity = draws(2)
    proposal = identity * np.random.default_rng(3).uniform(0.6, 1.5, PAIRS)
    assert calibrate(improvement, proposal, identity, EFFECT, RECORDING).threshold == NEVER


def test_the_threshold_lies_where_harm_turns_into_help() -> None:
    improvement, identity = draws(4)
    proposal = identity * np.where(improvement > 0.45, 0.6, 1.5)
    found = calibrate(improvement, proposal, identity, EFFECT, RECORDING)
    assert found.threshold == 0.5
    assert found.accepted == pytest.approx(np.mean(improvement > 0.5))
    assert found.change.high < 0


def test_few_recordings_decide_nothing() -> None:
    improvement, identity = draws(5)
    found = calibrate(np.abs(improvement), 0.5 * identity, identity, EFFECT, RECORDING % 7)
    assert found.threshold == NEVER
    none = np.zeros(0)
    assert calibrate(none, none, none, none, none).threshold == NEVER


def test_what_is_not_a_number_is_not_accepted() -> None:
    assert accept(np.array([np.nan, -np.inf, 0.0, 0.5, 1.0]), 0.5).tolist() == [False, False, False, False, True]
    assert not accept(np.array([1.0]), NEVER).any()
    assert max(GRID) < 1 < NEVER
