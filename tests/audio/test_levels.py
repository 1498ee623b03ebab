from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.audio.levels import (
    Level,
    clipped_fraction,
    from_db,
    is_silent,
    loudness_lufs,
    peak_db,
    to_db,
)
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit


def _noise(samples: int = 24000, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.3, 0.3, (channels, samples)).astype(np.float32)


def _rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_decibels():
    assert from_db(-20) == pytest.approx(0.1)
    assert to_db(0.5) == pytest.approx(-6.0206, abs=1e-4)
    assert to_db(0) == float("-inf")
    assert peak_db(np.array([[0.1, -0.5]], np.float32)) == pytest.approx(-6.0206, abs=1e-4)
    assert peak_db(np.zeros((1, 0), np.float32)) == float("-inf")


def test_silence_and_clipping():
    assert is_silent(np.full((1, 9), 0.0009, np.float32))
    assert not is_silent(np.full((1, 9), -0.0011, np.float32))
    assert is_silent(np.full((1, 9), -0.05, np.float32), threshold_db=-20)
    assert clipped_fraction(np.array([[1.0, -1.0, 0.99, 1.5]], np.float32)) == 0.75
    assert clipped_fraction(np.zeros((1, 0), np.float32)) == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(-40, 20), st.floats(-30, 0), st.sampled_from(["peak", "lufs"]), st.integers(1, 2))
def test_a_level_is_reached_from_any_level(input_db, target_db, kind, channels):
    audio = _noise(channels=channels) * np.float32(from_db(input_db))
    before = audio.copy()
    result = Level(kind, target_db).apply(audio, 24000, _rng())
    reached = peak_db(result) if kind == "peak" else loudness_lufs(result, 24000)
    assert reached == pytest.approx(target_db, abs=0.01)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(audio, before)


@pytest.mark.parametrize("kind", ["peak", "lufs", "none"])
@pytest.mark.parametrize("gain", [0.0, 1e-3])
def test_silence_stays_as_it_is(kind, gain):
    audio = _noise() * np.float32(gain)
    np.testing.assert_array_equal(Level(kind, jitter_db=3.0).apply(audio, 24000, _rng()), audio)


def test_loudness_of_short_sound_is_that_of_the_sound_and_silence():
    short = _noise(2400)
    padded = np.pad(short, ((0, 0), (0, 9600 - 2400)))
    assert loudness_lufs(short, 24000) == loudness_lufs(padded, 24000)
    assert loudness_lufs(Level("lufs", -20).apply(short, 24000, _rng()), 24000) == pytest.approx(-20, abs=0.01)


def test_loudness_of_the_standard_sine():
    # BS.1770: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LUFS.
    sine = np.sin(2 * np.pi * 997 * np.arange(96000) / 48000).astype(np.float32)[None]
    assert loudness_lufs(sine, 48000) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("kind", ["peak", "none"])
def test_jitter_stays_within_its_range_and_follows_its_key(kind):
    audio, level = _noise(), Level(kind, peak_db(_noise()), jitter_db=3.0)
    gains = [peak_db(level.apply(audio, 24000, np.random.default_rng([seed]))) - peak_db(audio) for seed in range(200)]
    assert max(map(abs, gains)) <= 3.001
    assert min(gains) < -2.5
    assert max(gains) > 2.5
    np.testing.assert_array_equal(level.apply(audio, 24000, _rng()), level.apply(audio, 24000, _rng()))


def test_none_changes_nothing():
    audio = _noise()
    assert Level("none").apply(audio, 24000, _rng()) is audio


@pytest.mark.parametrize("options", [{"kind": "rms"}, {"jitter_db": -1.0}, {"jitter_db": float("nan")}])
def test_wrong_options_are_refused(options):
    with pytest.raises(InputError, match="level"):
        Level(**options)
