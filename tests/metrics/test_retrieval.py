"""Retrieval against a plain loop, and what a collapsed encoder scores."""

import numpy as np
import pytest

from fxstyle.metrics.retrieval import retrieval
from fxstyle.metrics.standardisation import Standardisation

pytestmark = pytest.mark.unit

PLAIN = Standardisation(np.zeros(8), np.ones(8))


def test_it_is_the_largest_cosine_of_standardised_embeddings() -> None:
    generator = np.random.default_rng(0)
    queries, candidates = 3.0 + generator.standard_normal((50, 8)), 3.0 + generator.standard_normal((50, 5, 8))
    candidates[:, 2] += 0.7 * (queries - 3.0)
    positive = generator.integers(0, 5, 50)
    statistics = Standardisation(np.full(8, 3.0), np.geomspace(0.5, 2.0, 8))
    expected = []
    for query, others, index in zip(queries, candidates, positive, strict=True):
        q, c = (query - 3.0) / statistics.scale, (others - 3.0) / statistics.scale
        expected.append(np.argmax([q @ o / np.linalg.norm(q) / np.linalg.norm(o) for o in c]) == index)
    found = retrieval(queries, candidates, positive, statistics)
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.mean() < 1
    assert retrieval(queries, candidates, 2, statistics).mean() > 0.4


def test_length_does_not_matter_and_a_collapsed_encoder_scores_chance() -> None:
    generator = np.random.default_rng(1)
    queries = generator.standard_normal((20, 8))
    candidates = generator.standard_normal((20, 4, 8))
    candidates[:, 1] = 1e-3 * queries
    np.testing.assert_array_equal(retrieval(queries, candidates, 1, PLAIN), 1.0)
    np.testing.assert_allclose(retrieval(np.ones((20, 8)), np.ones((20, 4, 8)), 1, PLAIN), 0.25)
    np.testing.assert_allclose(retrieval(np.zeros((20, 8)), np.zeros((20, 4, 8)), 1, PLAIN), 0.25)


def test_embeddings_that_are_not_finite_give_nan_for_their_query_only() -> None:
    generator = np.random.default_rng(2)
    queries, candidates = generator.standard_normal((3, 8)), generator.standard_normal((3, 4, 8))
    candidates[1, 3, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(retrieval(queries, candidates, 0, PLAIN)), [False, True, False])


@pytest.mark.parametrize("index", [4, -1])
def test_what_does_not_fit_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="positive_index"):
        retrieval(np.ones((3, 8)), np.ones((3, 4, 8)), index, PLAIN)
    with pytest.raises(ValueError, match="do not fit"):
        retrieval(np.ones((3, 8)), np.ones((2, 4, 8)), 0, PLAIN)
