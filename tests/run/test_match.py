"""``match`` from Python: the same in five lines, stopped early, and repeatable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fxstyle.errors import InputError
from fxstyle.run.match import match
from fxstyle.run.match_folder import save_match
from tests.effects.catalogue import effect
from tests.run.match_sounds import RATE, dry_sound, wet_sound, write

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    wet = wet_sound("distortion", dry_sound(), drive_db=25)
    return write(folder / "dry.wav", dry_sound()), write(folder / "wet.wav", wet)


def test_the_same_seed_gives_the_same_settings(pair: tuple[Path, Path]) -> None:
    first, again, other = (match(*pair, effect("highpass"), renders=10, seed=seed) for seed in (0, 0, 1))
    assert first.values == again.values
    assert first.history == again.history
    assert first.history != other.history


def test_a_search_that_is_stopped_gives_the_best_so_far(pair: tuple[Path, Path], tmp_path: Path) -> None:
    def stop(renders: int, best: float) -> None:
        raise KeyboardInterrupt

    result = match(*pair, effect="distortion", renders=500, on_progress=stop)
    assert result.stopped_by == "interrupted"
    assert 0 < result.renders < 500
    folder = result.save(tmp_path / "out")
    content = json.loads((folder / "result.json").read_text())
    assert content["stopped_by"] == "interrupted"
    assert f"stopped early, after {result.renders} of 500" in (folder / "report.html").read_text()


def test_a_chain_with_switches(pair: tuple[Path, Path]) -> None:
    result = match(*pair, effect="amp", renders=8, threshold=0.0)
    names = [setting.name for setting in result.settings]
    assert "preamp.drive_db" in names
    assert set(result.values) == set(names)
    assert all(setting.heard_db is not None for setting in result.settings)


def test_saving_again_needs_leave_and_leaves_nothing_half_written(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = match(*pair, effect="distortion", renders=6)
    out = result.save(tmp_path / "out")
    with pytest.raises(InputError, match="already there"):
        result.save(out)
    before = (out / "result.json").read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("fxstyle.run.match_folder.write_report", fail)
        with pytest.raises(InputError, match="No space left"):
            save_match(result, out, True, None, lambda frames, total: None)
    assert (out / "result.json").read_bytes() == before
    (out / "mine.txt").write_text("replaced with the folder")
    result.save(out, overwrite=True)
    assert not (out / "mine.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_was_heard_is_not_levelled(pair: tuple[Path, Path]) -> None:
    result = match(*pair, effect="distortion", renders=4)
    assert result.sounds.sample_rate == RATE
    np.testing.assert_array_equal(result.sounds.dry, dry_sound())
    np.testing.assert_array_equal(result.sounds.reference, wet_sound("distortion", dry_sound(), drive_db=25))


def test_a_mono_reference_says_nothing_about_the_width_of_stereo_sound(tmp_path: Path) -> None:
    dry = np.concatenate([dry_sound(), 0.3 * dry_sound(RATE, 1)])
    wet = wet_sound("distortion", dry, drive_db=25).mean(axis=0, keepdims=True)
    pair = write(tmp_path / "dry.wav", dry), write(tmp_path / "mono.wav", wet)
    result = match(*pair, effect="distortion", renders=24, content="same")
    assert result.values["drive_db"] == pytest.approx(25, abs=0.5)
    assert result.candidates[0].score < 0.05 * result.identity
