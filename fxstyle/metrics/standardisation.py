"""Zero mean and unit variance per dimension, with the statistics of the training part only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Standardisation:
    """What turns embeddings into standardised ones.

    Attributes:
        mean: ``(dimensions,)``.
        scale: ``(dimensions,)``, standard deviations; 1 for a dimension that never changes.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, embeddings: NDArray) -> Standardisation:
        """Statistics of training embeddings ``(n, dimensions)``.

        Raises:
            ValueError: If there are none or a value is not finite; the message says in how many rows.
        """
        checked = finite_rows(embeddings, "training embeddings")
        mean, scale = checked.mean(axis=0), checked.std(axis=0)
        # Rounding leaves constants a spread of about their own precision.
        constant = scale <= 1e-7 * np.abs(mean)
        return cls(mean, np.where(constant | (scale == 0.0), 1.0, scale))

    def __call__(self, embeddings: NDArray) -> NDArray[np.float64]:
        """Standardised embeddings, of the same shape ``(..., dimensions)``."""
        return (np.asarray(embeddings, dtype=np.float64) - self.mean) / self.scale


def finite_rows(embeddings: NDArray, name: str) -> NDArray[np.float64]:
    """Embeddings ``(n, dimensions)`` as float64, refused if empty, of another shape or not finite."""
    checked = np.asarray(embeddings, dtype=np.float64)
    if checked.ndim != 2 or 0 in checked.shape:
        raise ValueError(f"{name} must be (n, dimensions) and not empty, not {checked.shape}")
    broken = int((~np.isfinite(checked)).any(axis=1).sum())
    if broken:
        raise ValueError(f"{broken} of {len(checked)} {name} hold values that are not finite; leave those items out")
    return checked
