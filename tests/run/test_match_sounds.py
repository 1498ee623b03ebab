"""What a match reads of its two files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fxstyle.audio.resample import resample
from fxstyle.errors import InputError
from fxstyle.run import match_sounds
from fxstyle.run.match_sounds import read_sounds
from tests.run.match_sounds import RATE, dry_sound, wet_sound, write

pytestmark = pytest.mark.unit


def test_the_same_performance_is_found_and_put_in_time(tmp_path: Path) -> None:
    dry = dry_sound(2 * RATE)
    late = np.pad(wet_sound("distortion", dry, drive_db=30), ((0, 0), (1600, 0)))
    sounds = read_sounds(write(tmp_path / "dry.wav", dry), write(tmp_path / "wet.wav", late))
    assert sounds.same
    assert sounds.likeness.lag == pytest.approx(1600, abs=2)
    assert sounds.dry.shape == sounds.reference.shape == (1, 2 * RATE)
    np.testing.assert_array_equal(sounds.dry, dry[:, : sounds.dry.shape[1]])


def test_an_early_reference_moves_the_start(tmp_path: Path) -> None:
    dry = dry_sound(2 * RATE)
    sounds = read_sounds(write(tmp_path / "dry.wav", dry), write(tmp_path / "wet.wav", 0.5 * dry[:, 800:]))
    assert sounds.same
    assert sounds.start == pytest.approx(800, abs=2)
    np.testing.assert_array_equal(sounds.dry[0], dry[0, sounds.start : sounds.start + sounds.dry.shape[1]])


def test_other_content_at_another_rate_with_other_channels(tmp_path: Path) -> None:
    dry = np.repeat(dry_sound(), 2, axis=0) * np.float32([[1], [0.5]])
    other = resample(dry_sound(2 * RATE, 2), RATE, 44100)
    sounds = read_sounds(write(tmp_path / "dry.wav", dry), write(tmp_path / "other.wav", other, 44100))
    assert not sounds.same
    assert (sounds.sample_rate, sounds.reference_rate, sounds.channels) == (RATE, 44100, 2)
    # Mono sound says nothing about width.
    assert sounds.reference.shape == (1, 2 * RATE)
    np.testing.assert_array_equal(sounds.dry, dry)


def test_content_can_be_said(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a.wav", dry_sound()), write(tmp_path / "b.wav", dry_sound(RATE, 2))
    assert read_sounds(one, two, "same").same
    assert not read_sounds(one, one, "other").same


def test_long_files_are_read_where_they_are_loudest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_sounds, "DRY_SECONDS", 2)
    monkeypatch.setattr(match_sounds, "REFERENCE_SECONDS", 1)
    quiet = 0.01 * np.random.default_rng(0).standard_normal((1, 6 * RATE)).astype(np.float32)
    dry, reference = quiet.copy(), 0.5 * quiet[:, ::-1]
    dry[:, 3 * RATE : 5 * RATE] += dry_sound(2 * RATE)
    reference[:, 2 * RATE : 3 * RATE] += dry_sound(RATE, 2)
    sounds = read_sounds(write(tmp_path / "dry.wav", dry), write(tmp_path / "other.wav", reference))
    assert (sounds.start, sounds.frames) == (3 * RATE, 6 * RATE)
    np.testing.assert_array_equal(sounds.dry, dry[:, 3 * RATE : 5 * RATE])
    np.testing.assert_array_equal(sounds.reference, reference[:, 2 * RATE : 3 * RATE])


@pytest.mark.parametrize("seconds", [0.2, 0.249])
def test_what_is_shorter_than_the_least_is_refused(tmp_path: Path, seconds: float) -> None:
    short = write(tmp_path / "short.wav", dry_sound()[:, : int(seconds * RATE)])
    whole = write(tmp_path / "whole.wav", dry_sound())
    for pair in ((short, whole), (whole, short)):
        with pytest.raises(InputError, match=r"short\.wav is .* needs at least 0\.25 s"):
            read_sounds(*pair)
