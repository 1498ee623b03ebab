"""CMA-ES over the free controls of an effect."""

from __future__ import annotations

import warnings
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from fxstyle.search.proposal import Proposal
from fxstyle.search.trace import Trace

RANDOM_SIGMA = 0.3
LARGE_BUDGET, LARGE_POPULATION, GENERATIONS = 1600, 64, 25
MEANINGFUL = 1e-3
"""Share of the best score that a restart must gain, else it counts as no progress."""
IDLE_RESTARTS = 3


def population_size(controls: int, budget: int) -> int:
    """64 for 1,600 renders and more (25 generations); with fewer at least the package's default for so many controls.

    Source of 64 x 25: ST-ITO (Steinmetz et al. 2024).
    """
    if budget >= LARGE_BUDGET:
        return LARGE_POPULATION
    usual = 4 + int(3 * log(max(controls, 1)))
    return max(2, min(max(usual, budget // GENERATIONS), ceil(budget / 3)))


def run_cma(
    trace: Trace,
    renders: int,
    rng: np.random.Generator,
    start: Proposal | None = None,
    around: NDArray[np.float32] | None = None,
    sigma: float = RANDOM_SIGMA,
) -> str:
    """Search by CMA-ES, with restarts from other points while renders are left.

    The first run begins ``around`` the positions given, else at the start's mean with its spread in each control, else
    at a random point; restarts begin at draws from the start or at random points.

    Args:
        trace: Evaluates candidates.
        renders: Most renders to use.
        rng: Draws everything random.
        start: Mean and spread to begin with.
        around: Positions of all parameters to begin with; ``sigma`` is the spread around them.
        sigma: First standard deviation in positions where there is no start.

    Returns:
        Why it ended: ``budget``, ``no progress`` or ``exact``.
    """
    problem = trace.problem
    free = problem.free
    end = trace.used + min(renders, trace.left)
    size = population_size(len(free), end - trace.used)
    idle = 0
    first = True
    centre: NDArray[np.floating]
    while trace.used < end:
        before = trace.best_total
        if around is not None and first:
            centre, spread = around, np.full(len(free), sigma)
        elif start is not None:
            centre = start.best if first else start.sample(rng, 1, 2.0)[0]
            spread = start.reach[free]
        else:
            centre, spread = rng.random(len(problem.spec.parameters)), np.full(len(free), RANDOM_SIGMA)
        _one_run(trace, end, size, rng, problem.settle(centre), spread)
        first = False
        if trace.best_total <= 1e-6 * problem.identity:
            return "exact"
        idle = idle + 1 if trace.best_total > (1.0 - MEANINGFUL) * before else 0
        if idle >= IDLE_RESTARTS:
            return "no progress"
    return "budget"


def _one_run(
    trace: Trace,
    end: int,
    size: int,
    rng: np.random.Generator,
    centre: NDArray[np.float32],
    spread: NDArray[np.float64],
) -> None:
    """One run from one point, until the package stops it or the renders are used."""
    with warnings.catch_warnings():
        # It imports matplotlib, and complains of what it may not plot.
        warnings.simplefilter("ignore")
        from cma import CMAEvolutionStrategy

        problem = trace.problem
        free = problem.free
        # Stepped controls are rounded by the effect itself. A floor under their deviation keeps the neighbouring steps
        # in reach, the more effective half of the package's own integer handling, whose other half draws from the
        # global random generator.
        floor = np.zeros(len(free))
        stepped = np.isin(free, problem.stepped)
        floor[stepped] = 0.2 / problem.steps
        spread = np.where(stepped, np.maximum(spread, 0.3), spread)
        if len(free) == 1:
            # The package needs two dimensions; the second has no effect.
            floor, spread = np.append(floor, 0.0), np.append(spread, spread)
        origin = np.full(len(floor), 0.5)
        origin[: len(free)] = np.clip(centre[free], 1e-3, 1.0 - 1e-3)
        strategy = CMAEvolutionStrategy(
            origin,
            1.0,
            {
                "bounds": [0.0, 1.0],
                "CMA_stds": spread,
                "minstd": floor,
                "popsize": size,
                "randn": lambda *shape: rng.standard_normal(shape),
                "seed": np.nan,
                "tolfun": 1e-4 * max(problem.identity, 1e-9),
                "tolx": 1e-4,
                "verbose": -10,
                "verb_log": 0,
                "verb_disp": 0,
            },
        )
        while trace.used < end and not strategy.stop():
            asked = strategy.ask()
            positions = np.repeat(centre[None], len(asked), axis=0)
            positions[:, free] = np.array(asked)[:, : len(free)]
            totals = trace.evaluate(positions[: end - trace.used])
            if len(totals) < len(asked):
                return
            finite = totals[np.isfinite(totals)]
            worst = float(finite.max()) if len(finite) else 1.0
            strategy.tell(asked, list(np.where(np.isfinite(totals), totals, 2.0 * worst + 1.0)))
