from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.audio.files import read_audio, read_info, write_audio
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit

STEP = {"PCM_16": 2.0**-15, "PCM_24": 2.0**-23, "FLOAT": 0.0}


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([8000, 22050, 44100, 48000, 96000]),
    channels=st.integers(1, 4),
    samples=st.integers(1, 3000),
    subtype=st.sampled_from(list(STEP)),
    data=st.data(),
)
def test_round_trip_and_seek(rate, channels, samples, subtype, data):
    audio = np.random.default_rng(samples).uniform(-0.99, 0.99, (channels, samples)).astype(np.float32)
    if subtype == "FLOAT":
        audio *= 3  # beyond full scale is kept
    start = data.draw(st.integers(0, samples))
    frames = data.draw(st.integers(-1, samples - start))
    with TemporaryDirectory() as folder:
        path = Path(folder, "new", "sound.wav")
        write_audio(path, audio, rate, subtype)
        whole, whole_rate = read_audio(path)
        part, part_rate = read_audio(path, start, frames)
        info = read_info(path)
        assert [file.name for file in path.parent.iterdir()] == ["sound.wav"]
    assert (info.sample_rate, info.channels, info.frames, info.subtype) == (rate, channels, samples, subtype)
    assert info.seconds == pytest.approx(samples / rate)
    assert whole_rate == part_rate == rate
    assert whole.dtype == np.float32
    assert whole.shape == audio.shape
    np.testing.assert_allclose(whole, audio, atol=STEP[subtype], rtol=0)
    np.testing.assert_array_equal(part, whole[:, start : samples if frames < 0 else start + frames])


@pytest.mark.parametrize(("name", "subtype"), [("a.flac", "PCM_24"), ("a.aif", "PCM_16"), ("A.WAV", "PCM_24")])
def test_other_formats(tmp_path, name, subtype):
    audio = np.linspace(-0.9, 0.9, 500, dtype=np.float32)[None]
    write_audio(tmp_path / name, audio, 44100, subtype)
    np.testing.assert_allclose(read_audio(tmp_path / name)[0], audio, atol=1e-4)


def _write(path: Path, audio: np.ndarray, keep: float = 1.0, **options: object) -> Path:
    soundfile.write(path, audio, 44100, **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    return path


NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 20000)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "none.wav", "does not exist"),
        (lambda folder: folder, "is not a file"),
        (lambda folder: _write(folder / "a.wav", np.zeros(0)), "holds no samples"),
        (lambda folder: _write(folder / "a.wav", NOISE, keep=0.5), "is cut off"),
        (lambda folder: _write(folder / "a.aiff", NOISE, keep=0.5), "is cut off"),
        (lambda folder: _write(folder / "a.flac", NOISE, keep=0.5), "is damaged"),
        (lambda folder: _write(folder / "a.mp3", NOISE, keep=0.5), "is cut off or damaged"),
        (lambda folder: _write(folder / "a.ogg", NOISE, keep=0.01), "cannot be read as audio"),
        (lambda folder: _write(folder / "a.wav", np.array([0, np.nan, 0]), subtype="FLOAT"), "NaN"),
        (lambda folder: _write(folder / "a.wav", np.array([0, np.inf, 0]), subtype="FLOAT"), "infinite"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_text_is_not_audio(tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("not a sound " * 100)
    with pytest.raises(InputError, match="cannot be read as audio"):
        read_info(path)


def test_a_file_of_unknown_length_is_read(tmp_path):
    path = _write(tmp_path / "piped.wav", NOISE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert read_info(path).frames == len(NOISE)


def test_reading_beyond_the_end_is_refused(tmp_path):
    path = _write(tmp_path / "a.wav", NOISE)
    with pytest.raises(InputError, match="20000 samples"):
        read_audio(path, 19000, 1001)


@pytest.mark.parametrize(
    ("name", "audio", "subtype", "words"),
    [
        ("a.wav", np.full((1, 4), np.nan, np.float32), "FLOAT", "NaN"),
        ("a.wav", np.zeros((1, 0), np.float32), "PCM_24", "shape"),
        ("a.wav", np.zeros(4, np.float32), "PCM_24", "shape"),
        ("a.flac", np.zeros((1, 4), np.float32), "FLOAT", "use the extension .wav"),
        ("a.docx", np.zeros((1, 4), np.float32), "PCM_24", "use the extension .wav"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, name, audio, subtype, words):
    with pytest.raises(InputError, match=words):
        write_audio(tmp_path / name, audio, 44100, subtype)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    write_audio(path, np.full((1, 100), 0.5, np.float32), 44100)
    before = path.read_bytes()

    def interrupt(name, *_, **__):
        Path(name).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(soundfile, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_audio(path, np.zeros((1, 100), np.float32), 44100)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_audio(tmp_path / "file" / "a.wav", np.zeros((1, 4), np.float32), 44100)
