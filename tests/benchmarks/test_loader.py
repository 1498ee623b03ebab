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
from fxstyle.effects.renderer import Renderer
from fxstyle.run.build import build_data

pytestmark = pytest.mark.timeout(1200)

CORES = 2
ROUNDS = 21
TARGET = 0.85


def rendering_alone(data: EffectDataModule, renderer: Renderer) -> Callable[[], list[np.ndarray]]:
    """Renders the clips of the first epoch, whose dry sound and settings already lie in memory."""
    dataset = data.dataset("train")
    batches = []
    for keys in rank_batches(data.training_keys(0), data.batch_size, 0, 1):
        audio = np.empty((len(keys), data.source.channels, data.preroll + data.clip_samples), np.float32)
        positions = np.zeros((len(keys), 1, dataset.max_parameters), np.float32)
        for place, key in enumerate(keys):
            spec, rng = dataset.effects[key.effect], key.rng(0)
            positions[place, 0, : len(spec.parameters)] = spec.sample(rng)
            dataset.read(key, rng, audio[place])
        batches.append(([dataset.effects[key.effect] for key in keys], audio, positions))

    def render() -> list[np.ndarray]:
        rate, preroll = data.source.sample_rate, data.preroll
        return [renderer.render(*batch, rate, preroll).audio[:1] for batch in batches]

    return render


@pytest.mark.parametrize("workers", [0, CORES])
def test_loader_over_renderer(workers: int, benchmark: Any, composed: Callable[..., DictConfig]) -> None:
    """Interleaved: each round of the loader follows one of the renderer."""
    config = composed("data.schedule.kind=mixed", f"data.num_workers={workers}", f"renderer.cores={CORES}")
    data = build_data(config)
    renderer = build_data(config).renderer
    render, loader = rendering_alone(data, renderer), data.train_dataloader()
    alone: list[float] = []

    def load() -> int:
        return sum(len(batch["wet"]) for batch in loader)

    def before() -> None:
        begin = time.perf_counter()
        render()
        alone.append(time.perf_counter() - begin)

    first = next(iter(loader))
    assert not first["rejected"].any()
    assert torch.equal(first["wet"][:1], torch.from_numpy(render()[0][:, 0]))
    assert benchmark.pedantic(load, setup=before, rounds=ROUNDS, warmup_rounds=2) == data.train_items
    loading, alone = benchmark.stats.stats.data, alone[-ROUNDS:]
    benchmark.extra_info.update(
        {
            "clips": data.train_items,
            "workers": workers,
            "rendering cores": CORES,
            "loader, clips a second": data.train_items / median(loading),
            "renderer, clips a second": data.train_items / median(alone),
            "ratio": median(alone) / median(loading),
            "ratio of each round, quartiles": " ".join(
                f"{ratio:.3f}" for ratio in np.quantile(np.divide(alone, loading), (0.25, 0.5, 0.75))
            ),
            "target": f"at least {TARGET} without workers",
        }
    )
    renderer.close()
    data.teardown("fit")
