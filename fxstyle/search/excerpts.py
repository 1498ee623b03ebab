"""Which pieces of a long recording a search listens to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import SILENCE_DB, from_db, is_silent
from fxstyle.errors import InputError
from fxstyle.search.objectives import LONGEST_SAMPLES
from fxstyle.search.problem import Excerpt

SHORTEST_SAMPLES = 2048
LOUD_ENOUGH_DB = 12.0
OCTAVES = 9


def choose_excerpts(
    dry: NDArray[np.float32],
    sample_rate: int,
    reference: NDArray[np.float32] | None = None,
    count: int = 3,
    seconds: float = 5.0,
    preroll_seconds: float = 1.0,
) -> list[Excerpt]:
    """Cut a few loud and different pieces from a recording, with the sound before them as pre-roll.

    A recording no longer than a piece becomes one excerpt. Else the loudest piece comes first, then the one whose
    spectrum and dynamics differ most from those chosen, among pieces at most 12 dB below the loudest. Pieces of matched
    content are no longer than the 65,536 samples that their objective looks at.

    Args:
        dry: ``(channels, samples)``.
        sample_rate: In Hz.
        reference: Sound that plays the same, aligned, with the same channels and at the same rate; it is cut at the
            same places. ``None`` where the content differs.
        count: Most excerpts.
        seconds: Longest length of an excerpt.
        preroll_seconds: Longest pre-roll.

    Raises:
        InputError: A sound is silent or shorter than 2,048 samples, or the channels differ.
    """
    for name, sound in (("dry sound", dry), ("reference", reference)):
        if sound is None:
            continue
        if sound.shape[1] < SHORTEST_SAMPLES:
            raise InputError(
                f"the {name} is {sound.shape[1]} samples long: give at least {SHORTEST_SAMPLES} "
                f"({SHORTEST_SAMPLES / sample_rate:.2g} s)"
            )
        if is_silent(sound):
            raise InputError(f"the {name} is silent (no peak above {SILENCE_DB:g} dBFS): give one with sound in it")
    length = round(seconds * sample_rate)
    samples = dry.shape[1]
    if reference is not None:
        if len(reference) != len(dry):
            raise InputError(f"the dry sound has {len(dry)} channel(s) and the reference {len(reference)}")
        length = min(length, LONGEST_SAMPLES)
        samples = min(samples, reference.shape[1])
    length = max(SHORTEST_SAMPLES, min(length, samples))
    preroll = round(preroll_seconds * sample_rate)
    return [
        Excerpt(
            np.ascontiguousarray(dry[:, max(0, start - preroll) : start + length]),
            min(start, preroll),
            None if reference is None else np.ascontiguousarray(reference[:, start : start + length]),
        )
        for start in _starts(dry[:, :samples], length, count)
    ]


def _starts(dry: NDArray[np.float32], length: int, count: int) -> list[int]:
    """Where the chosen pieces begin, the loudest first; no two overlap."""
    samples = dry.shape[1]
    starts = np.unique(np.append(np.arange(0, samples - length + 1, max(1, length // 2)), samples - length))
    described = np.array([_description(dry[:, start : start + length].mean(axis=0)) for start in starts])
    levels = described[:, 0]
    candidates = np.flatnonzero(levels >= levels.max() - LOUD_ENOUGH_DB)
    features = described[candidates]
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1.0)
    distance = np.full(len(candidates), np.inf)
    following = int(np.argmax(levels[candidates]))
    chosen: list[int] = []
    while len(chosen) < count and distance[following] > 0.0:
        chosen.append(int(starts[candidates[following]]))
        distance = np.minimum(distance, np.linalg.norm(features - features[following], axis=1))
        distance[np.abs(starts[candidates] - chosen[-1]) < length] = 0.0
        following = int(np.argmax(distance))
    return chosen


def _description(mono: NDArray[np.float32]) -> NDArray[np.float64]:
    """Level, crest and level in octaves of a piece ``(samples,)``, all in dB."""
    floor = from_db(SILENCE_DB) ** 2
    energy = float(np.mean(np.square(mono, dtype=np.float64)))
    power = np.square(np.abs(np.fft.rfft(mono)) / len(mono))
    edges = (len(power) * 0.5 ** np.arange(OCTAVES, -1, -1)).astype(int)
    octaves = [power[low:high].sum() for low, high in pairwise(edges)]
    level = 10.0 * np.log10(energy + floor)
    crest = 20.0 * np.log10(np.abs(mono).max() + from_db(SILENCE_DB)) - level
    return np.array([level, crest, *(10.0 * np.log10(np.array(octaves) + floor))])
