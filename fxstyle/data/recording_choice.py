"""Which recordings of a source are used where only some minutes of it are wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import Level
from fxstyle.audio.resample import to_channels
from fxstyle.audio.source import Recording, Source, Split
from fxstyle.data.time_split import LEAST_SECONDS
from fxstyle.errors import InputError

_LEAST_CUT_SECONDS = 1.0
"""No recording is cut to less than this to fill up the last second: it would be scored like the others."""


class Chosen(NamedTuple):
    """The first ``samples`` of a recording."""

    recording: Recording
    samples: int

    @property
    def kind(self) -> str:
        """The folder it lies in, such as ``guitar``; empty where it lies in none."""
        return self.recording.name.rpartition("/")[0].partition("/")[0]


def check_seconds(**limits: float | None) -> None:
    """Refuse limits that leave nothing to use; ``None`` is no limit."""
    for key, seconds in limits.items():
        if seconds is not None and not LEAST_SECONDS <= seconds < float("inf"):
            raise InputError(f"data.{key} is {seconds}: use {LEAST_SECONDS} or more, or null for no limit.")


def choose_recordings(
    source: Source, split: Split, seconds: float | None, recording_seconds: float | None, tail_seconds: float = 0.0
) -> list[Chosen]:
    """Take recordings from each folder in turn, in the source's order, until there are enough seconds.

    So a few minutes hold all kinds of sound there are, and always the same ones.

    Args:
        source: Where they come from.
        split: Their split.
        seconds: Most seconds of them together, tails included; ``None`` for all.
        recording_seconds: Longer recordings are cut to this; ``None`` for whole ones.
        tail_seconds: Silence that will follow each of them, in s.

    Raises:
        InputError: There is none.
    """
    rate = source.sample_rate
    longest = None if recording_seconds is None else round(recording_seconds * rate)
    tail = round(tail_seconds * rate)
    folders: dict[str, list[Chosen]] = {}
    for recording in source.recordings(split):
        one = Chosen(recording, recording.samples if longest is None else min(recording.samples, longest))
        folders.setdefault(one.kind, []).append(one)
    left = float("inf") if seconds is None else round(seconds * rate)
    chosen: list[Chosen] = []
    for one in filter(None, chain.from_iterable(zip_longest(*folders.values()))):
        samples = int(min(one.samples, left - tail))
        cut = samples < one.samples and bool(chosen)
        if samples >= (_LEAST_CUT_SECONDS if cut else LEAST_SECONDS) * rate:
            chosen.append(one._replace(samples=samples))
            left -= samples + tail
    if not chosen:
        raise InputError(
            f"There is no recording to {split} on: give the audio folder a {split} folder with recordings, or raise "
            f"data.{split}_seconds."
        )
    return chosen


def take_turns(chosen: Sequence[Chosen], settings: int) -> list[list[int]]:
    """One setting for each recording, so that all are heard equally often and every folder hears all of them.

    Where there are fewer recordings than settings, each gets all of them.
    """
    if len(chosen) < settings:
        return [list(range(settings)) for _ in chosen]
    heard: Counter[int] = Counter()
    heard_in: Counter[tuple[str, int]] = Counter()
    turns = []
    for one in chosen:
        setting = min(range(settings), key=lambda place: (heard[place], heard_in[one.kind, place], place))
        heard[setting] += 1
        heard_in[one.kind, setting] += 1
        turns.append([setting])
    return turns


def read_dry(source: Source, one: Chosen, level: Level, tail_seconds: float) -> NDArray[np.float32]:
    """A chosen recording in mono at its level, followed by silence: ``(1, samples)``.

    Raises:
        InputError: It holds NaN or infinite samples.
    """
    audio = to_channels(source.read(one.recording, 0, one.samples), 1)
    if not np.isfinite(audio).all():
        raise InputError(f"{one.recording.name} holds NaN or infinite samples: export it again or leave it out.")
    # A level without jitter draws nothing.
    audio = level.apply(audio, source.sample_rate, np.random.default_rng(0))
    return np.pad(audio, ((0, 0), (0, round(tail_seconds * source.sample_rate))))


def check_level(level: Level) -> None:
    """Refuse a level that differs from one time to the next."""
    if level.jitter_db:
        raise InputError(f"data.level.jitter_db is {level.jitter_db}: pairs are made once, so use 0.")


def amount_note(source: Source, split: Split, chosen: Sequence[Chosen]) -> str:
    """What a report says of the recordings of a split."""
    seconds = sum(one.samples for one in chosen) / source.sample_rate
    every = source.recordings(split)
    whole = sum(recording.samples for recording in every) / source.sample_rate
    return f"{split}: {seconds:.0f} s of {len(chosen)} recordings (there are {whole:.0f} s of {len(every)})."
