import numpy as np
import pytest
import soundfile
from matplotlib.figure import Figure

from fxstyle.report.media import save_audio, save_picture

pytestmark = pytest.mark.unit


def _sine(channels=1, samples=2_400):
    t = np.arange(samples) / 24_000
    return np.stack([0.5 * np.sin(2 * np.pi * 220 * (c + 1) * t) for c in range(channels)]).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_is_16_bit_flac_at_its_own_level(tmp_path, channels):
    audio = _sine(channels)
    saved = save_audio(tmp_path, "take", "dry", audio, 24_000)
    assert (saved.path, saved.label, saved.note) == ("audio/take.flac", "dry", "")
    info = soundfile.info(tmp_path / saved.path)
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("FLAC", "PCM_16", 24_000, channels)
    back, _ = soundfile.read(tmp_path / saved.path, always_2d=True)
    np.testing.assert_allclose(back.T, audio, atol=1 / 32_768)


def test_clipped_and_broken_samples_are_counted(tmp_path):
    audio = _sine()
    audio[0, :3] = np.nan
    audio[0, 3:5] = [1.5, -np.inf]
    audio[0, 5] = -2.0
    saved = save_audio(tmp_path, "take", "wet", audio, 24_000)
    assert "4 of 2,400 samples are not finite" in saved.note
    assert "2 of 2,400 samples are beyond full scale" in saved.note
    back, _ = soundfile.read(tmp_path / saved.path)
    np.testing.assert_allclose(back[:6], [0, 0, 0, 1, 0, -1], atol=1e-4)


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "<script>", "..", "", "a" * 300, "C:\\x"])
def test_names_from_data_stay_in_the_folder(tmp_path, name):
    folder = tmp_path / "eval"
    saved = save_audio(folder, name, "dry", _sine(), 24_000)
    picture = save_picture(folder, name, Figure(figsize=(1, 1)), "alt")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == [f"eval/{saved.path}", f"eval/{picture.path}"]


def test_a_failed_write_leaves_the_old_sound(tmp_path, monkeypatch):
    saved = save_audio(tmp_path, "take", "dry", _sine(), 24_000)
    old = (tmp_path / saved.path).read_bytes()

    def broken(path, *_, **__):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(soundfile, "write", broken)
    with pytest.raises(OSError, match="disk full"):
        save_audio(tmp_path, "take", "dry", _sine(), 24_000)
    assert (tmp_path / saved.path).read_bytes() == old
    assert len(list((tmp_path / "audio").iterdir())) == 1


@pytest.mark.parametrize("shape", [(100,), (1, 0), (1, 2, 3)])
def test_sound_has_channels_and_samples(tmp_path, shape):
    with pytest.raises(ValueError, match="channels, samples"):
        save_audio(tmp_path, "take", "dry", np.zeros(shape, np.float32), 24_000)


def test_picture_knows_its_size_and_repeats_its_bytes(tmp_path):
    def figure():
        made = Figure(figsize=(2, 1))
        made.subplots().plot([0, 1])
        return made

    picture = save_picture(tmp_path, "curves", figure(), "Two curves", "caption")
    assert (picture.path, picture.width, picture.height) == ("pictures/curves.png", 300, 150)
    first = (tmp_path / picture.path).read_bytes()
    save_picture(tmp_path, "curves", figure(), "Two curves")
    assert (tmp_path / picture.path).read_bytes() == first
