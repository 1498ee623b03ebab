"""The one way into a search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from fxstyle.errors import InputError
from fxstyle.search.cma_search import run_cma
from fxstyle.search.hybrid import run_hybrid
from fxstyle.search.problem import Problem
from fxstyle.search.proposal import Proposal
from fxstyle.search.trace import SearchResult, Trace

PRIOR_WEIGHT = 0.02
CONTROLLER_WEIGHT = 0.5
"""The same for a controller's proposal, which has heard the sounds: chosen on validation recordings."""


def search(
    problem: Problem,
    budget: int,
    method: Literal["cma", "hybrid"],
    start: Proposal | None = None,
    prior: Proposal | None = None,
    seed: int = 0,
    on_progress: Callable[[int, float], None] | None = None,
    prior_weight: float = PRIOR_WEIGHT,
) -> SearchResult:
    """Find settings that bring an effect's sound close to a reference, within a budget of renders.

    With a budget of 0 nothing is rendered: the result is the mean of the start (or the prior, or the defaults) with a
    score of ``nan``. Ctrl-C returns the best so far. The same seed gives the same result.

    Args:
        problem: The effect, its excerpts and what is made small.
        budget: Most renders; one is one candidate on all excerpts.
        method: ``cma``: CMA-ES from the start, or from a random point. ``hybrid``: the start and spread-out settings,
            refined with derivatives, then CMA-ES around the best.
        start: Where to begin, such as a controller's proposal.
        prior: What to stay near to, such as :func:`preset_prior`: maximum a posteriori instead of the nearest sound.
        seed: Of everything random.
        on_progress: Called with the renders used and the best score after each population; may raise
            ``KeyboardInterrupt``.
        prior_weight: What one unit of the prior's negative log-density per control costs, as a share of the score of
            the untouched sound.

    Raises:
        InputError: A negative budget or an unknown method.
    """
    if budget < 0:
        raise InputError(f"renders is {budget}: use 0 or more")
    if method not in ("cma", "hybrid"):
        raise InputError(f"search method {method!r} is unknown: use cma or hybrid")
    trace = Trace(problem, budget, prior, prior_weight, on_progress)
    fallback = next((source.best for source in (start, prior) if source is not None), problem.spec.defaults)
    rng = np.random.default_rng([seed, budget])
    stopped_by = "budget"
    try:
        if budget:
            # The matrices are small: threads of the linear algebra would only wait for each other and for torch's.
            with threadpool_limits(1, user_api="blas"):
                stopped_by = _run(trace, method, rng, start, prior)
    except KeyboardInterrupt:
        stopped_by = "interrupted"
    return trace.result(stopped_by, problem.settle(fallback))


def _run(trace: Trace, method: str, rng: np.random.Generator, start: Proposal | None, prior: Proposal | None) -> str:
    problem = trace.problem
    if not len(problem.continuous) and np.prod(problem.steps.astype(float)) <= trace.budget:
        trace.evaluate(_all_steps(problem))
        return "all tried"
    if method == "cma":
        return run_cma(trace, trace.budget, rng, start or prior)
    return run_hybrid(trace, rng, start, prior)


def _all_steps(problem: Problem) -> np.ndarray:
    """Every combination of steps, ``(combinations, parameters)``."""
    axes = [(np.arange(steps) + 0.5) / steps for steps in problem.steps]
    combinations = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    positions = np.tile(problem.spec.defaults, (len(combinations), 1))
    positions[:, problem.stepped] = combinations
    return positions
