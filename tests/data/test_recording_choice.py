from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxstyle.audio.levels import Level, peak_db
from fxstyle.audio.source import Recording, Split
from fxstyle.data.recording_choice import (
    Chosen,
    amount_note,
    check_level,
    check_seconds,
    choose_recordings,
    read_dry,
    take_turns,
)
from fxstyle.errors import InputError
from tests.data.sounds import RATE, Noises

pytestmark = pytest.mark.unit


@dataclass
class Folders(Noises):
    """Recordings of given seconds in folders."""

    named: tuple[tuple[str, float], ...] = ()

    def recordings(self, split: Split) -> list[Recording]:
        return [Recording(name, split, round(seconds * RATE), name) for name, seconds in self.named]


SOURCE = Folders(
    named=(("bass/a", 4), ("bass/b", 4), ("bass/c", 4), ("drums/test/a", 2), ("drums/test/b", 2), ("x", 3))
)


def names(chosen: list[Chosen]) -> list[str]:
    return [one.recording.name for one in chosen]


def test_folders_take_turns_and_whole_recordings_come_first() -> None:
    assert names(choose_recordings(SOURCE, "test", None, None)) == [
        "bass/a",
        "drums/test/a",
        "x",
        "bass/b",
        "drums/test/b",
        "bass/c",
    ]
    chosen = choose_recordings(SOURCE, "test", 11, 3)
    assert names(chosen) == ["bass/a", "drums/test/a", "x", "bass/b"]
    assert [one.samples / RATE for one in chosen] == [3, 2, 3, 3]
    assert amount_note(SOURCE, "test", chosen) == "test: 11 s of 4 recordings (there are 19 s of 6)."


def test_the_last_recording_is_cut_unless_little_would_be_left() -> None:
    assert [one.samples / RATE for one in choose_recordings(SOURCE, "val", 7.5, None)] == [4, 2, 1.5]
    assert [one.samples / RATE for one in choose_recordings(SOURCE, "val", 6.9, None)] == [4, 2]
    # What was short from the start is whole.
    short = Folders(named=(("a", 4), ("b", 0.5), ("c", 0.05)))
    assert names(choose_recordings(short, "val", 4.4, None)) == ["a"]
    assert names(choose_recordings(short, "val", 5, None)) == ["a", "b"]
    assert [one.samples / RATE for one in choose_recordings(short, "val", 0.5, None)] == [0.5]


@given(
    st.lists(st.tuples(st.sampled_from(["a/", "b/", "c/d/", ""]), st.floats(0.01, 20)), max_size=12),
    st.floats(0.1, 60),
    st.floats(0.1, 10),
    st.floats(0, 3),
)
def test_there_is_never_too_much(sounds: list[tuple[str, float]], limit: float, longest: float, tail: float) -> None:
    source = Folders(named=tuple((f"{folder}{index}", seconds) for index, (folder, seconds) in enumerate(sounds)))
    try:
        chosen = choose_recordings(source, "train", limit, longest, tail)
    except InputError:
        assert not any(seconds >= 0.1 for _, seconds in sounds) or limit - tail < 0.1 + 1 / RATE
        return
    assert len(set(names(chosen))) == len(chosen)
    assert sum(one.samples + round(tail * RATE) for one in chosen) <= round(limit * RATE)
    assert all(0.1 * RATE <= one.samples <= min(round(longest * RATE), one.recording.samples) for one in chosen)


def test_a_split_without_recordings_is_named() -> None:
    with pytest.raises(InputError, match=r"no recording to val on: .*data\.val_seconds"):
        choose_recordings(Folders(), "val", None, None)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40), st.integers(1, 6))
def test_settings_take_turns(folders: list[str], settings: int) -> None:
    chosen = [Chosen(Recording(f"{folder}/{n}", "train", 1, ""), 1) for n, folder in enumerate(folders)]
    turns = take_turns(chosen, settings)
    if len(chosen) < settings:
        assert turns == [list(range(settings))] * len(chosen)
        return
    assert all(len(turn) == 1 for turn in turns)
    heard = Counter(turn[0] for turn in turns)
    assert len(heard) == settings
    assert max(heard.values()) - min(heard.values()) <= 1
    if len(set(folders)) == 1:
        assert [turn[0] for turn in turns] == [index % settings for index in range(len(turns))]


def test_every_folder_hears_every_setting() -> None:
    chosen = [Chosen(Recording(f"{folder}/{n}", "train", 1, ""), 1) for n in range(4) for folder in "abcd"]
    turns = take_turns(chosen, 4)
    assert {(one.kind, turn[0]) for one, turn in zip(chosen, turns, strict=True)} == {
        (folder, setting) for folder in "abcd" for setting in range(4)
    }


@pytest.mark.parametrize("channels", [1, 2])
def test_dry_sound_is_mono_at_its_level_with_its_tail(channels: int) -> None:
    source = Noises(channels)
    one = Chosen(source.recordings("val")[1], 2000)
    dry = read_dry(source, one, Level("peak", -20), 0.5)
    assert dry.shape == (1, 2000 + RATE // 2)
    assert dry.dtype == np.float32
    assert peak_db(dry) == pytest.approx(-20, abs=1e-4)
    assert not dry[:, 2000:].any()
    raw = source.read(one.recording, 0, 2000).mean(axis=0)
    np.testing.assert_allclose(dry[0, :2000] / dry[0, 0], raw / raw[0], rtol=1e-4)


def test_a_source_that_gives_nan_is_named() -> None:
    class Broken(Noises):
        def read(self, recording: Recording, start: int, length: int) -> np.ndarray:
            return np.full((1, length), np.nan, np.float32)

    with pytest.raises(InputError, match="val1 holds NaN"):
        read_dry(Broken(), Chosen(Broken().recordings("val")[1], 100), Level(), 0)


def test_limits_and_levels_that_make_no_sense_are_refused() -> None:
    check_seconds(train_seconds=None, val_seconds=0.1)
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"data\.val_seconds"):
            check_seconds(val_seconds=seconds)
    with pytest.raises(InputError, match="jitter_db is 3"):
        check_level(Level(jitter_db=3))
