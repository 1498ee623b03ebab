"""The lag of a wet recording through effects, cuts, echoes and drifting clocks."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fxstyle.audio.alignment import find_alignment, phase_correlation
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.effects.renderer import ThreadRenderer
from tests.effects.catalogue import effect

pytestmark = pytest.mark.unit

RATE = 22050
SAMPLES = 2 * RATE
START = 11025
EFFECTS = {
    "gain": {},
    "distortion": {"drive_db": 40},
    "ts808": {"drive": 0.8},
    "compressor": {"threshold_db": -40, "ratio": 10},
    "gate": {},
    "phaser": {},
    "chorus": {"mix": 0.5},
    "delay": {"delay_seconds": 0.11, "feedback": 0.3, "mix": 0.5},
    "reverb": {"wet_level": 0.4, "room_size": 0.5},
}
Sound = NDArray[np.float32]


def play(kind: int) -> Sound:
    source = SyntheticSource(RATE, 1, 4.0, train_recordings=kind + 1, seed=3)
    return source.read(source.recordings("train")[kind], 0, 4 * RATE)


def through(name: str, dry: Sound, **settings: float) -> Sound:
    spec = effect(name)
    positions = spec.positions(settings)[None, None]
    return ThreadRenderer(1).render([spec], dry[None], positions, RATE).audio[0, 0]


@pytest.fixture(scope="module")
def melody() -> Sound:
    return play(0)


@pytest.fixture(scope="module")
def wets(melody: Sound) -> dict[str, Sound]:
    return {name: through(name, melody, **values) for name, values in EFFECTS.items()}


def cut(sound: Sound, start: int) -> NDArray[np.float32]:
    """A piece out of a recording: it begins and ends in the middle of notes, as exported regions do."""
    return sound[0, start : start + SAMPLES]


@pytest.mark.parametrize("name", sorted(EFFECTS))
@settings(max_examples=3, deadline=None, derandomize=True)
@given(lag=st.sampled_from([-96, 67, -1023]) | st.integers(-8000, 8000), sign=st.sampled_from([-1, 1]))
def test_lags_are_found_through_effects(melody: Sound, wets: dict[str, Sound], name: str, lag: int, sign: int) -> None:
    found = find_alignment(cut(melody, START), sign * cut(wets[name], START - lag), RATE)
    assert found.trusted
    # Filters of an effect delay by fractions of a sample of their own.
    assert abs(found.lag - lag) <= (0 if name in ("gain", "compressor", "gate", "chorus", "delay", "reverb") else 1)
    assert abs(found.exact - found.lag) <= 0.51
    assert found.negative == (sign < 0)
    assert found.drift_ppm == 0


def test_fractions_of_a_sample(melody: Sound) -> None:
    whole = np.fft.rfft(melody[0])
    late = np.fft.irfft(whole * np.exp(-2j * np.pi * np.fft.rfftfreq(melody.shape[1]) * 20.3), melody.shape[1])
    found = find_alignment(cut(melody, START), late[START : START + SAMPLES], RATE)
    assert found.lag == 20
    assert found.exact == pytest.approx(20.3, abs=0.03)


@pytest.mark.parametrize("share", [0.5, 0.7])
def test_an_echo_louder_than_the_direct_sound_is_no_lag(melody: Sound, share: float) -> None:
    for delay in (1323, 5000):
        wet = (1 - share) * melody
        wet[:, delay:] += share * melody[:, :-delay]
        found = find_alignment(cut(melody, START), cut(wet, START - 67), RATE)
        assert found.trusted
        assert found.lag == 67


def test_without_direct_sound_nothing_is_trusted(melody: Sound) -> None:
    vibrato = through("diary_chorus", melody, rate_hz=5.5, depth=0.2, centre_delay_ms=6, mix=1)
    assert not find_alignment(melody[0], vibrato[0], RATE).trusted
    assert not find_alignment(melody[0], play(1)[0], RATE).trusted
    silence = np.zeros(SAMPLES, np.float32)
    assert not find_alignment(melody[0], silence, RATE).trusted
    assert not find_alignment(silence, silence, RATE).trusted


def test_the_noise_of_one_converter_is_no_common_sound(melody: Sound) -> None:
    noise = 1e-3 * np.random.default_rng(0).standard_normal(melody.shape[1])
    found = find_alignment(melody[0] + noise, play(1)[0] + noise, RATE)
    assert found.agreement > 0.5
    assert not found.trusted


@pytest.mark.parametrize("name", ["gain", "ts808", "chorus"])
@pytest.mark.parametrize("ppm", [50, -120])
def test_a_drifting_clock(melody: Sound, wets: dict[str, Sound], name: str, ppm: float) -> None:
    wet = soxr.resample(wets[name][0], RATE, RATE * (1 + ppm * 1e-6), quality="VHQ")
    found = find_alignment(melody[0], wet, RATE)
    assert found.trusted
    assert found.drift_ppm == pytest.approx(ppm, abs=6)
    assert found.drift_samples == pytest.approx(ppm * 1e-6 * melody.shape[1], abs=0.6)
    assert found.exact == pytest.approx(ppm * 1e-6 * melody.shape[1] / 2, abs=1.5)


def test_a_drift_is_found_where_the_highest_peak_is_far_from_it() -> None:
    rate = 44100
    source = SyntheticSource(rate, 1, 5.0, train_recordings=1)
    dry = source.read(source.recordings("train")[0], 0, 5 * rate)
    spec = effect("amp")
    wet = ThreadRenderer(1).render([spec], dry[None], spec.positions({})[None, None], rate).audio[0, 0]
    found = find_alignment(dry[0], soxr.resample(wet[0], rate, rate * (1 + 50e-6), quality="VHQ"), rate)
    assert found.drift_ppm == pytest.approx(50, abs=3)
    assert found.exact == pytest.approx(5.8, abs=1)


def test_long_recordings_are_averaged() -> None:
    rng = np.random.default_rng(0)
    dry = rng.standard_normal(700_000).astype(np.float32)
    wet = np.roll(dry, 30) + rng.standard_normal(700_000).astype(np.float32)
    correlation = phase_correlation(dry, wet, 100)
    assert len(correlation) == 201
    assert np.argmax(correlation) == 130
    assert correlation[130] > 50 * np.median(np.abs(correlation))
