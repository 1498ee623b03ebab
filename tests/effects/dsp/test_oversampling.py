"""Up and down again: in its place, flat, without images, whatever the pieces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import freqz

from fxstyle.effects.dsp.oversampling import TAPS, Oversampler, factor, lowpass

pytestmark = pytest.mark.unit

RATES = [8000, 22050, 44100, 48000, 96000, 192000]


def test_factors_reach_the_wanted_rate() -> None:
    assert [factor(rate) for rate in RATES] == [33, 12, 6, 6, 3, 2]
    assert factor(1e6) == 2
    assert factor(1000) == 64


@pytest.mark.parametrize("rate", RATES)
def test_the_filter_is_flat_and_then_closed(rate: int) -> None:
    times = factor(rate)
    taps = lowpass(times).ravel()
    frequencies = np.linspace(0, 0.5, 8192) / times  # in parts of the inner rate
    frequencies = np.concatenate([frequencies, np.linspace(0.5 / times, 0.5, 8192)])
    level = 20 * np.log10(np.abs(freqz(taps, worN=frequencies, fs=1)[1]) + 1e-12)
    assert np.abs(level[frequencies <= 0.42 / times]).max() < 0.01
    assert level[frequencies >= 0.5 / times].max() < -79


@pytest.mark.parametrize("rate", RATES)
def test_up_and_down_is_a_delay(rate: int) -> None:
    oversampler = Oversampler(rate, 2)
    impulse = np.zeros((2, 4 * TAPS), np.float32)
    impulse[0, 10] = 1
    impulse[1, 20] = -1
    inner = oversampler.up(impulse)
    assert inner.shape == (2, 4 * TAPS * oversampler.factor)
    result = oversampler.down(inner)
    assert oversampler.latency == TAPS - 1
    for channel, place in enumerate((10, 20)):
        middle = place + oversampler.latency
        assert int(np.argmax(np.abs(result[channel]))) == middle
        left, right = result[channel, middle - 30 : middle], result[channel, middle + 1 : middle + 31]
        np.testing.assert_allclose(left, right[::-1], atol=1e-12)


@pytest.mark.parametrize("rate", RATES)
def test_sines_come_back_as_they_were(rate: int) -> None:
    oversampler = Oversampler(rate, 1)
    time = np.arange(4000) / rate
    sine = np.sin(2 * np.pi * 0.3 * rate * time)
    result = oversampler.down(oversampler.up(sine[None].astype(np.float32)))[0]
    late = oversampler.latency
    np.testing.assert_allclose(result[2 * late :], sine[late:-late], atol=2e-3)


def test_nothing_depends_on_the_pieces() -> None:
    audio = np.random.default_rng(0).standard_normal((2, 700)).astype(np.float32)
    whole, cut = Oversampler(44100, 2), Oversampler(44100, 2)
    expected = whole.down(whole.up(audio))
    pieces = np.split(audio, [1, 2, 60, 64, 300, 699], axis=1)
    np.testing.assert_array_equal(np.concatenate([cut.down(cut.up(piece)) for piece in pieces], axis=1), expected)
