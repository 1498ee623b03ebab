"""``fxstyle doctor pair`` as a person types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fxstyle.audio.files import read_audio, read_info, write_audio
from tests.commands.conftest import Run
from tests.doctor.pairs import RATE, dry_sound, shifted

pytestmark = pytest.mark.unit


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A pair whose wet sound is late, upside down and offset, in stereo."""
    dry, wet = tmp_path / "d.wav", tmp_path / "w.wav"
    write_audio(dry, dry_sound(), RATE)
    write_audio(wet, np.repeat(0.01 - 0.5 * shifted(dry_sound(), 67), 2, axis=0), RATE, "FLOAT")
    return dry, wet


def test_a_pair_is_examined_and_repaired(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "repaired"
    code, text, error = run("doctor", "pair", *files, "--out", out)
    assert (code, error) == (0, "")
    assert max(map(len, text.split("Wrote")[0].splitlines())) <= 80
    assert "\x1b" not in text
    words = " ".join(text.split())
    for told in ("was shifted by 67", "upside down", "best gain, before", "512 taps", "fitted on this pair", "Wrote"):
        assert told in words
    (dry, rate), (wet, _) = read_audio(out / "dry.wav"), read_audio(out / "wet.wav")
    assert rate == RATE
    assert read_info(out / "wet.wav").subtype == "FLOAT"
    np.testing.assert_allclose(wet, 0.01 - 0.5 * dry, atol=1e-6)
    code, _, error = run("doctor", "pair", *files, "--out", out)
    assert code == 2
    assert "already there: add --overwrite" in error


def test_what_is_asked_for_is_repaired_too(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    code, _, _ = run("doctor", "pair", *files, "--lag", 67, "--invert", "--remove-dc", "--out", tmp_path)
    assert code == 0
    dry, wet = read_audio(tmp_path / "dry.wav")[0], read_audio(tmp_path / "wet.wav")[0]
    np.testing.assert_allclose(wet - wet.mean(), 0.5 * (dry - dry.mean()), atol=1e-5)
    assert abs(wet.mean()) < 1e-4


def test_a_refused_pair_is_one_sentence_and_writes_nothing(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    silent, out = tmp_path / "silent.wav", tmp_path / "out"
    write_audio(silent, 0 * dry_sound(), RATE)
    code, text, error = run("doctor", "pair", files[0], silent, "--out", out)
    assert code == 2
    assert "refuse" in text
    assert "silent.wav is digital silence" in error
    assert len(error.strip().splitlines()) == 1
    assert not out.exists()
    code, _, error = run("doctor", "pair", files[0], tmp_path / "none.wav")
    assert code == 2
    assert "none.wav does not exist" in error
    code, _, error = run("doctor", "pair", *files, "--out", files[0])
    assert code == 2
    assert "give a folder" in error
