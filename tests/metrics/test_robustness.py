from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from fxstyle.metrics.robustness import robustness, weaknesses

pytestmark = pytest.mark.unit

RATE = 2000
Sound = NDArray[np.float32]


def shaped(audio: Sound) -> Sound:
    return np.tanh(lfilter([0.5], [1, -0.5], audio)).astype(np.float32)


def explosive(audio: Sound) -> Sound:
    return np.where(np.abs(audio) > 2, np.float32(np.nan), audio)


def buzzing(audio: Sound) -> Sound:
    return audio + np.float32(1e-3)


def ringing(audio: Sound) -> Sound:
    """A loop that never forgets what it heard."""
    return audio + np.float32(1e-3) * (np.abs(np.cumsum(np.abs(audio), axis=1)) > 1)


def swelling(audio: Sound) -> Sound:
    return audio * (10 ** (0.1 * np.arange(audio.shape[1]) / RATE / 20)).astype(np.float32)


def summing(audio: Sound) -> Sound:
    """Without any loss at 0 Hz."""
    return audio + np.float32(1e-4) * np.cumsum(audio, axis=1)


def blocking(audio: Sound) -> Sound:
    return lfilter([1, -1], [1, -0.9999], audio).astype(np.float32)


def waking(audio: Sound) -> Sound:
    """With a click before it settles."""
    return audio + np.float32(0.1) * (np.arange(audio.shape[1]) < RATE)


@pytest.mark.parametrize(
    ("render", "expected"),
    [
        (shaped, set()),
        (explosive, {"loud_not_finite", "loud_drift", "silence_after_loud_not_finite"}),
        (buzzing, {"silence_level", "silence_after_loud_level"}),
        (ringing, {"silence_after_loud_level"}),
        (swelling, {"loud_drift", "offset_drift", "impulses_drift"}),
        (summing, {"offset_drift"}),
        (blocking, set()),
        (waking, set()),
    ],
)
def test_weaknesses(render: Callable[[Sound], Sound], expected: set[str]) -> None:
    found = set(weaknesses(robustness(render, RATE, 60)))
    assert found == expected


def test_numbers() -> None:
    found = robustness(lambda audio: np.float32(0.5) * audio, RATE, 8)
    assert found["loud_peak"] == pytest.approx(12 - 6.0206, abs=1e-3)
    assert found["silence_level"] == found["silence_after_loud_level"] == -100
    assert found["loud_drift"] == pytest.approx(0, abs=1e-3)
    assert robustness(swelling, RATE, 60)["loud_drift"] == pytest.approx(6, rel=0.01)
    assert all(found[f"{name}_not_finite"] == 0 for name in ("loud", "silence", "offset", "impulses"))
