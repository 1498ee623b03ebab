"""Clips a second out of the data loader, over what the renderer alone makes of the same clips in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from fxstyle.data.keys import rank_batches
from fxstyle.data.module import EffectDataModule
from fxstyle.run.build import build_data

pytestmark = pytest.mark.timeout(1200)

CORES = 2
ROUNDS = 31
TARGET = 0.85


class RendererAlone:
    """Renders the clips of the first epoch, whose dry sound and settings already lie in memory."""

    def __init__(self, data: EffectDataModule) -> None:
        self.renderer = data.renderer
        self.batches: list[Any] = []
        self.drawn_again = 0
        dataset = data.dataset("train")
        for keys in rank_batches(data.training_keys(0), data.batch_size, 0, 1):
            batch = dataset.__getitems__(keys)
            audio = np.empty((len(keys), data.source.channels, data.preroll + data.clip_samples), np.float32)
            for place, (key, rejected) in enumerate(zip(keys, batch["rejected"].tolist(), strict=True)):
                used = dataset.plan.key(key.epoch, key.index, key.effect, rejected) if rejected else key
                rng = key.rng(rejected)
                dataset.effects[key.effect].sample(rng)  # the level's jitter is drawn after the settings
                dataset.read(used, rng, audio[place])
                self.drawn_again += rejected
            effects = [dataset.effects[key.effect] for key in keys]
            self.batches.append(
                (effects, audio, batch["parameters"][:, None].numpy(), data.source.sample_rate, data.preroll)
            )

    def epoch(self) -> None:
        for batch in self.batches:
            self.renderer.render(*batch)


@pytest.mark.parametrize("workers", [0, CORES])
def test_loader_over_renderer(workers: int, benchmark: Any, composed: Callable[..., DictConfig]) -> None:
    """Interleaved: each epoch of the loader follows one of the renderer."""
    mixed = ("data.schedule.kind=mixed", f"renderer.cores={CORES}")
    alone = RendererAlone(build_data(composed(*mixed)))
    data = build_data(composed(*mixed, f"data.num_workers={workers}"))
    loader = data.train_dataloader()
    for inputs, batch in zip(alone.batches, loader, strict=True):
        wet = alone.renderer.render(*inputs).audio[:, 0]
        assert torch.equal(batch["wet"], torch.from_numpy(wet)), "both must make the same clips"

    seconds: list[float] = []

    def before() -> None:
        begin = time.perf_counter()
        alone.epoch()
        seconds.append(time.perf_counter() - begin)

    def epoch() -> int:
        return sum(len(batch["wet"]) for batch in loader)

    assert benchmark.pedantic(epoch, setup=before, rounds=ROUNDS, warmup_rounds=2) == data.train_items
    rendering, loading = np.array(seconds[-ROUNDS:]), np.array(benchmark.stats.stats.data)
    benchmark.extra_info.update(
        {
            "clips of an epoch": data.train_items,
            "of them drawn again": alone.drawn_again,
            "workers": workers,
            "rendering cores": CORES,
            "loader, clips a second": data.train_items / median(loading),
            "renderer alone, clips a second": data.train_items / median(rendering),
            "ratio of medians": median(rendering) / median(loading),
            "ratio of the fastest": float(rendering.min() / loading.min()),
            "target": "none" if workers else f"ratio of medians at least {TARGET}",
        }
    )
    alone.renderer.close()
    data.teardown("fit")
