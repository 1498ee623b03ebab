from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fxstyle.metrics.lfo_protocol import fit_phase_and_gain, play, score_second_half
from fxstyle.models.modulated_delay import ModulatedDelay

pytestmark = pytest.mark.unit
RATE, HERTZ = 8000, 3.0


@pytest.fixture(scope="module")
def model() -> ModulatedDelay:
    torch.manual_seed(0)
    return ModulatedDelay(RATE, 0, [HERTZ])


def sound(seed: int) -> np.ndarray:
    return 0.2 * np.random.default_rng(seed).standard_normal((1, RATE)).astype(np.float32)


def test_the_phase_and_gain_of_a_recording_are_found(model: ModulatedDelay) -> None:
    dry = sound(0)
    wet = 0.4 * play(model, dry, None, 0.123)
    seconds, gain = fit_phase_and_gain(model, dry, wet, None, HERTZ, RATE)
    assert gain == pytest.approx(0.4, rel=0.01)
    away = (seconds - 0.123) * HERTZ
    assert abs(away - round(away)) < 0.01


def test_only_the_second_half_is_scored_and_only_the_first_is_fitted(model: ModulatedDelay) -> None:
    dry = sound(1)
    wet = play(model, dry, None, 0.05)
    score = score_second_half(model, dry, wet, None, HERTZ, RATE, np.array([0.0, 1.0]))
    assert score.model < 1e-3
    assert score.skill > 0.99
    half = RATE // 2
    changed = wet.copy()
    changed[:, half:] = sound(2)[:, half:]
    other = score_second_half(model, dry, changed, None, HERTZ, RATE)
    assert (other.seconds, other.gain) == (score.seconds, score.gain)
    assert other.model > 0.5
    assert math.isnan(other.fir)
    gain = float((dry[:, :half] * wet[:, :half]).sum() / np.square(dry[:, :half]).sum())
    error = np.square(wet[:, half:] - gain * dry[:, half:]).sum() / np.square(wet[:, half:]).sum()
    assert score.gain_only == pytest.approx(float(error), rel=1e-4)
