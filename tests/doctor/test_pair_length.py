"""One length for both recordings, whichever is longer."""

from __future__ import annotations

import numpy as np
import pytest

from fxstyle.doctor.pair_length import fit_lengths

pytestmark = pytest.mark.unit

RATE = 8000
NAMES = ("d", "w")


def wave(seconds: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(np.arange(round(seconds * RATE)))).astype(np.float32)[None]


def test_a_longer_dry_sound_is_cut() -> None:
    dry, wet, found = fit_lengths(wave(3), wave(2), 100, RATE, 10, NAMES)
    assert dry.shape == wet.shape == (1, 2 * RATE - 100)
    assert found.severity == "repaired"


def test_a_decaying_rest_is_a_tail_and_a_loud_one_is_not() -> None:
    tail = wave(1) * np.linspace(1, 0, RATE, dtype=np.float32) ** 4
    dry, wet, found = fit_lengths(wave(2), np.concatenate([wave(2), tail], axis=1), 0, RATE, 10, NAMES)
    assert dry.shape == wet.shape == (1, 3 * RATE)
    assert not dry[:, 2 * RATE :].any()
    assert found.severity == "repaired"
    dry, wet, found = fit_lengths(wave(2), wave(3), 0, RATE, 10, NAMES)
    assert dry.shape == wet.shape == (1, 2 * RATE)
    assert found.severity == "warn"
    ended = wave(2)
    ended[:, -RATE // 2 :] = 0
    assert fit_lengths(ended, wave(3), 0, RATE, 10, NAMES)[2].severity == "repaired"


@pytest.mark.parametrize("lag", [-300, 0, 300])
def test_both_stay_together(lag: int) -> None:
    dry = np.arange(4 * RATE, dtype=np.float32)[None]
    one, two, _ = fit_lengths(dry, dry - lag, lag, RATE, 10, NAMES)
    np.testing.assert_array_equal(one, two)
    assert one.shape[1] == 4 * RATE - abs(lag)
