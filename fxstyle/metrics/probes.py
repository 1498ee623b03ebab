"""What simple models can read off fixed embeddings: fit on training recordings, scored on test recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.metrics.standardisation import Standardisation, finite_rows

LOGISTIC_C = (0.001, 0.01, 0.1, 1.0, 10.0)
RIDGE_ALPHA = tuple(10.0**power for power in range(-2, 6))
LOGISTIC_STEPS = 300
LOGISTIC_TOLERANCE = 1e-4
FOLDS = 3


@dataclass(frozen=True)
class Classification:
    """A classifier's answers for the test items.

    Attributes:
        prediction: ``(n,)``, labels.
        correct: ``(n,)``, 1.0 or 0.0, ready for :func:`fxstyle.metrics.intervals.clustered_bootstrap`.
        chosen: The regularisation or the number of neighbours it used.
    """

    prediction: NDArray
    correct: NDArray[np.float64]
    chosen: float

    @property
    def accuracy(self) -> float:
        """Share of correct answers."""
        return float(self.correct.mean())


@dataclass(frozen=True)
class Regression:
    """A regressor's answers for the test items.

    Attributes:
        truth: ``(n,)``, with ``nan`` where it is not known.
        prediction: ``(n,)``, for every item.
        chosen: The regularisation it used.
        missing_train: Training items left out because their target is ``nan``.
        missing_test: Test items without a truth, which R2 leaves out.
    """

    truth: NDArray[np.float64]
    prediction: NDArray[np.float64]
    chosen: float
    missing_train: int
    missing_test: int

    @property
    def r2(self) -> float:
        """Coefficient of determination over the items whose truth is known; ``nan`` if it does not vary."""
        known = ~np.isnan(self.truth)
        truth = self.truth[known]
        spread = float(((truth - truth.mean()) ** 2).sum()) if len(truth) else 0.0
        return 1.0 - float(((truth - self.prediction[known]) ** 2).sum()) / spread if spread > 0.0 else np.nan


def linear_probe_classification(
    train: NDArray,
    train_labels: Sequence | NDArray,
    train_groups: Sequence | NDArray,
    test: NDArray,
    test_labels: Sequence | NDArray,
) -> Classification:
    """Standardised multinomial logistic regression; its regularisation is chosen inside the training part.

    Args:
        train: ``(n, dimensions)``.
        train_labels: ``(n,)``.
        train_groups: ``(n,)``, the recording of each item: cross-validation never splits one. With a single recording
            the strongest regularisation of :data:`LOGISTIC_C` is used.
        test: ``(m, dimensions)``, from other recordings.
        test_labels: ``(m,)``.

    Raises:
        ValueError: If lengths differ, a value is not finite or the training labels are all equal.
    """
    from sklearn.linear_model import LogisticRegression

    standardised, fitted_to = Standardisation.fit(train)(train), np.asarray(train_labels)
    examined, truth = _test_items(train, test, test_labels)
    _same_length(standardised, fitted_to, np.asarray(train_groups))
    if len(np.unique(fitted_to)) < 2:
        raise ValueError("a classifier needs at least two different training labels")

    hits = np.zeros(len(LOGISTIC_C))
    for inside, outside in _grouped_folds(np.asarray(train_groups)):
        if len(np.unique(fitted_to[inside])) < 2:
            continue
        # From strong to weak regularisation, each starting where the one before ended.
        model = LogisticRegression(warm_start=True, max_iter=LOGISTIC_STEPS, tol=LOGISTIC_TOLERANCE)
        for index, c in enumerate(LOGISTIC_C):
            model.set_params(C=c).fit(standardised[inside], fitted_to[inside])
            hits[index] += (model.predict(standardised[outside]) == fitted_to[outside]).sum()
    chosen = LOGISTIC_C[int(hits.argmax())]
    model = LogisticRegression(C=chosen, max_iter=LOGISTIC_STEPS, tol=LOGISTIC_TOLERANCE).fit(standardised, fitted_to)
    prediction = model.predict(examined)
    return Classification(prediction, (prediction == truth).astype(np.float64), chosen)


def knn_classification(
    train: NDArray,
    train_labels: Sequence | NDArray,
    test: NDArray,
    test_labels: Sequence | NDArray,
    neighbours: int = 5,
) -> Classification:
    """Majority among the nearest standardised training embeddings (Euclidean).

    Args:
        train: ``(n, dimensions)``.
        train_labels: ``(n,)``.
        test: ``(m, dimensions)``, from other recordings.
        test_labels: ``(m,)``.
        neighbours: How many vote; all training items if there are fewer.

    Raises:
        ValueError: If lengths differ or a value is not finite.
    """
    from sklearn.neighbors import KNeighborsClassifier

    standardised = Standardisation.fit(train)(train)
    examined, truth = _test_items(train, test, test_labels)
    _same_length(standardised, np.asarray(train_labels))
    votes = min(neighbours, len(standardised))
    model = KNeighborsClassifier(votes, algorithm="brute").fit(standardised, np.asarray(train_labels))
    prediction = model.predict(examined)
    return Classification(prediction, (prediction == truth).astype(np.float64), votes)


def ridge_probe(
    train: NDArray, train_target: NDArray, train_groups: Sequence | NDArray, test: NDArray, test_target: NDArray
) -> Regression:
    """Standardised ridge regression of one target; its penalty is chosen inside the training part.

    Args:
        train: ``(n, dimensions)``.
        train_target: ``(n,)``; items with ``nan`` (such as the timbre of silence) are left out and counted.
        train_groups: ``(n,)``, the recording of each item: cross-validation never splits one. With a single recording
            the penalty is 1.
        test: ``(m, dimensions)``, from other recordings.
        test_target: ``(m,)``, with ``nan`` where it is not known.

    Raises:
        ValueError: If lengths differ, a value of an embedding is not finite or no training target is known.
    """
    target, groups = np.asarray(train_target, dtype=np.float64), np.asarray(train_groups)
    embeddings = finite_rows(train, "training embeddings")
    _same_length(embeddings, target, groups)
    examined, truth = _test_items(train, test, np.asarray(test_target, dtype=np.float64))
    known = ~np.isnan(target)
    if not known.any():
        raise ValueError("no training target is known: every one is nan")
    standardised = Standardisation.fit(train)(embeddings)[known]
    target, groups = target[known], groups[known]

    errors = np.zeros(len(RIDGE_ALPHA))
    folds = 0
    for inside, outside in _grouped_folds(groups):
        folds += 1
        predictions = _ridge(standardised[inside], target[inside], standardised[outside], RIDGE_ALPHA)
        errors += ((predictions - target[outside]) ** 2).sum(axis=1)
    chosen = RIDGE_ALPHA[int(errors.argmin())] if folds else 1.0
    prediction = _ridge(standardised, target, examined, (chosen,))[0]
    return Regression(truth, prediction, chosen, int((~known).sum()), int(np.isnan(truth).sum()))


def silhouette(
    embeddings: NDArray, labels: Sequence | NDArray, standardisation: Standardisation
) -> NDArray[np.float64]:
    """Silhouette of each standardised item ``(n,)``, from -1 (among others) to 1 (among its own kind), Euclidean.

    Args:
        embeddings: ``(n, dimensions)``.
        labels: ``(n,)``, at least two kinds.
        standardisation: Fitted to the training embeddings.

    Raises:
        ValueError: If lengths differ, a value is not finite, or the labels are all equal or all different.

    Source: Rousseeuw 1987.
    """
    from sklearn.metrics import silhouette_samples

    return silhouette_samples(standardisation(finite_rows(embeddings, "embeddings")), np.asarray(labels))


def _ridge(train: NDArray, target: NDArray, test: NDArray, alphas: Sequence[float]) -> NDArray[np.float64]:
    """Predictions ``(alphas, m)`` of ridge regressions with an unpenalised intercept, from one decomposition."""
    centre, level = train.mean(axis=0), target.mean()
    variances, axes = np.linalg.eigh((train - centre).T @ (train - centre))
    projected = axes.T @ ((train - centre).T @ (target - level))
    weights = projected / (np.maximum(variances, 0.0) + np.asarray(alphas)[:, None])
    return weights @ ((test - centre) @ axes).T + level


def _grouped_folds(groups: NDArray) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Up to three folds ``(inside, outside)`` that never split a group; none if there is only one group."""
    from sklearn.model_selection import GroupKFold

    count = min(FOLDS, len(np.unique(groups)))
    if count >= 2:
        yield from GroupKFold(count).split(groups, groups=groups)


def _test_items(train: NDArray, test: NDArray, truth: Sequence | NDArray) -> tuple[NDArray[np.float64], NDArray]:
    """Test embeddings in the training part's standardisation, with their truth."""
    examined = finite_rows(test, "test embeddings")
    _same_length(examined, np.asarray(truth))
    return Standardisation.fit(train)(examined), np.asarray(truth)


def _same_length(*arrays: NDArray) -> None:
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1:
        raise ValueError(f"embeddings, labels and groups must be equally long, not {lengths}")
