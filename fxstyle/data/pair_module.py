"""The DataModule of emulation: segments of paired recordings to train on, whole recordings to score."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset

from fxstyle.audio.source import SPLITS
from fxstyle.data.dataset import already_batched
from fxstyle.data.keys import Key
from fxstyle.data.pair import PairSet
from fxstyle.data.prefetch import PrefetchingLoader
from fxstyle.data.sampler import EpochBatchSampler
from fxstyle.data.segments import Order, RecordingDataset, SegmentDataset, SegmentKey, SegmentPlan
from fxstyle.errors import InputError

log = logging.getLogger(__name__)


class PairDataModule(pl.LightningDataModule):
    """Recordings of one effect or device, in memory.

    Args:
        pairs: The pairs of all splits.
        segment_samples: Samples of a training item that the loss sees.
        context_samples: Dry samples before them; ``None`` takes what the model asks for.
        batch_size: Items of a training batch on each device.
        train_items: Items of an epoch, all ranks together; ``None`` for as many as fit into the recordings.
        order: ``random`` or ``random_sequential``; see :class:`fxstyle.data.segments.SegmentPlan`.
        drop_silence: Leave out windows where dry *and* wet are silent; never for gates.
        score_batch: Whole recordings that are scored side by side.
        seed: Seeds the segments.

    Raises:
        InputError: A count is below 1, or no training recording is as long as a segment.
    """

    def __init__(
        self,
        pairs: PairSet,
        segment_samples: int,
        context_samples: int | None,
        batch_size: int,
        train_items: int | None,
        order: Order,
        drop_silence: bool,
        score_batch: int,
        seed: int,
    ) -> None:
        super().__init__()
        counts = {"segment_samples": segment_samples, "batch_size": batch_size, "score_batch": score_batch}
        for name, value in (counts | ({} if train_items is None else {"train_items": train_items})).items():
            if value < 1:
                raise InputError(f"data.{name} must be at least 1, not {value}")
        if context_samples is not None and context_samples < 0:
            raise InputError(f"data.context_samples must be 0 or more, or null, not {context_samples}")
        if order not in ("random", "random_sequential"):
            raise InputError(f"data.order must be random or random_sequential, not {order!r}")
        for split in SPLITS:
            if not pairs.split(split):
                raise InputError(f"data: {pairs.name} has no recordings to {split} on; give each split at least one")
        train = pairs.split("train")
        long_enough = [pair for pair in train if pair.samples >= segment_samples]
        if not long_enough:
            longest = max(pair.samples for pair in train)
            raise InputError(
                f"data.segment_samples={segment_samples} is longer than every training recording of {pairs.name}: "
                f"lower it to at most {longest}"
            )
        self.pairs = pairs
        self.segment_samples = segment_samples
        self.context_samples = context_samples
        self.batch_size = batch_size
        self.order: Order = order
        self.score_batch = score_batch
        self.plan = SegmentPlan(long_enough, segment_samples, order, drop_silence, seed)
        self.train_items = self.plan.pass_items if train_items is None else train_items
        self._too_short = len(train) - len(long_enough)

    def training_keys(self, epoch: int) -> list[SegmentKey]:
        """All segments of a training epoch, over all ranks."""
        return self.plan.epoch(epoch, self.train_items)

    def train_dataloader(self) -> DataLoader[Any]:
        """Training batches of the trainer's current epoch."""
        context = self.context_samples or 0
        dataset = SegmentDataset(self.plan.pairs, self.segment_samples, context, self.pairs.sample_rate)
        return self._loader(dataset, self.training_keys, self.batch_size)

    def val_dataloader(self) -> DataLoader[Any]:
        """Whole validation recordings."""
        pairs = self.pairs.split("val")
        return self._loader(RecordingDataset(pairs), lambda epoch: self._by_length(pairs), self.score_batch)

    def test_dataloader(self) -> DataLoader[Any]:
        """Whole test recordings."""
        pairs = self.pairs.split("test")
        return self._loader(RecordingDataset(pairs), lambda epoch: self._by_length(pairs), self.score_batch)

    def notes(self) -> list[str]:
        """Sentences a report must carry."""
        notes = list(self.pairs.notes)
        if self._too_short:
            notes.append(
                f"train: {self._too_short} recordings are shorter than a segment of {self.segment_samples} samples and "
                "are not trained on."
            )
        return notes

    @staticmethod
    def _by_length(pairs: Sequence[Any]) -> list[int]:
        """Recordings of like length beside each other: the shorter ones of a batch wait for the longest."""
        return sorted(range(len(pairs)), key=lambda index: pairs[index].samples)

    def _loader(self, dataset: Dataset[Any], keys: Callable[[int], list[Key]], batch_size: int) -> DataLoader[Any]:
        trainer = self.trainer
        rank, ranks = (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

        def epoch() -> int:
            # As in EffectDataModule: `current_epoch` is behind in the first epoch of a resumed fit.
            return 0 if trainer is None else trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]

        sampler = EpochBatchSampler(keys, epoch, batch_size, rank, ranks)
        return PrefetchingLoader(dataset, batch_sampler=sampler, collate_fn=already_batched)
