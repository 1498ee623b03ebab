"""``match`` from Python: the same in five lines, stopped early, and repeatable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fxstyle.errors import InputError
from fxstyle.run.match import THRESHOLDS, _threshold, match
from fxstyle.run.match_folder import save_match
from fxstyle.search.acceptance import decide
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


def test_what_is_read_is_never_deleted(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = match(*pair, effect="distortion", renders=4).save(tmp_path / "out")
    inside = write(out / "dry.wav", dry_sound())
    again = match(inside, pair[1], effect="distortion", renders=4)
    with pytest.raises(InputError, match=r"lies in .* which --overwrite would delete"):
        again.save(out, overwrite=True)
    assert inside.is_file()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"threshold": {"same": 0.3}}', 0.3),
        ('{"threshold": {"same": 0.3}, "effects": {"distortion": {"same": 0.1}}}', 0.1),
        ('{"threshold": {"same": 0.3}, "effects": {"chorus": {"same": 0.1}}}', 0.3),
        ('{"threshold": {}}', THRESHOLDS["same"]),
        ('{"threshold": {"same": 2.0}}', 2.0),
    ],
)
def test_a_run_knows_when_to_accept(tmp_path: Path, text: str, wanted: float) -> None:
    (tmp_path / "acceptance.json").write_text(text)
    assert _threshold(tmp_path, "distortion", True) == wanted


@pytest.mark.parametrize("text", ["{", "[]", '{"threshold": {"same": -1}}', '{"threshold": {"same": NaN}}'])
def test_damaged_thresholds_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "acceptance.json").write_text(text)
    with pytest.raises(InputError, match="cannot be used"):
        _threshold(tmp_path, "distortion", True)


def test_where_nothing_can_be_trusted_the_reason_says_so() -> None:
    decision = decide(1.0, 0.1, 2.0)
    assert not decision.accepted
    assert "validation" in decision.reason
