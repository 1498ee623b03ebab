from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.audio.resample import fit_length, resample, resampled_length, to_channels

pytestmark = pytest.mark.unit

RATES = st.sampled_from([16000, 22050, 24000, 44100, 48000, 96000])


@settings(max_examples=30, deadline=None)
@given(RATES, RATES, st.integers(1, 20000), st.integers(1, 2))
def test_length_is_rounded_and_channels_stay(rate, new_rate, samples, channels):
    result = resample(np.zeros((channels, samples), np.float32), rate, new_rate)
    assert result.shape == (channels, resampled_length(samples, rate, new_rate))
    assert abs(result.shape[1] - samples * new_rate / rate) <= 0.5
    assert result.dtype == np.float32


@settings(max_examples=15, deadline=None)
@given(RATES, RATES, st.floats(100, 6000), st.sampled_from(["HQ", "VHQ"]))
def test_a_tone_stays_that_tone_without_delay(rate, new_rate, hertz, quality):
    tone = np.sin(2 * np.pi * hertz * np.arange(rate // 2) / rate).astype(np.float32)[None]
    result = resample(tone, rate, new_rate, quality)[0]
    expected = np.sin(2 * np.pi * hertz * np.arange(len(result)) / new_rate)
    middle = slice(len(result) // 4, -len(result) // 4)
    np.testing.assert_allclose(result[middle], expected[middle], atol=1e-4)


def test_what_the_new_rate_cannot_hold_is_removed():
    tone = np.sin(2 * np.pi * 15000 * np.arange(48000) / 48000).astype(np.float32)[None]
    assert np.abs(resample(tone, 48000, 24000)[:, 2000:-2000]).max() < 1e-4


def test_channels():
    stereo = np.array([[1, 2], [3, 6]], np.float32)
    np.testing.assert_array_equal(to_channels(stereo, 1), [[2, 4]])
    np.testing.assert_array_equal(to_channels(stereo[:1], 2), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(to_channels(np.vstack([stereo, stereo]), 2), stereo)
    assert to_channels(stereo, 2) is stereo
    with pytest.raises(ValueError, match="not 1 or 2"):
        to_channels(stereo, 3)


def test_fit_length():
    audio = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(fit_length(audio, 4), [[1, 1, 1, 0]] * 2)
    assert fit_length(audio, 2).shape == (2, 2)
