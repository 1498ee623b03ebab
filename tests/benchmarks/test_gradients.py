"""A training step through a real effect over what it is made of, and its renders over the same ones in a loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.gradients.black_box import rendered_loss
from fxstyle.gradients.candidates import candidates
from fxstyle.gradients.estimator import Estimator
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.models.bounded import bounded
from tests.benchmarks.conftest import cores
from tests.effects.catalogue import effect, noise

pytestmark = pytest.mark.timeout(3600)

RATE, SAMPLES, PREROLL, BATCH, ROUNDS = 24_000, 131_072, 24_000, 12, 5
EFFECTS = ("peak", "reverb", "compressor", "distortion", "delay")
SPSA = Estimator("spsa", draws=1)


class Step:
    """A network, an effect and a loss, together as a training step and each alone on the same work."""

    def __init__(self, name: str) -> None:
        spec = effect(name)
        self.specs = [spec] * BATCH
        self.renderer, self.loss = ThreadRenderer(cores()), MultiResolutionSTFT()
        self.audio = torch.from_numpy(np.stack([noise(1, PREROLL + SAMPLES, seed) for seed in range(BATCH)]))
        self.network = torch.nn.Sequential(
            torch.nn.Conv1d(1, 16, 1024, 512),
            torch.nn.ReLU(),
            torch.nn.Conv1d(16, 32, 8, 4),
            torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool1d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(32, len(spec.parameters)),
        )
        self.optimizer = torch.optim.Adam(self.network.parameters())
        rng = np.random.default_rng(0)
        settings = np.stack([spec.sample(rng) for _ in range(BATCH)])
        self.target = torch.from_numpy(self.render(settings[:, None])[:, 0])
        self.plan = candidates(SPSA, self.specs, settings, (0,))
        self.wet = torch.from_numpy(self.render(self.plan.positions))

    def render(self, positions: Any) -> Any:
        return self.renderer.render(self.specs, self.audio.numpy(), positions, RATE, PREROLL).audio

    def judge(self, wet: Tensor) -> Tensor:
        return self.loss.candidates(wet, self.target)

    def train(self, losses: Callable[[Tensor], Tensor]) -> None:
        self.optimizer.zero_grad()
        losses(bounded(self.network(self.audio) + 0.5)).sum().backward()
        self.optimizer.step()

    def whole(self) -> None:
        call = (SPSA, self.renderer, self.specs, self.audio)
        self.train(lambda p: rendered_loss(*call, p, RATE, PREROLL, self.judge, (0,)))

    def network_alone(self) -> None:
        self.train(lambda p: p.sum(dim=1))

    def renders_alone(self) -> None:
        self.render(self.plan.positions)

    def loss_alone(self) -> None:
        with torch.no_grad():
            self.judge(self.wet)

    def renders_in_a_loop(self) -> None:
        """One after another, as a loop over draws and items does."""
        one = ThreadRenderer(1)
        for candidate in range(self.plan.positions.shape[1]):
            for item in range(BATCH):
                here, settings = slice(item, item + 1), self.plan.positions[:, candidate : candidate + 1]
                one.render(self.specs[here], self.audio.numpy()[here], settings[here], RATE, PREROLL)


def interleaved(*runs: Callable[[], object]) -> list[float]:
    """The median of each run's seconds, each round running all of them in turn."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS + 1):
        for place, run in enumerate(runs):
            begin = time.perf_counter()
            run()
            seconds[place].append(time.perf_counter() - begin)
    return [median(taken[1:]) for taken in seconds]


def by_effect(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())


def test_step_over_its_parts(benchmark: Any, torch_threads: int) -> None:
    over, share, renders = {}, {}, {}
    for name in EFFECTS:
        step = Step(name)
        whole, network, rendering, loss = interleaved(
            step.whole, step.network_alone, step.renders_alone, step.loss_alone
        )
        over[name] = whole / (network + rendering + loss)
        share[name], renders[name] = loss / whole, rendering / whole
        step.renderer.close()
    benchmark.pedantic(lambda: None)
    benchmark.extra_info.update(
        {
            "batch, samples": f"{BATCH}, {SAMPLES} after {PREROLL} of pre-roll",
            "renders of an item": step.plan.positions.shape[1],
            "torch threads, render threads": f"{torch_threads}, {cores()}",
            "step over network + renders + loss": by_effect(over),
            "median": median(over.values()),
            "target": "at most 1.15",
            "the loss's share of the step": by_effect(share),
            "the renders' share of the step": by_effect(renders),
        }
    )


def test_renders_over_a_loop(benchmark: Any) -> None:
    over = {}
    for name in EFFECTS:
        step = Step(name)
        together, loop = interleaved(step.renders_alone, step.renders_in_a_loop)
        over[name] = together / loop
        step.renderer.close()
    benchmark.pedantic(lambda: None)
    benchmark.extra_info.update(
        {
            "renders": f"{step.plan.positions.shape[1]} of each of {BATCH} items, {cores()} threads",
            "renders over the same in a loop": by_effect(over),
            "median": median(over.values()),
            "target": "at most 0.6 on 2 cores",
        }
    )
