"""From many dimensions to the two of a page."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fxstyle.errors import InputError

Method = Literal["umap", "pca"]

# Below this UMAP's neighbourhood graph has nothing to say, and its spectral start fails.
_FEWEST_FOR_UMAP = 5


def project(embeddings: NDArray[np.floating], method: Method, seed: int) -> NDArray[np.float32]:
    """Reduce embeddings to two dimensions, the same for the same seed.

    A row that is not finite keeps its place and comes back as ``nan``: the map leaves it out and counts it.

    Args:
        embeddings: ``(n, dimensions)``.
        method: ``umap`` (neighbourhoods; distances between clusters mean little) or ``pca`` (the two directions of
            largest variance; exact, so that the seed changes nothing).
        seed: Seed of UMAP's layout.

    Returns:
        ``(n, 2)``.

    Raises:
        InputError: The method is unknown, the embeddings are not a matrix, or UMAP has fewer than five finite rows.

    Source: McInnes et al. 2018, "UMAP: Uniform Manifold Approximation and Projection", through umap-learn.
    """
    embeddings = np.asarray(embeddings, dtype=np.float64)
    if embeddings.ndim != 2 or embeddings.shape[1] == 0:
        raise InputError(f"embeddings have the shape {embeddings.shape}; give a matrix (n, dimensions).")
    if method not in ("umap", "pca"):
        raise InputError(f"projection method {method!r} is unknown; choose umap or pca.")
    finite = np.isfinite(embeddings).all(axis=1)
    rows = embeddings[finite]
    points = np.full((len(embeddings), 2), np.nan, dtype=np.float32)
    points[finite] = _umap(rows, seed) if method == "umap" else _pca(rows)
    return points


def _pca(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    points = np.zeros((len(rows), 2))
    if len(rows) == 0:
        return points
    left, singular, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    kept = min(2, len(singular))
    # The sign of a singular vector is arbitrary; without a rule the map would flip from one machine to another.
    largest = np.abs(axes[:kept]).argmax(axis=1)
    signs = np.where(axes[np.arange(kept), largest] < 0, -1.0, 1.0)
    # Rows that are all alike differ by rounding only, which a map would blow up to its full width.
    singular[singular <= np.finfo(np.float64).eps * max(rows.shape) * np.abs(rows).max()] = 0.0
    points[:, :kept] = left[:, :kept] * singular[:kept] * signs
    return points


def _umap(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    if len(rows) < _FEWEST_FOR_UMAP:
        raise InputError(
            f"UMAP needs at least {_FEWEST_FOR_UMAP} finite embeddings and got {len(rows)}; "
            "embed more clips or choose the projection method pca."
        )
    import umap

    # n_jobs=1 is what a fixed seed forces anyway; saying so is what keeps umap from warning about it.
    reducer = umap.UMAP(n_components=2, n_neighbors=min(15, len(rows) - 1), random_state=seed, n_jobs=1)
    return np.asarray(reducer.fit_transform(rows))
