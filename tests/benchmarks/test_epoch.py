"""Wall time of a training epoch, over its training steps alone on batches that already lie in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from fxstyle.data.keys import rank_batches
from fxstyle.run.build import Experiment, build_experiment, build_trainer

pytestmark = pytest.mark.timeout(3600)

CYCLES = 2
TARGET = 1.10


class Side:
    """One experiment that trains an epoch each time it is asked."""

    def __init__(self, config: DictConfig, folder: Path) -> None:
        self.experiment: Experiment = build_experiment(config)
        self.trainer: pl.Trainer = build_trainer(config, [], [], folder)
        self.losses: list[float] = []
        self.seconds: list[float] = []

    def train(self, batches: list[Any] | None = None) -> None:
        """Train the next epoch, from these batches or else from the data module."""
        self.trainer.fit_loop.max_epochs = len(self.losses) + 1
        begin = time.perf_counter()
        if batches is None:
            self.trainer.fit(self.experiment.task, datamodule=self.experiment.data)
        else:
            # A bare list would be taken for a list of loaders.
            loader = DataLoader(batches, batch_size=None, collate_fn=lambda batch: batch)
            self.trainer.fit(self.experiment.task, train_dataloaders=loader)
        self.seconds.append(time.perf_counter() - begin)
        self.losses.append(float(self.trainer.callback_metrics["train/loss"]))

    def batches(self) -> list[Any]:
        """The batches of the next epoch."""
        data = self.experiment.data
        dataset = data.dataset("train")
        keys = data.training_keys(len(self.losses))
        return [dataset.__getitems__(batch) for batch in rank_batches(keys, data.batch_size, 0, 1)]


def test_epoch_over_its_steps(
    benchmark: Any, composed: Callable[..., DictConfig], torch_threads: int, tmp_path: Path
) -> None:
    """Interleaved: each epoch follows the same one from memory; every effect of the schedule has its turns."""
    config = composed("trainer=cpu", "+trainer.limit_val_batches=0", "+trainer.enable_checkpointing=false")
    whole, steps = Side(config, tmp_path), Side(config, tmp_path)
    data = whole.experiment.data
    effects = len(data.effects.train)
    rounds = CYCLES * effects

    def before() -> None:
        steps.train(steps.batches())

    benchmark.pedantic(whole.train, setup=before, rounds=rounds, warmup_rounds=1)
    # The same clips in the same order give the same losses: both did the same work.
    assert whole.losses == pytest.approx(steps.losses, rel=1e-6)
    assert len(set(whole.losses)) == rounds + 1
    epoch, alone = np.array(whole.seconds[-rounds:]), np.array(steps.seconds[-rounds:])
    turns = [epoch_number % effects for epoch_number in range(1, rounds + 1)]
    per_effect = {
        spec.name: float(np.median((epoch / alone)[np.equal(turns, index)]))
        for index, spec in enumerate(data.effects.train)
    }
    benchmark.extra_info.update(
        {
            "clips": data.train_items,
            "samples of a clip": data.clip_samples,
            "batch size": data.batch_size,
            "torch threads": torch_threads,
            "epoch, s": median(epoch),
            "steps alone, s": median(alone),
            "ratio of medians": median(epoch) / median(alone),
            "ratio of the fastest": float(epoch.min() / alone.min()),
            "ratio by effect": ", ".join(f"{name} {ratio:.3f}" for name, ratio in per_effect.items()),
            "target": f"ratio of medians at most {TARGET}",
        }
    )
