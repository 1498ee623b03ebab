"""Refinement by derivatives that the real effect gives: finite differences of what is heard, not of one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from fxstyle.search.trace import Trace

FIRST_STEP = 0.03
SMALLEST_STEP = 2e-4
DAMPINGS = (1e-3, 1e-1, 1.0, 10.0)
"""Tried side by side, times a factor that follows the last success: they render in one batch."""


def refine(
    trace: Trace,
    start: NDArray[np.float32],
    renders: int,
    known: tuple[float, NDArray[np.float32]] | None = None,
    first_step: float = FIRST_STEP,
) -> NDArray[np.float32]:
    """Move the continuous controls downhill from a start; steps stay as they are.

    A Levenberg-Marquardt iteration for the sum of absolute differences (iteratively reweighted least squares) with
    bounds. A one-sided Jacobian costs as many renders as there are continuous controls; four damped steps are
    rendered side by side, and the best of all is where it goes on from, so that it never ends worse than it began.

    Args:
        trace: Evaluates candidates.
        start: Positions of all parameters.
        renders: Most renders to use.
        known: Score and differences of the start where they are known; else they cost one render.
        first_step: First step of the finite differences, in positions.

    Returns:
        The best positions ``(parameters,)``, no worse than the start.
    """
    moves = trace.problem.continuous
    end = trace.used + min(renders, trace.left)
    here = trace.problem.settle(start)
    if not len(moves) or trace.used >= end:
        return here
    if known is None:
        totals, rows = trace.examine(here[None])
        known = float(totals[0]), rows[0]
    total, differences = known
    step, factor, side = first_step, 1.0, 1.0
    while trace.used + len(moves) + 1 <= end and step >= SMALLEST_STEP and np.isfinite(total):
        place = here[moves].astype(np.float64)
        # Towards the far edge where the step would not fit, else now up, now down.
        signs = np.where(place + step > 1.0, -1.0, np.where(place - step < 0.0, 1.0, side))
        probes = np.repeat(here[None], len(moves), axis=0)
        probes[np.arange(len(moves)), moves] += (signs * step).astype(np.float32)
        probed, rows = trace.examine(probes)
        taken = probes[np.arange(len(moves)), moves].astype(np.float64) - place
        jacobian = np.where(np.isfinite(probed)[:, None], (rows - differences) / taken[:, None], 0.0)
        dampings = np.array(DAMPINGS[: end - trace.used]) * factor
        steps = _steps(jacobian, differences, place, dampings)
        trials = np.repeat(here[None], len(steps), axis=0)
        trials[:, moves] = np.clip(place + steps, 0.0, 1.0).astype(np.float32)
        tried, trial_rows = trace.examine(trials)
        totals = np.concatenate((probed, tried))
        winner = int(np.argmin(totals))
        if totals[winner] < total:
            gain = 1.0 - totals[winner] / total
            here = np.concatenate((probes, trials))[winner]
            total, differences = float(totals[winner]), np.concatenate((rows, trial_rows))[winner]
            moved = float(np.abs(here[moves] - place).max())
            # The next derivative looks about as far as the last step went, and nearer as it gets closer.
            step = float(np.clip(0.5 * moved, 0.1 * step, min(first_step, 2.0 * step)))
            if winner >= len(probes):
                factor = float(np.clip(factor * dampings[winner - len(probes)] / factor / DAMPINGS[1], 1e-3, 1e3))
            if gain < 1e-3:
                step *= 0.5
        else:
            step, factor, side = step * 0.25, min(factor * 10.0, 1e3), -side
    return here


def _steps(
    jacobian: NDArray[np.float64],
    differences: NDArray[np.float32],
    place: NDArray[np.float64],
    dampings: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Steps ``(dampings, controls)`` that stay inside 0..1, from ``(controls, R)`` and ``(R,)``."""
    size = np.abs(differences)
    # Weights that make squares count like absolute values; the floor keeps what is almost right from ruling all.
    weights = 1.0 / np.maximum(size, 0.1 * size.mean() + 1e-12)
    weighted = jacobian * weights
    curvature = weighted @ jacobian.T
    slope = weighted @ differences
    scale = np.diag(curvature).copy()
    scale += 1e-4 * scale.max() + 1e-12
    steps = []
    for damping in dampings:
        root = np.linalg.cholesky(curvature + np.diag(damping * scale))
        wanted = np.linalg.solve(root, -slope)
        # Bounds a hair wider than they may have to be: the solver wants low < high.
        solved = lsq_linear(root.T, wanted, (-place - 1e-9, 1.0 - place + 1e-9), method="bvls")
        steps.append(solved.x)
    return np.array(steps)
