"""Keys name clips: everything random about a clip is a pure function of its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.source import SPLITS, Recording, Split
from fxstyle.effects.schedule import Schedule
from fxstyle.errors import InputError

Key = TypeVar("Key")


@dataclass(frozen=True)
class ClipKey:
    """One clip of one epoch.

    Attributes:
        split: Split of the recording.
        effect: Index of the effect.
        recording: Index of the recording within its split.
        start: First sample of the clip in the recording.
        length: Samples of the clip.
        seed: The experiment's data seed.
        epoch: Epoch; 0 for validation and test, whose clips never change.
        index: Place in the epoch.
    """

    split: Split
    effect: int
    recording: int
    start: int
    length: int
    seed: int
    epoch: int
    index: int

    def rng(self, attempt: int) -> np.random.Generator:
        """The generator of everything random about this clip; each attempt after a rejection has its own."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), self.epoch, self.index, attempt])


@dataclass(frozen=True)
class ClipPlan:
    """Turns an epoch into keys.

    Attributes:
        split: Split to draw from.
        recordings: Recordings of the split.
        weights: Probability of each recording ``(recordings,)``.
        length: Samples of a clip.
        seed: The experiment's data seed.
    """

    split: Split
    recordings: Sequence[Recording]
    weights: NDArray[np.float64]
    length: int
    seed: int

    def key(self, epoch: int, index: int, effect: int, attempt: int = 0) -> ClipKey:
        """The key at a place of an epoch; a later attempt draws another clip for the same place."""
        rng = np.random.default_rng([self.seed, SPLITS.index(self.split), epoch, index, attempt, 1])
        recording = int(rng.choice(len(self.recordings), p=self.weights))
        start = int(rng.integers(0, max(self.recordings[recording].samples - self.length, 0) + 1))
        return ClipKey(self.split, effect, recording, start, self.length, self.seed, epoch, index)

    def training_epoch(self, epoch: int, items: int, schedule: Schedule, effects: int) -> list[ClipKey]:
        """Keys of a training epoch, whose effects follow the schedule."""
        chosen = schedule.effects_of_epoch(epoch, items, effects)
        return [self.key(epoch, index, int(effect)) for index, effect in enumerate(chosen)]

    def fixed(self, items: int, effects: Sequence[int]) -> list[ClipKey]:
        """The same keys at every epoch, shared evenly over all effects, at least one each."""
        return [self.key(0, index, effects[index % len(effects)]) for index in range(max(items, len(effects)))]


def rank_batches(keys: Sequence[Key], batch_size: int, rank: int, ranks: int) -> list[list[Key]]:
    """Divide keys into batches for one rank: every key once, as many batches on every rank, none padded.

    Batches of one step differ by at most one item between ranks, and steps hold the same keys however many ranks
    share them.

    Raises:
        InputError: When there are fewer keys than ranks.
    """
    if len(keys) < ranks:
        raise InputError(
            f"data: {len(keys)} items cannot be shared by {ranks} devices; raise train_items and val_items"
        )
    if batch_size < 1:
        raise InputError(f"data.batch_size must be at least 1, not {batch_size}")
    # Steps of ceil(keys / (batch * ranks)) would leave the last one too small to share; even steps do not. With one
    # item a batch and keys left over, a rank has to take two.
    steps = min(-(-len(keys) // (batch_size * ranks)), len(keys) // ranks)
    edges = np.linspace(0, len(keys), steps + 1).astype(int)
    batches = []
    for first, last in pairwise(edges):
        shares = np.linspace(first, last, ranks + 1).astype(int)
        batches.append(list(keys[shares[rank] : shares[rank + 1]]))
    return batches
