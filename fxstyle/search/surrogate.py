"""A model of what settings would sound like, learned from those that were rendered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

VALUES = 256
VALUES_FOR_LENGTHS = 64
MOST_POINTS = 160
NOISE = 1e-4
POOL = 8
FIRST_LENGTHS = (0.15, 0.3, 0.6, 1.2, 2.4)
SHORTEST, LONGEST = 0.05, 8.0
REFIT_GROWTH = 1.4


class Surrogate:
    """Gaussian-process regression from settings to signed differences to the reference, all with one kernel.

    It predicts what is heard and takes the distance of that, which tells more than a model of the distance: a distance
    has kinks where the differences change sign, and says nothing of the direction. One length for each control
    (Matern 5/2) is chosen by the error of leaving each point out.

    Args:
        rng: Draws the part of the differences that stands for all.

    Source: Astudillo and Frazier 2019, "Bayesian Optimization of Composite Functions".
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._chosen: NDArray[np.int64] | None = None
        self._weights = np.ones(1)
        self._all: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]] = []
        self._lengths: NDArray[np.float64] | None = None
        self._fitted_with = 0

    def add(self, places: NDArray[np.floating], totals: NDArray[np.float64], differences: NDArray[np.float32]) -> None:
        """Learn rendered settings ``(K, controls)`` with scores ``(K,)`` and differences ``(K, R)``."""
        good = np.isfinite(totals)
        rows = differences[good].astype(np.float64)
        if not len(rows):
            return
        # Neighbours together: what is chaotic in single bins, such as a comb that shifts, still has a trend in bands.
        count = rows.shape[1] // POOL
        pooled = rows[:, : count * POOL].reshape(len(rows), count, POOL).sum(axis=2)
        rows = 0.5 * np.concatenate((rows, pooled), axis=1)
        if self._chosen is None:
            share = np.abs(rows).mean(axis=0) + 1e-12
            share /= share.sum()
            chosen = min(VALUES, len(share))
            self._chosen = self._rng.choice(len(share), chosen, replace=False, p=share)
            # Likely values weigh less, so that the sum over the chosen ones stands for all; none may rule.
            self._weights = 1.0 / (chosen * np.maximum(share[self._chosen], 0.1 / len(share)))
        self._all.append((places[good].astype(np.float64), totals[good], rows[:, self._chosen] * self._weights))

    def fit(self) -> bool:
        """Prepare predictions from the best points so far; False where there are too few."""
        if not self._all:
            return False
        places, totals, rows = (np.concatenate(part) for part in zip(*self._all, strict=True))
        if len(places) < 3:
            return False
        kept = np.argsort(totals, kind="stable")[:MOST_POINTS]
        self._places, self._rows = places[kept], rows[kept]
        self.leaders = self._places[:5]
        self._mean = self._rows.mean(axis=0)
        centred = self._rows - self._mean
        if self._lengths is None or len(places) > REFIT_GROWTH * self._fitted_with:
            self._lengths = self._chosen_lengths(centred[:, :VALUES_FOR_LENGTHS])
            self._fitted_with = len(places)
        factor = cho_factor(self._kernel_of_points(self._lengths), lower=True)
        self._alpha = cho_solve(factor, centred)
        self._inverse = cho_solve(factor, np.eye(len(centred)))
        self._amplitude = np.sqrt(np.maximum(np.einsum("nr,nr->r", centred, self._alpha) / len(centred), 0.0))
        return True

    def predict(self, places: NDArray[np.float64], optimism: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distances ``(places, optimism)``; optimism is by how many standard deviations differences count smaller."""
        assert self._lengths is not None
        kernel = _matern(cdist(places / self._lengths, self._places / self._lengths))
        unsure = np.sqrt(np.maximum(1.0 - np.einsum("pn,pn->p", kernel @ self._inverse, kernel), 0.0))
        sizes = np.abs(self._mean + kernel @ self._alpha)
        columns = [
            np.maximum(sizes - share * unsure[:, None] * self._amplitude, 0.0).sum(axis=1)
            if share
            else sizes.sum(axis=1)
            for share in optimism
        ]
        return np.stack(columns, axis=1)

    def _kernel_of_points(self, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = self._places / lengths
        kernel = _matern(cdist(scaled, scaled))
        kernel[np.diag_indices_from(kernel)] += NOISE
        return kernel

    def _chosen_lengths(self, centred: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lengths ``(controls,)`` that predict points best that were left out."""

        def error(lengths: NDArray[np.float64]) -> float:
            inverse = np.linalg.inv(self._kernel_of_points(lengths))
            return float(np.abs(inverse @ centred / np.diag(inverse)[:, None]).mean())

        controls = self._places.shape[1]
        starts = [np.full(controls, length) for length in FIRST_LENGTHS] if self._lengths is None else [self._lengths]
        errors = [error(start) for start in starts]
        best = int(np.argmin(errors))
        lengths, least = starts[best], errors[best]
        for _ in range(2 if self._lengths is None else 1):
            for control in range(controls):
                for factor in (0.5, 2.0):
                    trial = lengths.copy()
                    trial[control] = np.clip(trial[control] * factor, SHORTEST, LONGEST)
                    if (found := error(trial)) < least:
                        lengths, least = trial, found
        return lengths


def _matern(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    distance *= np.sqrt(5.0)
    return (1.0 + distance * (1.0 + distance / 3.0)) * np.exp(-distance)
