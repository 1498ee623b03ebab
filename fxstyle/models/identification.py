"""Searches for a model's values on excerpts of training pairs, before gradients refine them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.data.pair import Pair
from fxstyle.models.emulator import ConditionedValues

LEAST_SECONDS = 3.0
"""Shortest excerpt of a longer recording: a note or two with their decay."""
LEAD_SECONDS = 1.0


@dataclass(frozen=True)
class Excerpt:
    """A part of a pair.

    Attributes:
        dry: ``(1, 1, samples)``.
        wet: The same shape.
        lead: Samples at its beginning that are there for the state and are not to be scored.
    """

    dry: Tensor
    wet: Tensor
    lead: int


def excerpts_of(pairs: Sequence[Pair], sample_rate: int, seconds: float) -> list[Excerpt]:
    """Parts around the loudest samples of pairs, of all of them or of some evenly chosen, ``seconds`` together.

    Pairs that are shorter together are taken whole. Those without any sound are left out.
    """
    pairs = [pair for pair in pairs if pair.dry.any() and pair.wet.any()]
    if sum(pair.samples for pair in pairs) <= seconds * sample_rate:
        length = max((pair.samples for pair in pairs), default=0)
    else:
        count = max(1, min(len(pairs), int(seconds / LEAST_SECONDS)))
        pairs = [pairs[index] for index in np.linspace(0, len(pairs) - 1, count).round().astype(int)]
        length = int(seconds * sample_rate / count)
    return [_excerpt(pair, length, int(LEAD_SECONDS * sample_rate)) for pair in pairs]


def _excerpt(pair: Pair, length: int, lead: int) -> Excerpt:
    loudest = int(np.abs(pair.dry[0]).argmax())
    start = max(0, min(loudest - length // 2, pair.samples - length))
    lead = min(start, lead)
    dry, wet = (
        torch.from_numpy(np.ascontiguousarray(audio[None, :, start - lead : start + length]))
        for audio in (pair.dry, pair.wet)
    )
    return Excerpt(dry, wet, lead)


def by_setting(pairs: Sequence[Pair]) -> Iterator[tuple[NDArray[np.float32], list[Pair]]]:
    """The conditions ``(conditions,)`` that occur, and the pairs of each."""
    for setting in sorted({pair.setting for pair in pairs}):
        group = [pair for pair in pairs if pair.setting == setting]
        yield group[0].condition, group


@torch.no_grad()
def set_by_condition(values: ConditionedValues, conditions: NDArray[np.float32], found: Tensor) -> None:
    """Give each condition its values, or the nearest straight lines through them.

    Args:
        values: What to set.
        conditions: ``(settings, conditions)``.
        found: ``(settings, values)``. One-hot conditions without a setting get the mean.
    """
    size = values.slope.shape[0]
    if not size:
        values.assign(found.mean(0))
        return
    given = torch.from_numpy(conditions).to(found)
    centre = found.mean(0)
    if bool((given.sum(1) == 1).all() and ((given == 0) | (given == 1)).all()):
        table = centre.repeat(size, 1)
        table[given.argmax(1)] = found
        values.assign(table)
        return
    # Of all lines through too few settings, the one with the least slopes.
    offset = given.mean(0)
    slope = torch.linalg.pinv(given - offset, rtol=1e-4) @ (found - centre)
    values.slope.copy_(slope)
    values.base.copy_(centre - offset @ slope)


def search(
    objective: Callable[[Tensor], Tensor],
    low: Sequence[float],
    high: Sequence[float],
    evaluations: int,
    rng: np.random.Generator,
    near: Tensor | None = None,
    spread: float = 0.15,
) -> Tensor:
    """Least value of an objective within bounds: random points, then CMA-ES around the best two.

    Args:
        objective: From values ``(values,)`` to a score; what is not finite counts as bad.
        low: ``(values,)``.
        high: ``(values,)``.
        evaluations: Of the objective.
        rng: Draws everything random.
        near: Values ``(values,)`` to begin at, instead of random points.
        spread: First standard deviation, in parts of the ranges.

    Returns:
        The best values met, ``(values,)``, float64.
    """
    with warnings.catch_warnings():
        # It imports matplotlib, and complains of what it may not plot.
        warnings.simplefilter("ignore")
        from cma import CMAEvolutionStrategy

        bottom, width = np.asarray(low), np.asarray(high) - np.asarray(low)

        def score(position: NDArray[np.float64]) -> float:
            value = float(objective(torch.from_numpy(bottom + width * position)))
            return value if np.isfinite(value) else 1e9

        if near is None:
            points = rng.random((max(evaluations // 5, 1), len(bottom)))
        else:
            points = ((near.numpy() - bottom) / width).clip(0.0, 1.0)[None]
        scores = np.array([score(point) for point in points])
        starts = points[scores.argsort()[:2]]
        best, best_score = points[scores.argmin()], float(scores.min())
        for start in starts:
            strategy = CMAEvolutionStrategy(
                start.clip(0.01, 0.99),
                spread,
                {
                    "bounds": [0.0, 1.0],
                    "maxfevals": (evaluations - len(points)) // len(starts),
                    "randn": lambda *shape: rng.standard_normal(shape),
                    "seed": np.nan,
                    "tolfun": 1e-6,
                    "verbose": -10,
                    "verb_log": 0,
                    "verb_disp": 0,
                },
            )
            while not strategy.stop():
                asked = strategy.ask()
                told = [score(point) for point in asked]
                strategy.tell(asked, told)
                if min(told) < best_score:
                    best, best_score = np.asarray(asked[int(np.argmin(told))]), min(told)
    return torch.from_numpy(bottom + width * best)


def refine(
    objective: Callable[[Tensor], Tensor], start: Tensor, low: Sequence[float], high: Sequence[float], steps: int
) -> Tensor:
    """Follow an objective's gradient from a point within bounds by L-BFGS-B.

    Args:
        objective: From values ``(values,)`` to a score that torch can differentiate.
        start: ``(values,)``, float64.
        low: ``(values,)``.
        high: ``(values,)``.
        steps: Most iterations.

    Returns:
        The best values met, ``(values,)``, float64; the start where nothing is better.
    """
    from scipy.optimize import minimize

    bottom, width = np.asarray(low), np.asarray(high) - np.asarray(low)

    def score(position: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        values = torch.from_numpy(bottom + width * position).requires_grad_()
        with torch.enable_grad():
            value = objective(values)
        (gradient,) = torch.autograd.grad(value, values)
        return float(value.detach()), gradient.numpy() * width

    begin = (start.numpy() - bottom) / width
    result = minimize(
        score, begin, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(begin), options={"maxiter": steps}
    )
    return torch.from_numpy(bottom + width * result.x) if result.fun < score(begin)[0] else start
