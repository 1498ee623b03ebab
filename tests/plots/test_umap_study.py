import warnings

import numpy as np
import pytest

from fxstyle.plots.projection import project

pytestmark = pytest.mark.slow


def test_umap_repeats_itself_says_nothing_and_separates_clusters():
    import umap  # noqa: F401  (its import warns of an optional package)

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    embeddings = rng.normal(size=(120, 16)) + 12 * np.eye(16)[labels]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        points = project(embeddings, "umap", 3)
    np.testing.assert_array_equal(points, project(embeddings, "umap", 3))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.95
