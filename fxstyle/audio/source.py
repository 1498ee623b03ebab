"""What every source of dry sound offers, whether files, synthesis or a mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Recording:
    """One recording: the unit in which splits are made and intervals are clustered.

    Attributes:
        name: Unique within its source; a relative POSIX path for files.
        split: The split it belongs to.
        samples: Its length at the source's sample rate.
        group: Speaker, player or instrument it shares with others; its own name where nothing is known.
    """

    name: str
    split: Split
    samples: int
    group: str


class Source(Protocol):
    """A source of dry recordings at one sample rate and channel count.

    Sources are picklable (data loader workers receive a copy) and reading is a pure function of its arguments.
    """

    sample_rate: int
    channels: int

    def recordings(self, split: Split) -> Sequence[Recording]:
        """Recordings of a split, in a fixed order."""
        ...

    def read(self, recording: Recording, start: int, length: int) -> NDArray[np.float32]:
        """Read ``(channels, length)`` samples from ``start``; what lies outside the recording is silence.

        ``start`` may be negative and ``start + length`` may pass the end.
        """
        ...

    def weights(self, split: Split) -> NDArray[np.float64]:
        """Probability ``(recordings,)`` with which each of ``recordings(split)`` is drawn; they sum to 1."""
        ...

    def notes(self) -> list[str]:
        """Sentences a report must carry: files left out, groups that cross splits, clips padded with silence."""
        ...


def cut(audio: NDArray[np.float32], start: int, length: int) -> NDArray[np.float32]:
    """Copy ``(channels, length)`` samples from ``start`` of ``(channels, samples)``; what lies outside is silence."""
    piece = np.zeros((len(audio), length), np.float32)
    first, last = max(start, 0), min(start + length, audio.shape[-1])
    if first < last:
        piece[:, first - start : last - start] = audio[:, first:last]
    return piece
