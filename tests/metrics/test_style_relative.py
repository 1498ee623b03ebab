from __future__ import annotations

import numpy as np
import pytest

from fxstyle.metrics.intervals import paired_difference
from fxstyle.metrics.style_relative import MACRO_RELATIVE, relative_change

pytestmark = pytest.mark.unit


def test_each_effect_counts_the_same() -> None:
    reference = np.array([1.0, 3.0, 10.0, 30.0, 50.0])
    values = np.array([2.0, 2.0, 9.0, 27.0, 45.0])
    change = relative_change(values, reference, np.array(list("aabbb")), list("12345"))
    assert change.value == pytest.approx(((4 / 4 - 1) + (81 / 90 - 1)) / 2)
    assert (change.n, change.recordings) == (5, 5)
    assert change.low < change.value < change.high


def test_an_effect_that_changes_nothing_does_not_count() -> None:
    change = relative_change(np.ones(4), np.array([0.0, 0.0, 2.0, 2.0]), np.array([0, 0, 1, 1]), list("abcd"))
    assert change.value == pytest.approx(-0.5)
    assert np.isnan(relative_change(np.ones(2), np.zeros(2), np.zeros(2), list("ab")).value)


def test_interval_is_that_of_resampled_recordings() -> None:
    random = np.random.default_rng(0)
    reference = random.uniform(1, 2, 60)
    values = reference * random.uniform(0.5, 1, 60)
    group, recordings = np.arange(60) % 3, np.repeat(np.arange(12), 5)
    change = relative_change(values, reference, group, recordings)
    found = []
    for _ in range(1500):
        chosen = np.concatenate([np.flatnonzero(recordings == r) for r in random.integers(0, 12, 12)])
        ratios = [
            values[chosen[group[chosen] == g]].mean() / reference[chosen[group[chosen] == g]].mean() for g in range(3)
        ]
        found.append(np.mean(ratios) - 1)
    assert [change.low, change.high] == pytest.approx(list(np.quantile(found, [0.025, 0.975])), abs=0.01)


def test_arms_are_compared_on_the_same_pairs() -> None:
    random = np.random.default_rng(1)
    reference, group = random.uniform(1, 9, 40), np.zeros(40)
    found = paired_difference(
        (0.5 * reference, reference, group), (0.7 * reference, reference, group), range(40), MACRO_RELATIVE
    )
    assert [found.value, found.low, found.high] == pytest.approx([-0.2] * 3)
