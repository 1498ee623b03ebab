from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fxstyle.audio.drums import draw_kit, drum_hit
from fxstyle.audio.phrases import BASS_RANGE, GUITAR_RANGE, PHRASES
from fxstyle.audio.source import SPLITS
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.audio.tones import WAVEFORMS, tone
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit


def _source(**options):
    return SyntheticSource(
        **{"seconds": 3.0, "train_recordings": 12, "val_recordings": 6, "test_recordings": 6} | options
    )


def _whole(source, recording):
    return source.read(recording, 0, recording.samples)


def _sounds(source):
    return [_whole(source, recording) for split in SPLITS for recording in source.recordings(split)]


@pytest.mark.parametrize("style", ["instruments", "tones"])
@pytest.mark.parametrize(("rate", "channels"), [(24000, 1), (44100, 2), (8000, 1)])
def test_sound_is_clean(style, rate, channels):
    for sound in _sounds(_source(style=style, sample_rate=rate, channels=channels)):
        assert sound.shape == (channels, 3 * rate)
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert 0.2 < np.abs(sound).max() < 1
        assert np.abs(sound.mean(axis=1)).max() < 1e-3 * sound.std()
        assert np.abs(sound[:, -5:]).max() < 0.02


def test_recordings_follow_from_their_key_alone():
    one, more = _source(), _source(train_recordings=30)
    later = one.recordings("train")[7]
    fresh = _whole(more, later)
    _sounds(one)
    np.testing.assert_array_equal(_whole(one, later), fresh)
    other = _source(seed=1)
    assert not np.array_equal(_whole(other, later), fresh)


@pytest.mark.parametrize("style", ["instruments", "tones"])
def test_no_two_recordings_are_alike_in_or_across_splits(style):
    sounds = _sounds(_source(style=style))
    flat = np.stack([sound[0] / np.linalg.norm(sound[0]) for sound in sounds])
    likeness = np.abs(flat @ flat.T) - np.eye(len(flat))
    assert likeness.max() < 0.5


def test_stereo_channels_differ_and_every_split_has_every_kind():
    source = _source(channels=2)
    for split in SPLITS:
        kinds = {recording.name.partition("_")[2] for recording in source.recordings(split)}
        assert kinds == set(PHRASES)
        assert all(recording.name.startswith(split) for recording in source.recordings(split))
    sound = _whole(source, source.recordings("train")[0])
    assert not np.allclose(sound[0], sound[1])


def test_reading_parts_pads_with_silence_and_never_shares_memory():
    source = _source()
    recording = source.recordings("val")[1]
    whole = _whole(source, recording)
    part = source.read(recording, -10, recording.samples + 30)
    np.testing.assert_array_equal(part, np.pad(whole, ((0, 0), (10, 20))))
    part[:] = 0
    np.testing.assert_array_equal(_whole(source, recording), whole)
    np.testing.assert_array_equal(source.read(recording, recording.samples + 5, 10), np.zeros((1, 10)))
    np.testing.assert_array_equal(source.read(recording, 1000, 500), whole[:, 1000:1500])


def test_pickles_small_and_reads_from_threads():
    source = _source(seconds=1.0)
    _sounds(source)
    content = pickle.dumps(source)
    assert len(content) < 5000
    copy = pickle.loads(content)
    recordings = list(source.recordings("train")) * 3
    with ThreadPoolExecutor(4) as pool:
        sounds = list(pool.map(lambda recording: _whole(copy, recording), recordings))
    for recording, sound in zip(recordings, sounds, strict=True):
        np.testing.assert_array_equal(sound, _whole(source, recording))


def test_what_is_kept_is_bounded_in_bytes(monkeypatch):
    source = _source()
    size = source.read(source.recordings("train")[0], 0, source.samples).nbytes
    monkeypatch.setattr("fxstyle.audio.synthetic._KEPT_BYTES", 4 * size)
    _sounds(source)
    assert len(source._kept) == 4


def test_weights_are_uniform():
    np.testing.assert_allclose(_source().weights("train"), np.full(12, 1 / 12))


def test_ranges_are_those_of_the_instruments():
    for (low, high), hertz in ((GUITAR_RANGE, (82.4, 1318.5)), (BASS_RANGE, (41.2, 196.0))):
        assert 440 * 2 ** ((np.array([low, high]) - 69) / 12) == pytest.approx(hertz, rel=1e-3)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("bass_line", 35, 900), ("guitar_melody", 80, 4000), ("guitar_riff", 70, 3000), ("guitar_strum", 80, 3000)],
)
def test_energy_lies_where_the_instrument_plays(kind, low, high):
    source = _source(train_recordings=24)
    for recording in source.recordings("train"):
        if recording.name.endswith(kind):
            power = np.abs(np.fft.rfft(_whole(source, recording)[0])) ** 2
            hertz = np.fft.rfftfreq(recording.samples, 1 / 24000)
            assert power[(hertz > low) & (hertz < high)].sum() > 0.9 * power.sum()


@pytest.mark.parametrize(
    ("drum", "low", "high"),
    [("kick", 40, 300), ("snare", 140, 9000), ("closed_hat", 3000, 12000), ("low_tom", 70, 300)],
)
def test_drums_sound_in_their_place(drum, low, high):
    rng = np.random.default_rng(0)
    kit = draw_kit(rng)
    first, second = (drum_hit(drum, kit, 0.8, 24000, rng) for _ in range(2))
    power = np.abs(np.fft.rfft(first)) ** 2
    hertz = np.fft.rfftfreq(len(first), 1 / 24000)
    assert power[(hertz > low) & (hertz < high)].sum() > 0.85 * power.sum()
    assert np.abs(first).max() == pytest.approx(0.8)
    assert abs(first.mean()) < 1e-5
    assert len(first) != len(second) or not np.array_equal(first, second)


@pytest.mark.parametrize("waveform", WAVEFORMS)
def test_waveforms(waveform):
    sound = tone(waveform, 500.0, 24000, 24000, np.random.default_rng(0))
    assert np.abs(sound).max() == pytest.approx(1, abs=0.2)
    spectrum = np.abs(np.fft.rfft(sound)) / 12000
    if waveform != "noise":
        assert spectrum.argmax() == 500
    expected = {"saw": 2 / np.pi / 2, "square": 0.0, "sine": 0.0, "triangle": 0.0}
    if waveform in expected:
        assert spectrum[1000] == pytest.approx(expected[waveform], abs=0.01)


@pytest.mark.parametrize("waveform", ["saw", "square"])
def test_steps_hardly_alias(waveform):
    sound = tone(waveform, 1310.0, 24000, 24000, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(sound)) / 12000
    folded = [abs((1310 * partial + 12000) % 24000 - 12000) for partial in range(17, 20)]
    assert spectrum[folded].max() < 0.003  # 0.017 without rounded steps


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train_recordings": 0}, "audio.train_recordings"),
        ({"val_recordings": -1}, "audio.val_recordings"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"channels": 3}, "channels"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seed": -1}, "seed"),
        ({"style": "opera"}, "style"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        _source(**options)


def test_notes_say_that_it_is_synthetic():
    assert "synthetic" in _source().notes()[0]
