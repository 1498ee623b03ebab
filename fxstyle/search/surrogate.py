"""A model of what settings would sound like, learned from those that were rendered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

VALUES = 160
VALUES_FOR_LENGTHS = 48
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
        self._weights: NDArray[np.float64] | None = None
        self._all: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]] = []
        self._lengths: NDArray[np.float64] | None = None
        self._fitted_with = 0

    def add(self, places: NDArray[np.floating], totals: NDArray[np.float64], differences: NDArray[np.float32]) -> None:
        """Learn rendered settings ``(K, controls)`` with scores ``(K,)`` and differences ``(K, R)``."""
        good = np.isfinite(totals)
        if not good.any():
            return
        rows = differences[good]
        # Neighbours together: what is chaotic in single bins, such as a comb that shifts, still has a trend in bands.
        single = rows.shape[1]
        count = single // POOL
        grouped = rows[:, : count * POOL].reshape(len(rows), count, POOL)
        if self._weights is None:
            share = np.concatenate((np.abs(rows).mean(axis=0), np.abs(grouped.sum(axis=2)).mean(axis=0))) + 1e-12
            share = share.astype(np.float64) / share.sum(dtype=np.float64)
            chosen = self._rng.choice(len(share), min(VALUES, len(share)), replace=False, p=share)
            # Likely values weigh less, so that the sum over the chosen ones stands for all; none may rule.
            weights = 0.5 / (len(chosen) * np.maximum(share[chosen], 0.1 / len(share)))
            order = np.argsort(chosen >= single, kind="stable")
            chosen, self._weights = chosen[order], weights[order]
            self._singles, self._groups = chosen[chosen < single], chosen[chosen >= single] - single
            self._mixed = self._rng.permutation(len(chosen))
        values = np.concatenate((rows[:, self._singles], grouped[:, self._groups].sum(axis=2)), axis=1) * self._weights
        self._all.append((places[good].astype(np.float64), totals[good], values[:, self._mixed]))

    def fit(self) -> bool:
        """Prepare predictions from the best points so far; False where there are too few."""
        if not self._all:
            return False
        places, totals, rows = (np.concatenate(part) for part in zip(*self._all, strict=True))
        if len(places) < 3:
            return False
        kept = np.argsort(totals, kind="stable")[:MOST_POINTS]
        self._places = places[kept]
        self.leaders = self._places[:5]
        mean = rows[kept].mean(axis=0)
        centred = rows[kept] - mean
        if self._lengths is None or len(places) > REFIT_GROWTH * self._fitted_with:
            self._lengths = self._chosen_lengths(centred[:, :VALUES_FOR_LENGTHS])
            self._fitted_with = len(places)
        factor = cho_factor(self._kernel_of_points(self._lengths), lower=True)
        alpha = cho_solve(factor, centred)
        self._inverse = cho_solve(factor, np.eye(len(centred)))
        amplitude = np.sqrt(np.maximum(np.einsum("nr,nr->r", centred, alpha) / len(centred), 0.0))
        # Half the precision is twice as fast where it does not matter.
        self._alpha_single, self._mean_single = alpha.astype(np.float32), mean.astype(np.float32)
        self._amplitude = amplitude.astype(np.float32)
        return True

    def predict(self, places: NDArray[np.float64], optimism: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distances ``(K,)`` at places ``(K, controls)``.

        Args:
            places: Positions of the free controls.
            optimism: By how many standard deviations differences count smaller, ``(K,)``.
        """
        assert self._lengths is not None
        kernel = _matern(cdist(places / self._lengths, self._places / self._lengths))
        unsure = np.sqrt(np.maximum(1.0 - np.einsum("pn,pn->p", kernel @ self._inverse, kernel), 0.0))
        sizes = np.abs(kernel.astype(np.float32) @ self._alpha_single + self._mean_single)
        sizes -= (optimism * unsure).astype(np.float32)[:, None] * self._amplitude
        return np.maximum(sizes, 0.0, out=sizes).sum(axis=1, dtype=np.float64)

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
