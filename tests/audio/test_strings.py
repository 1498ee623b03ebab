from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.audio.strings import Pluck, PluckedString, pluck_strings

pytestmark = pytest.mark.unit


def _partial_hertz(sound, rate, expected):
    """Frequency of the highest spectral peak within 3 % of ``expected``, by parabolic interpolation."""
    size = 1 << 19
    spectrum = np.log(np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size)) + 1e-20)
    first = int(0.97 * expected * size / rate)
    peak = first + int(np.argmax(spectrum[first : int(1.03 * expected * size / rate)]))
    before, top, after = spectrum[peak - 1 : peak + 2]
    return (peak + 0.5 * (before - after) / (before - 2 * top + after)) * rate / size


def _pluck(frequency, samples=24000, rate=24000, string=None, seed=0):
    rng = np.random.default_rng(seed)
    return pluck_strings([Pluck(frequency)], samples, rate, string or PluckedString(), rng)


@settings(max_examples=25, deadline=None)
@given(
    note=st.floats(28, 88),
    rate=st.sampled_from([16000, 24000, 44100]),
    damping=st.floats(1000, 3500),
    brightness=st.floats(800, 4500),
    pick=st.floats(0.06, 0.3),
)
def test_every_note_is_in_tune(note, rate, damping, brightness, pick):
    frequency = 440 * 2 ** ((note - 69) / 12)
    string = PluckedString(damping_hz=damping, brightness_hz=brightness, pick_position=pick)
    heard = _partial_hertz(_pluck(frequency, 2 * rate, rate, string), rate, frequency)
    assert abs(1200 * np.log2(heard / frequency)) < 2


def test_partials_are_stretched_as_fletcher_says():
    stiffness = 1e-4
    sound = _pluck(110, 48000, string=PluckedString(inharmonicity=stiffness))
    for partial in (3, 7, 12):
        expected = 110 * partial * np.sqrt((1 + stiffness * partial**2) / (1 + stiffness))
        heard = _partial_hertz(sound, 24000, expected)
        assert abs(1200 * np.log2(heard / expected)) < 1


def test_decay_time_is_as_asked():
    sound = _pluck(110, 72000, string=PluckedString(decay_seconds=3.0, damping_hz=1e9))
    rms_db = [20 * np.log10(np.std(sound[at : at + 4800])) for at in (12000, 60000)]
    assert rms_db[0] - rms_db[1] == pytest.approx(60 * 2 / 3, abs=1)


def test_high_partials_die_first_and_soft_notes_are_darker():
    def centroid(sound):
        power = np.abs(np.fft.rfft(sound)) ** 2
        return (power * np.arange(len(power))).sum() / power.sum()

    sound = _pluck(110)
    assert centroid(sound[:4800]) > 1.3 * centroid(sound[-4800:])
    soft = pluck_strings([Pluck(110, velocity=0.1)], 24000, 24000, PluckedString(), np.random.default_rng(0))
    assert centroid(soft) < 0.9 * centroid(sound)


def test_pick_position_silences_its_partials():
    string = PluckedString(pick_position=0.2, pickup_position=0.07, inharmonicity=0.0)
    spectrum = np.abs(np.fft.rfft(_pluck(200, 24000, string=string) * np.hanning(24000)))
    assert spectrum[995:1006].max() < 0.02 * spectrum[795:806].max()


def test_the_end_does_not_fold_back_to_the_start():
    short, long = _pluck(82.4, 12000), _pluck(82.4, 120000)[:12000]
    assert 20 * np.log10(np.abs(short - long).max()) < -60
    assert np.abs(short[:20]).max() < 0.01


def test_chords_hold_all_their_notes_at_their_onsets():
    plucks = [Pluck(110.0), Pluck(165.0, 0.2), Pluck(247.0, 0.4)]
    sound = pluck_strings(plucks, 48000, 24000, PluckedString(), np.random.default_rng(0))
    assert np.abs(sound).max() == pytest.approx(1)
    for pluck in plucks:
        assert _partial_hertz(sound, 24000, pluck.frequency) == pytest.approx(pluck.frequency, rel=1e-3)

    def level(at, hertz):
        piece = sound[at : at + 4000] * np.hanning(4000)
        return abs(np.sum(piece * np.exp(-2j * np.pi * hertz * np.arange(4000) / 24000)))

    assert level(500, 165) < 0.1 * level(5000, 165)
    assert level(5000, 247.0) < 0.2 * level(10000, 247.0)
