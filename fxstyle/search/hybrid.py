"""Proposal, derivatives and evolution together: each does what the others cannot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from fxstyle.search.cma_search import run_cma
from fxstyle.search.problem import Problem
from fxstyle.search.proposal import Proposal
from fxstyle.search.refine import refine
from fxstyle.search.trace import Trace

LAST_SIGMA = 0.05


def spread_out(problem: Problem, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Settings that cover the ranges evenly, ``(count, parameters)``: a Halton sequence with a random shift."""
    wide = qmc.Halton(len(problem.free), scramble=False).random(count + 1)[1:]
    positions = np.tile(problem.spec.defaults, (count, 1)).astype(np.float64)
    positions[:, problem.free] = (wide + rng.random(len(problem.free))) % 1.0
    return problem.settle(positions)


def run_hybrid(
    trace: Trace, rng: np.random.Generator, start: Proposal | None = None, prior: Proposal | None = None
) -> str:
    """Try the proposal and a few spread-out settings, refine the best two, then evolve around the best.

    Args:
        trace: Evaluates candidates within its budget.
        rng: Draws everything random.
        start: A controller's proposal.
        prior: A preset prior.

    Returns:
        Why it ended: ``budget``, ``no progress`` or ``exact``.
    """
    problem, budget = trace.problem, trace.budget
    count = min(budget, max(8, budget // 4), 64)
    known = [source.best for source in (start, prior) if source is not None] + [problem.spec.defaults]
    draws = [source.sample(rng, max(0, count - len(known)) // 4) for source in (start, prior) if source is not None]
    design = np.concatenate((np.stack(known), *draws))[:count]
    design = np.concatenate((design, spread_out(problem, count - len(design), rng)))
    totals, differences = trace.examine(design)
    order = np.argsort(totals, kind="stable")
    for place, share in ((order[0], 0.5), (order[min(1, len(order) - 1)], 0.5)):
        if trace.left > len(problem.continuous) and np.isfinite(totals[place]):
            refine(trace, design[place], int(share * trace.left), (float(totals[place]), differences[place]))
    if not trace.left:
        return "budget"
    return run_cma(trace, trace.left, rng, start, trace.best_positions, LAST_SIGMA)
