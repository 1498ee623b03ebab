from __future__ import annotations

import numpy as np
import pytest

from fxstyle.features.frame_gains import frame_gains

pytestmark = pytest.mark.unit


def test_gain_of_each_frame_whatever_its_sign() -> None:
    dry = np.random.default_rng(0).standard_normal(34)
    gains = frame_gains(dry, np.repeat([0.5, -2.0, 0.0], [10, 10, 14]) * dry, 10)
    assert gains == pytest.approx([0.5, 2.0, 0.0])


def test_noise_of_its_own_is_no_gain() -> None:
    rng = np.random.default_rng(0)
    dry, noise = rng.standard_normal((2, 20000))
    assert frame_gains(dry, 0.3 * dry + noise, 20000)[0] == pytest.approx(0.3, abs=0.02)


def test_frames_too_quiet_to_say() -> None:
    dry = np.concatenate([np.ones(10), np.full(10, 5e-5), np.zeros(10)])
    assert np.isnan(frame_gains(dry, dry, 10)).tolist() == [False, True, True]
    assert np.isnan(frame_gains(np.zeros(20), np.ones(20), 10)).all()
    assert len(frame_gains(np.zeros(3), np.zeros(3), 10)) == 0
