"""Probes against scikit-learn, and that nothing is chosen or learned from test recordings."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, silhouette_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fxstyle.metrics.probes import (
    LOGISTIC_C,
    RIDGE_ALPHA,
    knn_classification,
    linear_probe_classification,
    ridge_probe,
    silhouette,
)
from fxstyle.metrics.standardisation import Standardisation

pytestmark = pytest.mark.unit


def embeddings(seed: int, n: int = 240, dimensions: int = 16, spread: float = 2.5) -> tuple[np.ndarray, ...]:
    """Six effects with their own offsets, recordings with theirs, and a target that is linear in the embedding."""
    generator = np.random.default_rng(seed)
    world = np.random.default_rng(99)
    effects, direction = world.standard_normal((6, dimensions)), world.standard_normal(dimensions)
    labels, groups = np.arange(n) % 6, np.arange(n) // 12
    content = generator.standard_normal((n // 12 + 1, dimensions))[groups]
    scales = np.geomspace(0.01, 100.0, dimensions)
    raw = effects[labels] + 0.5 * content + spread * generator.standard_normal((n, dimensions))
    return raw * scales + 5.0, labels, groups, raw @ direction + 0.5 * generator.standard_normal(n)


def test_linear_probe_is_scikit_learns_with_the_c_of_a_grouped_search() -> None:
    train, labels, groups, _ = embeddings(0)
    test, truth, _, _ = embeddings(1)
    found = linear_probe_classification(train, labels, groups, test, truth)
    scores = []
    for c in LOGISTIC_C:
        hits = 0
        for inside, outside in GroupKFold(3).split(train, groups=groups):
            scaler = StandardScaler().fit(train)
            model = LogisticRegression(C=c, max_iter=2000).fit(scaler.transform(train[inside]), labels[inside])
            hits += (model.predict(scaler.transform(train[outside])) == labels[outside]).sum()
        scores.append(hits)
    assert scores[LOGISTIC_C.index(found.chosen)] >= max(scores) - 3
    model = make_pipeline(StandardScaler(), LogisticRegression(C=found.chosen, max_iter=2000)).fit(train, labels)
    assert (found.prediction == model.predict(test)).mean() > 0.98
    np.testing.assert_array_equal(found.correct, (found.prediction == truth).astype(float))
    assert found.accuracy == found.correct.mean() > 0.4


def test_labels_may_be_names() -> None:
    train, labels, groups, _ = embeddings(0)
    names = np.array(["chorus", "delay", "phaser", "reverb", "clipping", "compressor"])
    for found in (
        linear_probe_classification(train, names[labels], groups, train, names[labels]),
        knn_classification(train, names[labels], train, names[labels]),
    ):
        assert found.accuracy > 0.4
        assert set(found.prediction) <= set(names)


def test_probes_find_nothing_where_there_is_nothing() -> None:
    generator = np.random.default_rng(0)
    train, test = generator.standard_normal((2, 600, 20))
    labels, truth = generator.integers(0, 6, (2, 600))
    groups = np.arange(600) // 10
    assert linear_probe_classification(train, labels, groups, test, truth).accuracy < 0.25
    assert knn_classification(train, labels, test, truth).accuracy < 0.25
    target = generator.standard_normal(600)
    found = ridge_probe(train, target, groups, test, generator.standard_normal(600))
    assert found.chosen >= 1e3
    assert abs(found.r2) < 0.1


def test_groups_and_not_items_decide_what_is_chosen() -> None:
    # Labels follow the recording alone, so within a recording anything predicts, and across recordings nothing does.
    generator = np.random.default_rng(3)
    groups = np.repeat(np.arange(30), 20)
    target = np.repeat(generator.standard_normal(30), 20)
    train = np.repeat(generator.standard_normal((30, 60)), 20, axis=0) + 0.01 * generator.standard_normal((600, 60))
    found = ridge_probe(train, target, groups, train, target)
    assert found.chosen == RIDGE_ALPHA[-1]
    assert ridge_probe(train, target, np.arange(600), train, target).chosen < 1e4


def test_knn_votes_among_the_nearest_standardised_items() -> None:
    train, labels, _, _ = embeddings(0, spread=0.5)
    test, truth, _, _ = embeddings(1, spread=0.5)
    found = knn_classification(train, labels, test, truth)
    scaled, examined = ((part - train.mean(0)) / train.std(0) for part in (train, test))
    distances = ((examined[:, None] - scaled[None]) ** 2).sum(-1)
    votes = [np.bincount(labels[row], minlength=6).argmax() for row in np.argsort(distances, axis=1)[:, :5]]
    np.testing.assert_array_equal(found.prediction, votes)
    assert knn_classification(train[:3], labels[:3], test, truth).chosen == 3


def test_ridge_is_scikit_learns_with_the_penalty_of_a_grouped_search() -> None:
    train, _, groups, target = embeddings(0)
    test, _, _, truth = embeddings(1)
    found = ridge_probe(train, target, groups, test, truth)
    scaler = StandardScaler().fit(train)
    scores = []
    for alpha in RIDGE_ALPHA:
        error = 0.0
        for inside, outside in GroupKFold(3).split(train, groups=groups):
            model = Ridge(alpha=alpha).fit(scaler.transform(train[inside]), target[inside])
            error += ((model.predict(scaler.transform(train[outside])) - target[outside]) ** 2).sum()
        scores.append(error)
    assert found.chosen == RIDGE_ALPHA[int(np.argmin(scores))]
    expected = Ridge(alpha=found.chosen).fit(scaler.transform(train), target).predict(scaler.transform(test))
    np.testing.assert_allclose(found.prediction, expected, rtol=1e-8)
    assert found.r2 == pytest.approx(r2_score(truth, expected))
    assert found.r2 > 0.9


def test_targets_without_a_value_are_left_out_and_counted() -> None:
    train, _, groups, target = embeddings(0)
    test, _, _, truth = embeddings(1)
    target[[1, 2]] = truth[7] = np.nan
    found = ridge_probe(train, target, groups, test, truth)
    assert (found.missing_train, found.missing_test) == (2, 1)
    assert np.isfinite(found.prediction).all()
    assert found.r2 == pytest.approx(r2_score(np.delete(truth, 7), np.delete(found.prediction, 7)))


def test_more_dimensions_than_items_and_constant_dimensions_are_fine() -> None:
    train, labels, groups, target = embeddings(0, n=24, dimensions=80)
    train[:, 5] = 0.1
    found = ridge_probe(train, target, groups, train, target)
    assert np.isfinite(found.prediction).all()
    assert np.isfinite(linear_probe_classification(train, labels, groups, train, labels).accuracy)


def test_silhouette_is_that_of_standardised_items() -> None:
    train, labels, _, _ = embeddings(0, spread=0.3)
    found = silhouette(train, labels, Standardisation.fit(train))
    assert found.shape == labels.shape
    assert found.mean() == pytest.approx(silhouette_score(StandardScaler().fit_transform(train), labels))


def test_standardisation_is_of_the_training_part_and_keeps_constants() -> None:
    train, _, _, _ = embeddings(0)
    train[:, 3] = 0.1
    fitted = Standardisation.fit(train)
    np.testing.assert_allclose(np.delete(fitted(train).std(axis=0), 3), 1.0)
    np.testing.assert_allclose(fitted(train)[:, 3], 0.0, atol=1e-12)
    np.testing.assert_allclose(fitted(train + 1.0), fitted(train) + 1.0 / fitted.scale)


def test_values_that_are_not_finite_are_refused_with_their_number() -> None:
    train, labels, groups, target = embeddings(0)
    broken = train.copy()
    broken[[4, 9]] = np.nan
    with pytest.raises(ValueError, match="2 of 240 training embeddings"):
        linear_probe_classification(broken, labels, groups, train, labels)
    with pytest.raises(ValueError, match="2 of 240 test embeddings"):
        knn_classification(train, labels, broken, labels)
    with pytest.raises(ValueError, match="2 of 240 test embeddings"):
        ridge_probe(train, target, groups, broken, target)
    with pytest.raises(ValueError, match="2 of 240 embeddings"):
        silhouette(broken, labels, Standardisation.fit(train))


def test_lengths_that_differ_and_single_labels_are_refused() -> None:
    train, labels, groups, target = embeddings(0)
    with pytest.raises(ValueError, match="equally long"):
        linear_probe_classification(train, labels[:-1], groups, train, labels)
    with pytest.raises(ValueError, match="equally long"):
        ridge_probe(train, target, groups, train, target[:-1])
    with pytest.raises(ValueError, match="at least two different"):
        linear_probe_classification(train, np.zeros(240), groups, train, labels)
    with pytest.raises(ValueError, match="every one is nan"):
        ridge_probe(train, np.full(240, np.nan), groups, train, target)
