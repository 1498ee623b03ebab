"""The fuzz is lopsided, sustains, and chokes after loud notes."""

from __future__ import annotations

import numpy as np
import pytest

from fxstyle.effects.dsp.fuzz import Fuzz
from tests.effects.dsp.tones import alias_db, harmonics, steady

pytestmark = pytest.mark.unit

RATE = 44100


@pytest.mark.parametrize("fuzz_db", [35, 45, 60])
@pytest.mark.parametrize("bias", [0.3, 0.5, 0.7])
def test_even_harmonics_are_present_at_any_gain(fuzz_db: float, bias: float) -> None:
    level = harmonics(steady(Fuzz(RATE, 1, fuzz_db=fuzz_db, bias=bias), 220, 0.25, RATE), 220)
    assert level[1] > -20
    assert level[2] > -30


def test_half_waves_become_unequally_long() -> None:
    share = [np.mean(steady(Fuzz(RATE, 1, fuzz_db=db), 220, 0.25, RATE) > 0) for db in (20, 55)]
    assert share[0] == pytest.approx(0.5, abs=0.02)
    assert share[1] == pytest.approx(0.37, abs=0.03)


def test_bias_decides_which_half_clips_first() -> None:
    def height(bias: float) -> float:
        sound = steady(Fuzz(RATE, 1, fuzz_db=27, bias=bias), 1000, 0.25, RATE)
        return float(sound.max() / -sound.min())

    assert height(0.25) > 1.15
    assert height(0.75) < 0.9


def test_it_sustains() -> None:
    """20 dB less in is 1 dB less out."""
    levels = [20 * np.log10(np.std(steady(Fuzz(RATE, 1, fuzz_db=55), 220, a, RATE))) for a in (0.25, 0.025)]
    assert 0 < levels[0] - levels[1] < 1.5
    clean = [20 * np.log10(np.std(steady(Fuzz(RATE, 1, fuzz_db=20), 220, a, RATE))) for a in (0.05, 0.005)]
    assert clean[0] - clean[1] == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_small_signal_gain_and_the_dark_corner(rate: int) -> None:
    def gain_db(frequency: int) -> float:
        wet = steady(Fuzz(rate, 1, fuzz_db=30, level_db=0), frequency, 1e-4, rate)
        return float(20 * np.log10(np.abs(np.fft.rfft(wet))[frequency] / (rate / 2) / 1e-4))

    middle = gain_db(400)
    assert middle == pytest.approx(30 - 20 * np.log10(9), abs=0.3)
    for frequency in (60, 1000, 3000):
        corners = 10 * np.log10(1 + (31.8 / frequency) ** 2) + 10 * np.log10(1 + (frequency / 3882) ** 2)
        assert gain_db(frequency) == pytest.approx(30 - 20 * np.log10(9) - corners, abs=0.3)


def test_a_soft_note_after_a_loud_one_is_choked() -> None:
    time = np.arange(RATE) / RATE
    sine = np.sin(2 * np.pi * 220 * time)
    soft = (0.005 * sine)[None].astype(np.float32)
    loud = (0.8 * sine)[None].astype(np.float32)
    effect = Fuzz(RATE, 1, fuzz_db=45)
    effect.process(loud)
    after = effect.process(soft)[0]
    fresh = Fuzz(RATE, 1, fuzz_db=45).process(soft)[0]
    part = slice(RATE // 50, RATE // 20)
    assert np.std(after[part]) < 0.3 * np.std(fresh[part])
    np.testing.assert_allclose(after[-RATE // 4 :], fresh[-RATE // 4 :], atol=0.01)


def test_level_is_a_gain_and_the_output_is_bounded() -> None:
    loud, soft = (steady(Fuzz(RATE, 1, level_db=db), 220, 0.2, RATE) for db in (0, -12))
    np.testing.assert_allclose(soft, loud * 10 ** (-12 / 20), rtol=1e-4, atol=1e-7)
    for amplitude in (0.1, 1.0, 100.0):
        assert np.abs(steady(Fuzz(RATE, 1, fuzz_db=60, level_db=0), 220, amplitude, RATE)).max() < 1


@pytest.mark.parametrize(
    ("frequency", "fuzz_db", "least"), [(1249, 25, -120), (1249, 45, -65), (5003, 25, -100), (5003, 45, -48)]
)
def test_aliasing_stays_low(frequency: int, fuzz_db: float, least: float) -> None:
    """All that is no harmonic, against all harmonics."""
    assert alias_db(Fuzz(RATE, 1, fuzz_db=fuzz_db), frequency, 0.25, RATE) < least
