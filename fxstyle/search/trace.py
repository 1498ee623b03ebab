"""The record of a search: what was tried, what is left of the budget, and what was best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.search.problem import Problem
from fxstyle.search.proposal import Proposal

CANDIDATES = 5
DISTINCT = 0.1
"""Two candidates differ where a continuous control is further apart than this, or a step is another."""


@dataclass(frozen=True)
class Candidate:
    """Settings and their distance to the reference.

    Attributes:
        positions: Of all parameters, ``(parameters,)``.
        score: The objective, to be compared with :attr:`Problem.identity`; ``nan`` where nothing was rendered.
    """

    positions: NDArray[np.float32]
    score: float


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        candidates: Distinct settings, best first; the first is the best of all.
        history: ``(renders, score of the best so far)`` after each population.
        renders: Candidates rendered; each was rendered on all excerpts.
        stopped_by: ``budget``, ``no progress``, ``exact`` (nothing is left to find), ``all tried`` (of an effect with
            switches only) or ``interrupted``.
    """

    candidates: tuple[Candidate, ...]
    history: tuple[tuple[int, float], ...]
    renders: int
    stopped_by: str

    @property
    def best(self) -> Candidate:
        """The best candidate."""
        return self.candidates[0]


class Trace:
    """Evaluates candidates within a budget and remembers all of them.

    Args:
        problem: Scores settings.
        budget: Most renders that may be used.
        prior: Settings to stay near to, or ``None``.
        prior_weight: Weight of the prior, as a share of the identity's score.
        on_progress: Called with the renders and the best score after each population.
    """

    def __init__(
        self,
        problem: Problem,
        budget: int,
        prior: Proposal | None = None,
        prior_weight: float = 0.0,
        on_progress: Callable[[int, float], None] | None = None,
    ) -> None:
        self.problem = problem
        self.budget = budget
        self.used = 0
        self.history: list[tuple[int, float]] = []
        self._prior = prior
        self._weight = prior_weight * problem.identity
        self._on_progress = on_progress
        self._positions: list[NDArray[np.float32]] = []
        self._scores: list[NDArray[np.float64]] = []
        self._totals: list[NDArray[np.float64]] = []
        self._best: tuple[float, float, NDArray[np.float32]] | None = None
        self._best_row: NDArray[np.float32] | None = None

    @property
    def left(self) -> int:
        """Renders left."""
        return self.budget - self.used

    @property
    def best_total(self) -> float:
        """Score and prior of the best so far; infinite before the first."""
        return self._best[0] if self._best else float("inf")

    @property
    def best_positions(self) -> NDArray[np.float32] | None:
        """Positions ``(parameters,)`` of the best so far, or ``None`` before the first."""
        return self._best[2] if self._best else None

    @property
    def best_differences(self) -> tuple[float, NDArray[np.float32]] | None:
        """Score and prior of the best so far with its differences ``(R,)``, or ``None`` where they are not known."""
        return None if self._best is None or self._best_row is None else (self._best[0], self._best_row)

    def penalty(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """What the prior adds to the scores of positions ``(K, parameters)``, ``(K,)``."""
        if self._prior is None or self._weight <= 0:
            return np.zeros(len(positions))
        return self._weight * self._prior.cost(self.problem.spec, positions)

    def evaluate(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Score and prior ``(K,)`` of positions ``(K, parameters)``; K must not exceed what is left."""
        return self._noted(positions, self.problem.evaluate(positions), None)

    def examine(self, positions: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The same with signed differences to the reference, see :meth:`Problem.examine`."""
        scores, differences = self.problem.examine(positions)
        return self._noted(positions, scores, differences), differences

    def result(self, stopped_by: str, unscored: NDArray[np.float32]) -> SearchResult:
        """What was found, or ``unscored`` settings where nothing could be scored."""
        if self._best is None:
            candidates: tuple[Candidate, ...] = (Candidate(unscored, float("nan")),)
        else:
            candidates = self._distinct()
        return SearchResult(candidates, tuple(self.history), self.used, stopped_by)

    def _noted(
        self, positions: NDArray[np.floating], scores: NDArray[np.float64], differences: NDArray[np.float32] | None
    ) -> NDArray[np.float64]:
        settled = self.problem.settle(positions)
        totals = scores + self.penalty(settled)
        self.used += len(settled)
        self._positions.append(settled)
        self._scores.append(scores)
        self._totals.append(totals)
        leader = int(np.argmin(totals))
        if totals[leader] < self.best_total:
            self._best = (float(totals[leader]), float(scores[leader]), settled[leader])
            self._best_row = None if differences is None else differences[leader].copy()
        if self._best is not None:
            self.history.append((self.used, self._best[1]))
            if self._on_progress is not None:
                self._on_progress(self.used, self._best[1])
        return totals

    def _distinct(self) -> tuple[Candidate, ...]:
        positions = np.concatenate(self._positions)
        scores, totals = np.concatenate(self._scores), np.concatenate(self._totals)
        order = np.argsort(totals, kind="stable")
        order = order[np.isfinite(totals[order])]
        free = self.problem.free
        kept: list[int] = []
        while len(order) and len(kept) < CANDIDATES:
            kept.append(int(order[0]))
            # Two steps of a switch are at least 1 / steps apart, which may be less than what counts for a dial.
            apart = np.abs(positions[order] - positions[order[0]])
            far = (apart[:, free] > DISTINCT).any(axis=1) | (apart[:, self.problem.stepped] > 0.0).any(axis=1)
            order = order[far]
        return tuple(Candidate(positions[place], float(scores[place])) for place in kept)
