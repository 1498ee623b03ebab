"""The DataModule that swaps the effect at each epoch."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from multiprocessing.context import BaseContext
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from fxstyle.audio.levels import Level
from fxstyle.audio.source import SPLITS, Source, Split
from fxstyle.data.dataset import Batch, EffectDataset, already_batched
from fxstyle.data.keys import ClipKey, ClipPlan
from fxstyle.data.prefetch import PrefetchingLoader
from fxstyle.data.sampler import EpochBatchSampler
from fxstyle.effects.parse import EffectSet
from fxstyle.effects.renderer import Renderer
from fxstyle.effects.schedule import Schedule
from fxstyle.errors import InputError

log = logging.getLogger(__name__)


class EffectDataModule(pl.LightningDataModule):
    """Dry recordings through effects: training swaps the effect by schedule, validation and test cover all of them.

    With ``num_workers=0`` batches are rendered ahead in this process on the renderer's cores; with workers, each
    worker renders serially.

    Args:
        source: Dry recordings.
        effects: Effects to train on, and unseen ones for the test.
        renderer: Renders them.
        schedule: Which effect each training epoch has.
        level: Level of the dry sound.
        clip_samples: Samples of a clip.
        preroll_seconds: Sound rendered before each clip and cropped, in s.
        batch_size: Items of a batch on each device.
        train_items: Clips of a training epoch.
        val_items: Clips of the validation, shared evenly over the training effects.
        test_items: Clips of the test, shared evenly over all effects.
        num_workers: Data loader workers.
        seed: Seeds recordings, starts and settings.
        wet_probability: Share of the items that go through their effect; the others stay dry.
        clips: Consecutive clips of an item: 1, or 2 for style transfer (an input and a reference).
    """

    def __init__(
        self,
        source: Source,
        effects: EffectSet,
        renderer: Renderer,
        schedule: Schedule,
        level: Level,
        clip_samples: int,
        preroll_seconds: float,
        batch_size: int,
        train_items: int,
        val_items: int,
        test_items: int,
        num_workers: int,
        seed: int,
        wet_probability: float = 1.0,
        clips: int = 1,
    ) -> None:
        super().__init__()
        counts = {"clip_samples": clip_samples, "train_items": train_items, "batch_size": batch_size, "clips": clips}
        for name, value in counts.items():
            if value < 1:
                raise InputError(f"data.{name} must be at least 1, not {value}")
        if num_workers < 0:
            raise InputError(f"data.num_workers must be 0 or more, not {num_workers}")
        if not 0 <= preroll_seconds < float("inf"):
            raise InputError(f"data.preroll_seconds must be 0 or more, not {preroll_seconds}")
        if not 0 < wet_probability <= 1:
            raise InputError(f"data.wet_probability must lie above 0 and up to 1, not {wet_probability}")
        self.source = source
        self.effects = effects
        self.renderer = renderer
        self.schedule = schedule
        self.level = level
        self.clip_samples = clip_samples
        self.item_samples = clip_samples * clips
        self.preroll = round(preroll_seconds * source.sample_rate)
        self.batch_size = batch_size
        self.train_items = train_items
        self.val_items = val_items
        self.test_items = test_items
        self.num_workers = num_workers
        self.seed = seed
        self.wet_probability = wet_probability

    def plan(self, split: Split) -> ClipPlan:
        """The plan that draws clips of a split."""
        return ClipPlan(split, self.source.recordings(split), self.source.weights(split), self.item_samples, self.seed)

    def training_keys(self, epoch: int) -> list[ClipKey]:
        """All keys of a training epoch, over all ranks."""
        return self.plan("train").training_epoch(epoch, self.train_items, self.schedule, len(self.effects.train))

    def fixed_keys(self, split: Split) -> list[ClipKey]:
        """All keys of validation (training effects) or test (seen and unseen effects)."""
        if split == "test":
            return self.plan(split).fixed(self.test_items, range(len(self.effects.all)))
        return self.plan(split).fixed(self.val_items, range(len(self.effects.train)))

    def dataset(self, split: Split) -> EffectDataset:
        """The dataset of a split."""
        renderer = self.renderer.serial() if self.num_workers else self.renderer
        return EffectDataset(
            self.source, self.plan(split), self.effects.all, renderer, self.level, self.preroll, self.wet_probability
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training batches of the trainer's current epoch."""
        return self._loader("train", self.training_keys)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The same validation batches at every epoch."""
        return self._fixed_loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """Test batches of all effects."""
        return self._fixed_loader("test")

    def notes(self) -> list[str]:
        """Sentences a report must carry: what the source says, and clips that are padded with silence."""
        notes = list(self.source.notes())
        for split in SPLITS:
            recordings = self.source.recordings(split)
            short = sum(recording.samples < self.item_samples for recording in recordings)
            if short:
                notes.append(
                    f"{split}: {short} of {len(recordings)} recordings are shorter than an item "
                    f"({self.item_samples / self.source.sample_rate:.2f} s) and are followed by silence."
                )
        return notes

    def teardown(self, stage: str) -> None:
        """Give the renderer's threads back."""
        self.renderer.close()

    def _fixed_loader(self, split: Split) -> DataLoader[Batch]:
        keys = self.fixed_keys(split)
        return self._loader(split, lambda epoch: keys)

    def _loader(self, split: Split, keys: Callable[[int], list[ClipKey]]) -> DataLoader[Batch]:
        trainer = self.trainer
        rank, ranks = (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

        def epoch() -> int:
            # `trainer.current_epoch` counts completed epochs, which a resumed fit only restores after it has asked for
            # the first batches.
            if trainer is None:
                return 0
            return trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]

        sampler = EpochBatchSampler(keys, epoch, self.batch_size, rank, ranks)
        options: dict[str, Any] = {"batch_sampler": sampler, "collate_fn": already_batched}
        if self.num_workers == 0:
            return PrefetchingLoader(self.dataset(split), **options)
        return DataLoader(
            self.dataset(split),
            num_workers=self.num_workers,
            persistent_workers=True,
            multiprocessing_context=_worker_context(type(self.source).__module__),
            **options,
        )


def _worker_context(source_module: str) -> BaseContext:
    """Start workers without forking this process: a fork can inherit a lock that one of its threads holds."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Imported once in the server, so that workers start at once.
    context.set_forkserver_preload(["fxstyle.data.dataset", source_module])
    return context
