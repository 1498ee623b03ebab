"""Seconds of a search over what it cannot do without: the same renders and the same scores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.effects.safe_renderer import SafeRenderer
from fxstyle.search.excerpts import choose_excerpts
from fxstyle.search.objectives import MatchedObjective, Objective, StyleObjective
from fxstyle.search.problem import Problem
from fxstyle.search.search import search
from tests.benchmarks.conftest import cores
from tests.effects.catalogue import effect

pytestmark = pytest.mark.timeout(3600)

RATE, ROUNDS = 44_100, 3
EFFECTS = ("compressor", "mda_overdrive", "mda_dynamics", "mda_multiband")


class Recorded(Problem):
    """Notes which populations are scored, and whether their differences are asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.populations: list[tuple[NDArray[np.floating], bool]] = []

    def evaluate(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        self.populations.append((positions, False))
        return super().evaluate(positions)

    def examine(self, positions: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        self.populations.append((positions, True))
        return super().examine(positions)


def alone(problem: Recorded, renderer: SafeRenderer, objective: Objective) -> None:
    """Render and score what a search rendered and scored, and nothing else."""
    for positions, differences in problem.populations:
        settled = problem.settle(positions)
        for number, excerpt in enumerate(problem.excerpts):
            wet = renderer.render([problem.spec], excerpt.dry[None], settled[None], RATE, excerpt.preroll).audio[0]
            if differences:
                objective.differences(wet, number)
            else:
                objective(wet, number)


def seconds_of(runs: Sequence[Any]) -> list[float]:
    """The median of each run's seconds, each round running all of them in turn."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for place, run in enumerate(runs):
            begin = time.perf_counter()
            run()
            taken[place].append(time.perf_counter() - begin)
    return [median(each) for each in taken]


@pytest.mark.parametrize(
    ("method", "budget", "content", "channels", "seconds"),
    [
        pytest.param("cma", 1600, "matched", 2, 60.0, id="cma 1600, a minute of stereo, matched"),
        pytest.param("hybrid", 128, "matched", 2, 60.0, id="hybrid 128, a minute of stereo, matched"),
        pytest.param("hybrid", 128, "style", 2, 60.0, id="hybrid 128, a minute of stereo, style"),
        pytest.param("hybrid", 128, "matched", 1, 1.5, id="hybrid 128, 1.5 s of mono, matched"),
    ],
)
def test_search_over_renders_and_objective(
    benchmark: Any,
    torch_threads: int,
    method: Literal["cma", "hybrid"],
    budget: int,
    content: str,
    channels: int,
    seconds: float,
) -> None:
    source = SyntheticSource(RATE, channels, seconds, 1, 1, 1)
    dry = source.read(source.recordings("train")[0], 0, source.samples)
    renderer = SafeRenderer(cores())
    ratios = {}
    for name in EFFECTS:
        spec = effect(name).for_channels(channels)
        truth = spec.sample(np.random.default_rng(1))
        wet = renderer.render([spec], dry[None], truth[None, None], RATE).audio[0, 0]
        excerpts = choose_excerpts(dry, RATE, wet if content == "matched" else None)
        objective: Objective = (
            MatchedObjective([item.reference for item in excerpts if item.reference is not None])
            if content == "matched"
            else StyleObjective([wet[:, : 5 * RATE]], RATE)
        )
        problem = Recorded(spec, excerpts, RATE, renderer, objective)
        search(problem, 40, method)

        def searching(problem: Recorded = problem) -> None:
            problem.populations.clear()
            search(problem, budget, method)

        searched, needed = seconds_of(
            [searching, lambda problem=problem, objective=objective: alone(problem, renderer, objective)]
        )
        ratios[name] = searched / needed
    benchmark.pedantic(lambda: None)
    renderer.close()
    benchmark.extra_info.update(
        {
            "median over effects": median(ratios.values()),
            "by effect": ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items()),
            "target": "at most 1.15",
        }
    )
