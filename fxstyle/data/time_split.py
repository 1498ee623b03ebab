"""One recording cut in time, so that it trains, validates and tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from fxstyle.audio.source import SPLITS, Split
from fxstyle.errors import InputError

FRACTIONS = (0.7, 0.15, 0.15)
LEAST_SECONDS = 0.1
"""Nothing shorter is trained on or scored."""


class Part(NamedTuple):
    """The samples of one split, from ``start`` up to ``stop``."""

    split: Split
    start: int
    stop: int


def check_time_split(fractions: Sequence[float], edges: Sequence[float] | None) -> None:
    """Refuse shares that are not three positive ones with sum 1, and edges that are not two ascending times."""
    if len(fractions) != len(SPLITS) or not (min(fractions) > 0 and abs(sum(fractions) - 1) < 1e-6):
        raise InputError(
            f"data.fractions is {list(fractions)}: use three positive shares, for train, val and test, that sum to 1."
        )
    if edges is not None and not (len(edges) == len(SPLITS) - 1 and 0 < edges[0] < edges[1] < float("inf")):
        raise InputError(
            f"data.time_edges is {list(edges)}: use two times in s, where val and where test begin, such as [20, 24]."
        )


def split_by_time(
    name: str,
    samples: int,
    sample_rate: int,
    fractions: Sequence[float] = FRACTIONS,
    edges: Sequence[float] | None = None,
) -> list[Part]:
    """Cut a recording into its first, middle and last part: train, val and test, without gap or overlap.

    Args:
        name: The recording, for messages.
        samples: Its length.
        sample_rate: In Hz.
        fractions: Shares of train, val and test.
        edges: Times in s at which val and test begin, in place of the shares.

    Raises:
        InputError: A part would be shorter than :data:`LEAST_SECONDS`, or the shares or edges are wrong.
    """
    check_time_split(fractions, edges)
    if edges is None:
        inner = [round(fractions[0] * samples), round((fractions[0] + fractions[1]) * samples)]
        remedy = f"{len(SPLITS)} parts of data.fractions={list(fractions)}: use a longer recording"
    else:
        inner = [round(edge * sample_rate) for edge in edges]
        remedy = f"{len(SPLITS)} parts of data.time_edges={list(edges)}: use earlier edges or a longer recording"
    places = pairwise([0, *inner, samples])
    parts = [Part(split, start, stop) for split, (start, stop) in zip(SPLITS, places, strict=True)]
    if min(part.stop - part.start for part in parts) < LEAST_SECONDS * sample_rate:
        raise InputError(
            f"{name} is {samples / sample_rate:.2f} s long, too short for {remedy} ({LEAST_SECONDS} s a part at least)."
        )
    return parts
