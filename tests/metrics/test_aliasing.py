"""Aliasing of effects for which it is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter, resample_poly

from fxstyle.metrics.aliasing import FREQUENCIES, LOWEST_DB, aliasing_to_signal

pytestmark = pytest.mark.unit

RATE = 44100
Sound = NDArray[np.float32]


def clip(audio: Sound) -> Sound:
    return np.clip(audio, -0.1, 0.1)


def oversampled(audio: Sound) -> Sound:
    return resample_poly(clip(resample_poly(audio, 8, 1, axis=1)), 1, 8, axis=1).astype(np.float32)


def expected_db(frequency: float) -> float:
    """From the Fourier series of a clipped sine: harmonics above half the rate over those below."""
    period = clip(0.5 * np.sin(2 * np.pi * np.arange(1 << 16) / (1 << 16)).astype(np.float32))
    energy = np.abs(np.fft.rfft(period.astype(np.float64))) ** 2
    harmonics = np.arange(len(energy)) * frequency
    return float(10 * np.log10(energy[harmonics > RATE / 2].sum() / energy[1:][harmonics[1:] < RATE / 2].sum()))


def test_a_clipper_folds_what_its_fourier_series_holds_above_half_the_rate() -> None:
    found = aliasing_to_signal(clip, RATE, 20 * np.log10(0.5))
    assert len(found.ratios_db) == len(FREQUENCIES)
    np.testing.assert_allclose(found.frequencies, FREQUENCIES, rtol=0.02)
    for frequency, ratio in zip(found.frequencies, found.ratios_db, strict=True):
        assert ratio == pytest.approx(expected_db(frequency), abs=0.2)
    assert min(found.ratios_db) < found.total_db < max(found.ratios_db)


def test_oversampling_helps() -> None:
    plain, better = aliasing_to_signal(clip, RATE), aliasing_to_signal(oversampled, RATE)
    assert better.total_db < plain.total_db - 15
    assert all(b < p - 10 for b, p in zip(better.ratios_db, plain.ratios_db, strict=True))


def test_what_is_linear_or_stays_below_half_the_rate_has_none() -> None:
    def linear(audio: Sound) -> Sound:
        return lfilter([0.5, 0.2], [1, -0.3], audio).astype(np.float32)

    def shaped(audio: Sound) -> Sound:
        return audio + audio**2 + np.float32(0.3)

    assert aliasing_to_signal(linear, RATE).total_db < -120
    assert aliasing_to_signal(shaped, RATE).total_db < -110


def test_an_offset_does_not_count_even_where_it_drifts() -> None:
    plain = aliasing_to_signal(clip, RATE)
    found = aliasing_to_signal(lambda audio: clip(audio) + np.float32(0.5), RATE)
    assert found.ratios_db == pytest.approx(plain.ratios_db, abs=0.01)

    def drifting(audio: Sound) -> Sound:
        return audio + np.linspace(0, 0.5, audio.shape[1], dtype=np.float32)

    assert aliasing_to_signal(drifting, RATE).total_db < -90


def test_noise_counts() -> None:
    noise = np.random.default_rng(0)
    found = aliasing_to_signal(
        lambda audio: audio + noise.normal(0, 0.01, audio.shape).astype(np.float32), RATE, 0, [1000.0]
    )
    assert found.total_db == pytest.approx(10 * np.log10(0.01**2 / 0.5), abs=0.5)


def test_silence_has_no_ratio_and_lowest_is_the_floor() -> None:
    assert np.isnan(aliasing_to_signal(np.zeros_like, RATE).total_db)
    assert aliasing_to_signal(lambda audio: audio, RATE).total_db >= LOWEST_DB


def test_frequencies_that_cannot_be_measured() -> None:
    assert len(aliasing_to_signal(clip, 16000).frequencies) == 9
    with pytest.raises(ValueError, match="no frequency"):
        aliasing_to_signal(clip, RATE, frequencies=[20_000.0])
