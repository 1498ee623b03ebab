"""An epoch-aware batch sampler: asks which epoch it is when an iteration begins, and remembers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic

from fxstyle.data.keys import Key, rank_batches


class EpochBatchSampler(Generic[Key]):
    """Yields the batches of keys that one rank sees in the current epoch.

    The epoch comes from the trainer's own progress, which checkpoints restore: a counter kept here, or ``set_epoch``,
    would be wrong after a resume.

    Args:
        keys: Keys of an epoch, ``epoch -> keys``.
        epoch: Current epoch.
        batch_size: Items of a batch on each rank, at most.
        rank: This rank.
        ranks: All ranks.
    """

    def __init__(
        self, keys: Callable[[int], list[Key]], epoch: Callable[[], int], batch_size: int, rank: int, ranks: int
    ) -> None:
        self._keys = keys
        self._epoch = epoch
        self._batch_size = batch_size
        self._rank = rank
        self._ranks = ranks
        self._length = len(rank_batches(keys(0), batch_size, rank, ranks))

    def __len__(self) -> int:
        """Batches of an epoch on this rank."""
        return self._length

    def __iter__(self) -> Iterator[list[Key]]:
        """Batches of the current epoch; the epoch is read here, not when the first batch is asked for."""
        return iter(rank_batches(self._keys(self._epoch()), self._batch_size, self._rank, self._ranks))
