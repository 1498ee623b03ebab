import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fxstyle.errors import InputError
from fxstyle.plots.projection import project

pytestmark = pytest.mark.unit


def _embeddings(n=40, dimensions=6):
    return np.random.default_rng([1, n]).normal(size=(n, dimensions)).astype(np.float32)


def test_pca_keeps_the_two_largest_variances():
    scales = np.array([0.1, 5.0, 0.2, 2.0, 0.1, 0.1])
    embeddings = _embeddings(400) * scales
    points = project(embeddings, "pca", 0)
    expected = np.linalg.eigvalsh(np.cov(embeddings.T.astype(np.float64)))[::-1][:2]
    assert points.shape == (400, 2)
    assert points.dtype == np.float32
    np.testing.assert_allclose(points.var(axis=0, ddof=1), expected, rtol=1e-4)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-4)


def test_pca_has_a_fixed_sign_and_ignores_the_seed():
    embeddings = _embeddings()
    first = project(embeddings, "pca", 0)
    np.testing.assert_array_equal(first, project(embeddings, "pca", 7))
    # The same cloud with its rows in another order must not come back mirrored.
    np.testing.assert_allclose(first, project(embeddings[::-1], "pca", 0)[::-1], atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (2, 3), (5, 1)])
def test_pca_of_few_points_or_one_dimension(shape):
    points = project(np.ones(shape), "pca", 0)
    assert points.shape == (shape[0], 2)
    assert not points.any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite_keep_their_place_as_nan(value):
    embeddings = _embeddings()
    embeddings[3, 2] = value
    points = project(embeddings, "pca", 0)
    assert np.isnan(points[3]).all()
    assert np.isfinite(np.delete(points, 3, axis=0)).all()
    np.testing.assert_allclose(
        np.delete(points, 3, axis=0), project(np.delete(embeddings, 3, axis=0), "pca", 0), atol=1e-6
    )


def test_umap_is_seeded_and_keeps_its_neighbourhoods_within_the_data(monkeypatch):
    given = {}

    class Recorder:
        def __init__(self, **settings):
            given.update(settings)

        def fit_transform(self, rows):
            given["rows"] = len(rows)
            return rows[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Recorder))
    embeddings = _embeddings(9)
    embeddings[0] = np.nan
    points = project(embeddings, "umap", 11)
    assert np.isnan(points[0]).all()
    assert given == {"n_components": 2, "n_neighbors": 7, "random_state": 11, "n_jobs": 1, "rows": 8}


def test_what_cannot_be_projected_is_refused():
    with pytest.raises(InputError, match="at least 5"):
        project(_embeddings(4), "umap", 0)
    with pytest.raises(InputError, match="choose umap or pca"):
        project(_embeddings(), "tsne", 0)
    with pytest.raises(InputError, match="matrix"):
        project(np.zeros(4), "pca", 0)
