"""Brightness and depth against stored values of timbral-models 0.4.0, and what must hold for any clip."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import spectrogram

from fxstyle.features import timbre as module
from fxstyle.features.timbre import brightness, depth, timbre
from tests.features import timbre_clips

pytestmark = pytest.mark.unit

REFERENCE = json.loads((Path(__file__).parent / "timbre_reference.json").read_text())["clips"]
CLIPS = timbre_clips.clips()


def analysed(key: str) -> tuple[float, float]:
    found = timbre(CLIPS[key][None], int(key.rsplit("@", 1)[1]))
    return float(found.brightness[0]), float(found.depth[0])


@pytest.mark.parametrize("key", sorted(key for key, value in REFERENCE.items() if value["brightness"] is not None))
def test_agrees_with_timbral_models(key: str) -> None:
    expected = REFERENCE[key]
    # The resampler may differ by version, and only a pure tone has next to nothing above 2 kHz to show it.
    tolerance = 1e-3 if key.endswith(("@16000", "@24000")) else 1e-5
    bright, deep = analysed(key)
    assert bright == pytest.approx(expected["brightness"], abs=tolerance)
    assert deep == pytest.approx(expected["depth"], abs=max(tolerance, 1e-4))


def test_the_reference_covers_every_clip_and_names_its_versions() -> None:
    stored = json.loads((Path(__file__).parent / "timbre_reference.json").read_text())
    assert set(stored["clips"]) == set(CLIPS)
    assert stored["versions"]["timbral-models"] == "0.4.0"


def test_published_values() -> None:
    rate = 44_100
    white = 0.1 * np.random.default_rng(0).standard_normal((1, 2 * rate)).astype(np.float32)
    time = np.arange(2 * rate) / rate
    sine = (np.exp(-3 * time) * np.sin(2 * np.pi * 220 * time)).astype(np.float32)[None]
    assert brightness(white, rate)[0] == pytest.approx(87.47, abs=0.1)
    assert brightness(sine, rate)[0] == pytest.approx(18.89, abs=0.1)
    assert depth(sine, rate)[0] == pytest.approx(63.45, abs=0.1)


@pytest.mark.parametrize("gain", [1e-6, 0.01, 30.0])
def test_neither_depends_on_the_gain(gain: float) -> None:
    clip = CLIPS["notes@44100"][None]
    plain, scaled = timbre(clip, 44_100), timbre((gain * clip).astype(np.float32), 44_100)
    assert scaled.brightness[0] == pytest.approx(plain.brightness[0], abs=1e-5)
    assert scaled.depth[0] == pytest.approx(plain.depth[0], abs=1e-4)


def test_a_clip_below_the_gate_has_the_value_of_the_same_clip_louder() -> None:
    # The package itself fails on such a clip: its loudness is minus infinity.
    assert REFERENCE["quiet@44100"] == {"brightness": None, "depth": None}
    assert analysed("quiet@44100") == pytest.approx(analysed("notes@44100"), abs=1e-5)


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
def test_a_batch_equals_its_clips_and_the_two_functions_equal_the_shared_one(rate: int) -> None:
    batch = np.stack([CLIPS[f"{name}@{rate}"] for name in ("notes", "hits", "noise")])
    batch[1] = 0.0
    both = timbre(batch, rate)
    np.testing.assert_array_equal(both.brightness, brightness(batch, rate))
    np.testing.assert_array_equal(both.depth, depth(batch, rate))
    for index in (0, 2):
        alone = timbre(batch[index : index + 1], rate)
        assert (alone.brightness[0], alone.depth[0]) == (both.brightness[index], both.depth[index])
    assert np.isnan(both.brightness[1])
    assert np.isnan(both.depth[1])
    assert both.brightness.dtype == both.depth.dtype == np.float64


def test_stereo_is_the_sum_of_its_channels() -> None:
    stereo = CLIPS["stereo@44100"]
    mono = stereo.astype(np.float64).sum(axis=0)[None]
    both, summed = timbre(stereo[None], 44_100), timbre(mono, 44_100)
    assert both.brightness[0] == pytest.approx(summed.brightness[0], abs=1e-9)
    assert both.depth[0] == pytest.approx(summed.depth[0], abs=1e-9)
    cancelling = np.stack([stereo[0], -stereo[0]])[None]
    assert np.isnan(timbre(cancelling, 44_100).depth[0])


@pytest.mark.parametrize("broken", [0.0, np.nan, np.inf])
def test_silence_and_broken_samples_are_nan_and_leave_the_rest_alone(broken: float) -> None:
    batch = np.stack([CLIPS["notes@44100"]] * 2)
    batch[1] = 0.0
    batch[1, 100] = broken
    found = timbre(batch, 44_100)
    assert np.isfinite([found.brightness[0], found.depth[0]]).all()
    assert np.isnan([found.brightness[1], found.depth[1]]).all()


def test_an_empty_batch_gives_no_values() -> None:
    found = timbre(np.zeros((0, 1000), dtype=np.float32), 44_100)
    assert found.brightness.shape == found.depth.shape == (0,)


@pytest.mark.parametrize(("shape", "rate"), [((100,), 44_100), ((1, 0), 44_100), ((1, 1, 1, 9), 44_100), ((1, 9), 0)])
def test_other_shapes_and_rates_are_refused(shape: tuple[int, ...], rate: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        timbre(np.ones(shape, dtype=np.float32), rate)


@settings(deadline=None, max_examples=30)
@given(length=st.integers(1, 6000), seed=st.integers(0, 100), rate=st.sampled_from([8_000, 44_100, 96_000]))
def test_clips_of_any_length_are_analysed_or_nan(length: int, seed: int, rate: int) -> None:
    clip = np.random.default_rng(seed).standard_normal((1, length)).astype(np.float32)
    found = timbre(clip, rate)
    assert not np.isinf([found.brightness[0], found.depth[0]]).any()
    if length > 2:
        assert 40.0 < found.brightness[0] < 110.0


def test_brighter_is_brighter_and_deeper_is_deeper() -> None:
    rate = 44_100
    tones = np.stack([timbre_clips.decaying_sine(rate, frequency) for frequency in (80.0, 320.0, 1280.0, 5120.0)])
    found = timbre(tones.astype(np.float32), rate)
    assert (np.diff(found.brightness) > 0).all()
    assert (np.diff(found.depth) < 0).all()


@pytest.mark.parametrize("size", [2048, 4096, 1501])
def test_frame_powers_and_spectra_are_scipys_spectrogram(size: int) -> None:
    clip = np.random.default_rng(0).standard_normal(20_000)
    clip += 3.0 + np.sin(2 * np.pi * 30 * np.arange(20_000) / 44_100)
    clip = clip if size % 4 == 0 else clip[:size]
    window, fft_size = module._window(size), size if size % 4 == 0 else 2048
    overlap = size * 3 // 4 if size % 4 == 0 else size - 1
    scaled = dict(nfft=fft_size, detrend="constant", scaling="spectrum")
    frequencies, _, power = spectrogram(clip, 44_100, "hamming", size, overlap, **scaled)
    unit = fft_size / window.sum() ** 2
    np.testing.assert_allclose(module._frame_powers(clip, window) * unit, power.sum(axis=0), rtol=1e-9)
    summed, expected = module._summed_spectrum(clip, window, fft_size), power.sum(axis=1)
    np.testing.assert_allclose(summed / summed.sum(), expected / expected.sum(), rtol=1e-3, atol=1e-9)
    centroids = frequencies @ power / power.sum(axis=0)
    np.testing.assert_allclose(module._centroids(clip, window, frequencies), centroids, rtol=1e-5)


def test_the_lowest_peak_is_the_fundamental_and_lies_between_bins() -> None:
    frequencies = np.arange(2049) * 44_100 / 4096
    # Two partials, the lower weaker, and a bump too small to count below both.
    spectrum = sum(
        height * np.exp(-0.5 * ((frequencies - centre) / 12.0) ** 2)
        for centre, height in ((110.0, 0.008), (233.0, 0.3), (466.0, 1.0))
    )
    assert module._lowest_peak(spectrum, frequencies) == pytest.approx(233.0, abs=2.0)
