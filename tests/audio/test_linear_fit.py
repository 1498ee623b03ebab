"""Gains and filters by least squares, against direct computation."""

from __future__ import annotations

import numpy as np
import pytest

from fxstyle.audio import linear_fit
from fxstyle.audio.linear_fit import correlations, error_ratio, explained, filter_error, fit_filter, fit_gain

pytestmark = pytest.mark.unit


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(3000)


def test_correlations_by_blocks_are_the_plain_sums(noise: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_fit, "_BLOCK", 700)
    wet = np.random.default_rng(1).standard_normal(2500)
    power, shared = correlations(noise, wet, -5, 9)
    for place, lag in enumerate(range(-5, 10)):
        pairs = [(n, n + lag) for n in range(len(noise)) if 0 <= n + lag < len(wet)]
        assert shared[place] == pytest.approx(sum(noise[one] * wet[two] for one, two in pairs))
    for place, lag in enumerate(range(-14, 15)):
        assert power[place] == pytest.approx(noise[: 3000 - abs(lag)] @ noise[abs(lag) :])


def test_a_filter_is_found_again(noise: np.ndarray) -> None:
    taps = np.array([0.5, -0.3, 0.0, 0.2])
    wet = np.convolve(noise, taps)[: len(noise)]
    np.testing.assert_allclose(fit_filter(noise, wet, 8)[:4], taps, atol=0.01)
    assert filter_error(noise, wet, 8) < 1e-3
    # No causal filter makes a white noise earlier.
    assert filter_error(noise[:-3], noise[3:], 64) > 0.9


def test_gain_and_error(noise: np.ndarray) -> None:
    assert fit_gain(noise, -2 * noise) == pytest.approx(-2)
    assert error_ratio(0.9 * noise, noise) == pytest.approx(0.01)
    assert fit_gain(0 * noise, noise) == 0
    assert np.isnan(error_ratio(noise, 0 * noise))
    assert not fit_filter(0 * noise, noise, 4).any()


def test_delays_explain_what_they_carry(noise: np.ndarray) -> None:
    wet = 0.6 * noise
    wet[100:] += 0.8 * noise[:-100]
    assert explained(noise, wet, [0]) == pytest.approx(0.36, abs=0.06)
    assert explained(noise, wet, [100, 0]) > 0.97
    assert explained(noise, wet, range(-40, -20)) < 0.05
    assert explained(0 * noise, wet, [0]) == 0
