from __future__ import annotations

import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxstyle.audio import cache
from fxstyle.audio.cache import DecodedCache, default_cache_dir
from fxstyle.audio.files import read_audio
from fxstyle.audio.folder import FolderSource
from fxstyle.audio.resample import resample, to_channels
from fxstyle.audio.source import SPLITS
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit

NAMES = [f"take {index}.wav" for index in range(8)]
GIVEN = ["train/a.wav", "train/b.wav", "train/c.wav", "val/d.wav", "test/e.wav"]


@pytest.fixture
def build(cache_dir):
    def build(root, **options):
        return FolderSource(root, **{"sample_rate": 8000, "min_seconds": 0.1, "cache_dir": cache_dir} | options)

    return build


def _names(source, split):
    return [recording.name for recording in source.recordings(split)]


def _all(source):
    return [recording for split in SPLITS for recording in source.recordings(split)]


def test_folders_decide_the_split(make_folder, build):
    source = build(make_folder(*GIVEN, "deep/Test/f.flac", "deep/train/val/g.ogg"))
    assert _names(source, "train") == ["deep/train/val/g.ogg", "train/a.wav", "train/b.wav", "train/c.wav"]
    assert _names(source, "val") == ["val/d.wav"]
    assert _names(source, "test") == ["deep/Test/f.flac", "test/e.wav"]
    assert source.notes() == []


def test_a_missing_split_is_taken_from_train_and_said(make_folder, build):
    source = build(make_folder(*[name for name in GIVEN if not name.startswith("val")]))
    assert len(source.recordings("val")) == 1
    assert source.recordings("val")[0].name.startswith("train/")
    assert "no val folder: 1 of the train recordings" in source.notes()[0]


@pytest.mark.parametrize("names", [["train/a.wav", "test/b.wav"], ["val/a.wav", "test/b.wav", "test/c.wav"]])
def test_folders_that_cannot_be_completed_are_refused(make_folder, build, names):
    with pytest.raises(InputError, match="cannot be split"):
        build(make_folder(*names))


def test_hash_splits_are_stable_and_whole(make_folder, build):
    root = make_folder(*NAMES)
    first, second = build(root), build(root)
    assert sorted(recording.name for recording in _all(first)) == NAMES
    for split in SPLITS:
        assert first.recordings(split)
        assert first.recordings(split) == second.recordings(split)


@pytest.mark.parametrize("pattern", [r"^(p\d+)_", r"^p\d+"])
def test_groups_never_cross_hash_splits(make_folder, build, pattern):
    source = build(make_folder(*[f"p{p}_{take}.wav" for p in range(4) for take in range(3)]), group_pattern=pattern)
    groups = [{recording.group for recording in source.recordings(split)} for split in SPLITS]
    assert set.union(*groups) == {"p0", "p1", "p2", "p3"}
    assert sum(map(len, groups)) == 4
    assert source.notes() == []


def test_groups_that_cross_given_folders_are_said(make_folder, build):
    root = make_folder("train/p1_a.wav", "train/p2_a.wav", "val/p3_a.wav", "test/p1_b.wav")
    assert "1 groups into more than one split: p1." in build(root, group_pattern=r"(p\d)_").notes()[0]


def test_loose_files_beside_given_folders_follow_their_group(make_folder, build):
    source = build(make_folder(*GIVEN, "loose.wav", "p9_x.wav", "test/p9_y.wav"), group_pattern=r"(p\d)_")
    assert "loose.wav" in _names(source, "train")
    assert "p9_x.wav" in _names(source, "test")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split_fractions": (0.5, 0.5)}, "split_fractions"),
        ({"split_fractions": (0, 0.1)}, "split_fractions"),
        ({"split_fractions": (0.1,)}, "split_fractions"),
        ({"group_pattern": "("}, "not a regular expression"),
        ({"group_pattern": "take"}, "cannot be split"),
        ({"channels": 3}, "channels"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"min_seconds": 60}, "No usable recording"),
    ],
)
def test_wrong_options_are_refused(make_folder, build, options, words):
    with pytest.raises(InputError, match=words):
        build(make_folder(*NAMES[:3]), **options)


def test_unusable_files_are_left_out_and_named(make_folder, build):
    root = make_folder(*NAMES)
    soundfile.write(root / "silent.wav", np.full(4000, 0.0005), 8000)
    soundfile.write(root / "short.wav", np.ones(100) * 0.5, 8000)
    soundfile.write(root / "empty.wav", np.zeros(0), 8000)
    soundfile.write(root / "nan.wav", np.r_[np.zeros(4000), np.nan], 8000, subtype="FLOAT")
    (root / "text.flac").write_text("hello")
    (root / "half.wav").write_bytes((root / NAMES[0]).read_bytes()[:1000])
    (root / ".hidden.wav").write_text("hello")
    (root / "notes.txt").write_text("hello")
    (root / ".git").mkdir()
    (root / ".git" / "x.wav").write_text("hello")
    for _ in range(2):  # decoded, then recalled from the cache
        source = build(root)
        assert sorted(recording.name for recording in _all(source)) == NAMES
        (note,) = source.notes()
        assert note.startswith(f"6 files of {root} were left out: empty.wav holds no samples, half.wav is cut off")
        assert "nan.wav holds NaN or infinite samples, short.wav is shorter than 0.1 s, silent.wav is silent" in note
        assert note.endswith(", and 1 more.")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf8_and_dangling_links(make_folder, build):
    root = make_folder(*NAMES)
    (root / NAMES[0]).rename(root / "bad\udcff.wav")
    (root / "gone.wav").symlink_to(root / "nowhere.wav")
    (root / "bad\udcfe.wav").write_text("hello")
    source = build(root)
    assert len(_all(source)) == len(NAMES)
    (note,) = source.notes()
    assert "gone.wav is no file that can be opened" in note
    assert note.encode("utf-8")


@pytest.mark.parametrize(
    ("names", "words"),
    [([], "has no audio file"), (["a.mp4", "b.txt"], r"it holds \.mp4, \.txt"), (None, "not a folder")],
)
def test_folders_without_audio_are_refused(tmp_path, build, names, words):
    root = tmp_path / "other"
    if names is not None:
        root.mkdir()
        for name in names:
            (root / name).write_text("x")
    with pytest.raises(InputError, match=words):
        build(root)


def test_a_folder_of_unusable_files_is_refused(tmp_path, build):
    root = tmp_path / "other"
    root.mkdir()
    (root / "bad.wav").write_text("x")
    with pytest.raises(InputError, match=r"bad.wav cannot be read as audio"):
        build(root)


def test_loops_of_links_end(make_folder, build):
    root = make_folder(*NAMES)
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "broken.wav").symlink_to(root / "nothing.wav")
    assert len(_all(build(root))) == len(NAMES)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 2), (11025, 1)])
def test_reading_equals_the_resampled_file_and_silence_outside(make_folder, build, monkeypatch, rate, channels):
    monkeypatch.setattr(cache, "_BLOCK_FRAMES", 700)  # several blocks
    source = build(make_folder(*NAMES[:3], channels=2), sample_rate=rate, channels=channels)
    for recording in _all(source):
        audio, file_rate = read_audio(source.path(recording))
        expected = resample(to_channels(audio, channels), file_rate, rate)
        assert recording.samples == expected.shape[1]
        np.testing.assert_allclose(source.read(recording, 0, recording.samples), expected, atol=1e-6)
        np.testing.assert_array_equal(
            source.read(recording, -50, recording.samples + 80),
            np.pad(source.read(recording, 0, recording.samples), ((0, 0), (50, 30))),
        )
        np.testing.assert_array_equal(source.read(recording, recording.samples, 10), np.zeros((channels, 10)))
        assert source.read(recording, 5, 7).flags.writeable


def test_a_second_construction_decodes_nothing(make_folder, build, monkeypatch):
    root = make_folder(*NAMES)
    first = build(root)
    monkeypatch.setattr(cache, "open_audio", None)
    second = build(root)
    recording = first.recordings("train")[0]
    np.testing.assert_array_equal(first.read(recording, 3, 50), second.read(recording, 3, 50))


def test_a_changed_file_and_another_format_are_decoded_anew(make_folder, build, cache_dir):
    root = make_folder(*NAMES)
    build(root)
    path = root / NAMES[0]
    soundfile.write(path, np.full(1600, 0.25), 8000)
    os.utime(path, ns=(1, 1))
    source = build(root)
    recording = next(recording for recording in _all(source) if recording.name == NAMES[0])
    np.testing.assert_allclose(source.read(recording, 0, 1600), 0.25, atol=1e-4)
    assert build(root, sample_rate=16000).recordings("train")[0].samples == 3200
    assert not list(cache_dir.rglob("*.part"))


def test_damaged_and_deleted_cache_files_are_made_again(make_folder, build, cache_dir):
    source = build(make_folder(*NAMES))
    recording = source.recordings("train")[0]
    before = source.read(recording, 0, 1600)
    for path in cache_dir.rglob("*.f32"):
        path.write_bytes(path.read_bytes()[:100])
    for path in list(cache_dir.rglob("*.json"))[:2]:
        path.write_text("{")
    np.testing.assert_array_equal(build(source.root).read(recording, 0, 1600), before)
    for path in cache_dir.rglob("*"):
        if path.is_file():
            path.unlink()
    np.testing.assert_array_equal(source.read(recording, 0, 1600), before)


def test_a_file_removed_meanwhile_is_said(make_folder, build):
    source = build(make_folder(*NAMES))
    recording = source.recordings("train")[0]
    source.path(recording).unlink()
    with pytest.raises(InputError, match="is gone"):
        source.read(recording, 0, 10)


def test_a_cache_that_cannot_be_written_is_refused(make_folder, build, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="FXSTYLE_CACHE"):
        build(make_folder(*NAMES), cache_dir=tmp_path / "file")


def test_the_default_cache_folder(monkeypatch):
    monkeypatch.setenv("FXSTYLE_CACHE", "/somewhere")
    assert default_cache_dir() == Path("/somewhere")
    monkeypatch.delenv("FXSTYLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/other")
    assert default_cache_dir() == Path("/other/fxstyle")


def test_pickles_small_and_reads_from_threads(make_folder, build):
    source = build(make_folder(*NAMES))
    copy = pickle.loads(pickle.dumps(source))
    assert len(pickle.dumps(source)) < 5000
    wanted = [(recording, start) for recording in _all(source) for start in range(0, 1000, 100)]
    with ThreadPoolExecutor(8) as pool:
        pieces = list(pool.map(lambda key: copy.read(*key, 200), wanted))
    for key, piece in zip(wanted, pieces, strict=True):
        np.testing.assert_array_equal(piece, source.read(*key, 200))


def test_weights_follow_duration_up_to_30_seconds(tmp_path, build):
    for index, seconds in enumerate([1, 2, 40]):
        (tmp_path / "r").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "r" / f"{index}.wav", np.full(seconds * 1000, 0.5), 1000)
    source = build(tmp_path / "r", sample_rate=1000, split="test")
    np.testing.assert_allclose(source.weights("test"), np.array([1, 2, 30]) / 33)
    assert len(source.weights("train")) == 0


def test_peak_is_kept_with_the_decoded_file(make_folder, cache_dir):
    root = make_folder("a.wav")
    decoded = DecodedCache(cache_dir, 8000, 1).decode(root / "a.wav")
    assert decoded.peak == pytest.approx(0.5, abs=0.01)
    assert decoded.samples == 1600


@pytest.mark.skipif("FXSTYLE_RECORDINGS" not in os.environ, reason="FXSTYLE_RECORDINGS names no folder")
def test_real_recordings(build):
    source = build(os.environ["FXSTYLE_RECORDINGS"], sample_rate=24000)
    for split in SPLITS:
        recording = source.recordings(split)[0]
        assert np.abs(source.read(recording, 0, recording.samples)).max() > 1e-3
        assert source.weights(split).sum() == pytest.approx(1)
