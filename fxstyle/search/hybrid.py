"""Proposal, model, derivatives and evolution together: each does what the others cannot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from fxstyle.search.cma_search import run_cma
from fxstyle.search.problem import Problem
from fxstyle.search.proposal import Proposal
from fxstyle.search.refine import refine
from fxstyle.search.surrogate import Surrogate
from fxstyle.search.trace import Trace

DESIGN_SHARE, MODEL_SHARE, MODEL_MOST = 0.15, 0.85, 240
BATCH = 4
OPTIMISM = np.array([0.0, 0.5, 1.0, 2.0])
LAST_STEP = 0.01
LAST_SIGMA = 0.05


def spread_out(problem: Problem, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Settings that cover the ranges evenly, ``(count, parameters)``: a Halton sequence with a random shift."""
    wide = qmc.Halton(len(problem.free), scramble=False).random(count + 1)[1:]
    return _whole(problem, (wide + rng.random(len(problem.free))) % 1.0)


def run_hybrid(
    trace: Trace, rng: np.random.Generator, start: Proposal | None = None, prior: Proposal | None = None
) -> str:
    """Try the proposal and spread-out settings, learn from them where to look next, refine, and evolve around the best.

    Args:
        trace: Evaluates candidates within its budget.
        rng: Draws everything random.
        start: A controller's proposal.
        prior: A preset prior.

    Returns:
        Why it ended: ``budget``, ``no progress`` or ``exact``.
    """
    problem, budget = trace.problem, trace.budget
    sources = [source for source in (start, prior if prior is not start else None) if source is not None]
    design = _design(problem, sources, min(budget, max(6, round(DESIGN_SHARE * budget)), 48), rng)
    surrogate = Surrogate(rng)
    totals, differences = trace.examine(design)
    surrogate.add(design[:, problem.free], totals, differences)
    end = min(round(MODEL_SHARE * budget), MODEL_MOST)
    while trace.used < end:
        positions = _next(trace, surrogate, sources, min(BATCH, end - trace.used), rng)
        totals, differences = trace.examine(positions)
        surrogate.add(positions[:, problem.free], totals, differences)
    if trace.left and trace.best_positions is not None:
        share = trace.left if budget <= MODEL_MOST else trace.left // 3
        refine(trace, trace.best_positions, share, trace.best_differences, LAST_STEP)
    if not trace.left:
        return "budget"
    return run_cma(trace, trace.left, rng, start, trace.best_positions, LAST_SIGMA)


def _design(problem: Problem, sources: list[Proposal], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The first settings ``(count, parameters)``: what is proposed, some around it, the defaults, and others."""
    known = [*(source.best for source in sources), problem.spec.defaults]
    draws = [source.sample(rng, max(0, count - len(known)) // (1 + len(sources))) for source in sources]
    design = np.concatenate((np.stack(known), *draws))[:count]
    return problem.settle(np.concatenate((design, spread_out(problem, count - len(design), rng))))


def _next(
    trace: Trace, surrogate: Surrogate, sources: list[Proposal], count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Settings ``(count, parameters)`` that the model finds promising, each with another optimism."""
    problem = trace.problem
    free = len(problem.free)
    if not surrogate.fit():
        return spread_out(problem, count, rng)
    leaders = surrogate.leaders
    pool: list[NDArray[np.floating]] = [rng.random((256, free))]
    pool += [source.sample(rng, 64)[:, problem.free] for source in sources]
    for width in (0.02, 0.05, 0.1, 0.2):
        pool.append(leaders[rng.integers(len(leaders), size=64)] + width * rng.standard_normal((64, free)))
    # A share of the pool for each optimism, from which its own best move on.
    mixed = rng.permutation(np.clip(np.concatenate(pool), 0.0, 1.0))
    places = mixed[: len(mixed) // count * count].reshape(count, -1, free)
    for width in (0.1, 0.03, 0.008):
        best = np.argsort(_expected(trace, surrogate, places), axis=1)[:, :12]
        tops = np.take_along_axis(places, best[..., None], axis=1)
        near = tops[:, rng.integers(tops.shape[1], size=36)]
        near = near + width * rng.standard_normal(near.shape)
        places = np.clip(np.concatenate((tops, near), axis=1), 0.0, 1.0)
    picked: list[NDArray[np.float64]] = []
    for own, expected in zip(places, _expected(trace, surrogate, places), strict=True):
        for place in own[np.argsort(expected, kind="stable")]:
            if all(np.abs(place - other).max() > 0.003 for other in picked):
                picked.append(place)
                break
    return _whole(problem, np.array(picked))


def _expected(trace: Trace, surrogate: Surrogate, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the model and the prior say ``(optimism, K)`` of places ``(optimism, K, controls)``."""
    flat = places.reshape(-1, places.shape[2])
    predicted = surrogate.predict(flat, np.repeat(OPTIMISM[: len(places)], places.shape[1]))
    return (predicted + trace.penalty(_whole(trace.problem, flat))).reshape(places.shape[:2])


def _whole(problem: Problem, places: NDArray[np.floating]) -> NDArray[np.float32]:
    """Positions of all parameters ``(K, parameters)`` from those of the free ones."""
    positions = np.tile(problem.spec.defaults, (len(places), 1)).astype(np.float64)
    positions[:, problem.free] = places
    return problem.settle(positions)
