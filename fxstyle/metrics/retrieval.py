"""Retrieval with content-matched distractors: does an embedding tell effects apart when the content does not?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxstyle.metrics.standardisation import Standardisation

TIE = 1e-9


def retrieval(
    queries: NDArray, candidates: NDArray, positive_index: ArrayLike, standardisation: Standardisation
) -> NDArray[np.float64]:
    """R@1 of each query: is the positive the candidate with the largest cosine similarity?

    The caller chooses candidates whose dry sound is the same (or equally unlike the query's), so that content cannot
    give the answer away. The score is 1 or 0; candidates that tie share it, so that a collapsed encoder scores chance.

    Args:
        queries: ``(q, dimensions)``.
        candidates: ``(q, c, dimensions)``.
        positive_index: ``(q,)`` or one number, the position of the positive among the candidates.
        standardisation: Fitted to the training embeddings.

    Returns:
        ``(q,)``; ``nan`` where an embedding holds a value that is not finite, for the caller to count.

    Raises:
        ValueError: If shapes do not fit or an index is out of range.
    """
    if queries.ndim != 2 or candidates.ndim != 3 or candidates.shape[::2] != queries.shape:
        raise ValueError(f"queries (q, d) and candidates (q, c, d) do not fit: {queries.shape}, {candidates.shape}")
    positive = np.broadcast_to(np.asarray(positive_index), len(queries))
    if candidates.shape[1] == 0 or ((positive < 0) | (positive >= candidates.shape[1])).any():
        raise ValueError(f"positive_index must lie between 0 and {candidates.shape[1] - 1}")
    similarity = np.einsum("qd,qcd->qc", _unit(standardisation(queries)), _unit(standardisation(candidates)))
    best = similarity >= similarity.max(axis=1, keepdims=True) - TIE
    score = best[np.arange(len(best)), positive] / np.maximum(best.sum(axis=1), 1)
    return np.where(np.isfinite(similarity).all(axis=1), score, np.nan)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors of length 1; a vector of zeros, which has no direction, stays."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length == 0.0, 1.0, length)
