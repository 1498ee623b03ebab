"""Onsets and the peak-hold envelope against their sample by sample definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.features.onsets import _walk_back, flux_peaks, onsets, peak_hold_envelope, spectral_flux
from tests.features import timbre_clips

pytestmark = pytest.mark.unit


def recursive_envelope(audio: np.ndarray, rate: int) -> np.ndarray:
    """The definition: hold a peak for 10 ms, then fall on a line, never below the signal."""
    level = np.abs(audio)
    step = level.max() / (0.2 * rate)
    hold, held, value, envelope = math.ceil(0.01 * rate), 0, 0.0, []
    for sample in level:
        if sample >= value:
            value, held = sample, 0
        elif held < hold:
            held += 1
        else:
            value = max(value - step, sample)
        envelope.append(value)
    return np.array(envelope)


@pytest.mark.parametrize("name", ["decaying_sine", "noise", "notes", "hits", "swell", "late"])
def test_envelope_is_the_recursion(name: str) -> None:
    clip = getattr(timbre_clips, name)(44_100)[:30_000]
    np.testing.assert_allclose(peak_hold_envelope(clip, 44_100), recursive_envelope(clip, 44_100), atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    length=st.integers(1, 4000),
    period=st.floats(1.5, 3000.0),
    decay=st.floats(0.0, 0.01),
    rate=st.sampled_from([8_000, 44_100, 48_000]),
)
def test_envelope_is_the_recursion_for_any_clip(seed: int, length: int, period: float, decay: float, rate: int) -> None:
    generator = np.random.default_rng(seed)
    index = np.arange(length)
    clip = np.exp(-decay * index) * (
        np.sin(2 * np.pi * index / period + 1.0) + generator.normal(0, 0.3 * (seed % 2), length)
    )
    np.testing.assert_allclose(peak_hold_envelope(clip, rate), recursive_envelope(clip, rate), atol=1e-11)


def test_onsets_are_where_the_notes_begin() -> None:
    rate = 44_100
    clip = np.zeros(2 * rate)
    starts = [4_410, 26_460, 52_920]
    for start in starts:
        time = np.arange(len(clip) - start) / rate
        clip[start:] += np.exp(-12 * time) * np.sin(2 * np.pi * 440 * time)
    found = onsets(clip / np.abs(clip).max(), rate)
    # Silence before the first note counts as its attack; the others begin in the dip before them.
    assert len(found) == 3
    assert found[0] == 0
    assert all(0 <= start - position < 0.02 * rate for start, position in zip(starts[1:], found[1:], strict=True))


def test_a_steady_sound_has_its_onset_at_the_start() -> None:
    clip = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    np.testing.assert_array_equal(onsets(clip, 44_100), [0])


def test_flux_of_a_click_rises_once_and_is_delayed_by_its_frames() -> None:
    clip = np.zeros(44_100)
    clip[20_480] = 1.0
    flux = spectral_flux(clip, 44_100)
    assert len(flux) == 1 + 44_100 // 512
    assert flux.argmax() == pytest.approx(20_480 // 512, abs=2)
    assert len(flux_peaks(flux, 44_100)) == 1


@pytest.mark.parametrize(("dip", "expected"), [(0.05, 10_000), (0.3, 16_000)])
def test_an_attack_reaches_back_through_shallow_dips_only(dip: float, expected: int) -> None:
    # Up from the first note's end, a plateau that is interrupted by a dip, then up to the peak.
    corners = [(0, 0.5), (10_000, 0.1), (15_000, 0.15 + dip), (16_000, 0.15), (20_000, 1.0), (30_000, 1.0)]
    envelope = np.interp(np.arange(30_000), *zip(*corners, strict=True))
    assert _walk_back(19_000, envelope, 44_100, rise=0.1) == pytest.approx(expected, abs=2)
