"""Clustered bootstrap against a plain loop over resamples, and its coverage."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from fxstyle.metrics.intervals import MACRO_MEAN, R2, RATIO_OF_SUMS, clustered_bootstrap, paired_difference

pytestmark = pytest.mark.unit


def items(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    clusters = np.repeat([f"take {index}" for index in range(12)], generator.integers(1, 9, 12))
    truth = generator.standard_normal(len(clusters)) + 1e4
    return clusters, truth, truth + 0.5 * generator.standard_normal(len(clusters))


def by_hand(statistic, arrays: tuple[np.ndarray, ...], clusters: np.ndarray, resamples: int) -> tuple[float, float]:
    """The same resamples, with whole recordings copied as often as they were drawn."""
    names = np.unique(clusters)
    draws = np.random.default_rng([0, len(names)]).multinomial(
        len(names), np.full(len(names), 1 / len(names)), resamples
    )
    found = []
    for draw in draws:
        picked = np.concatenate([np.repeat(np.flatnonzero(clusters == n), k) for n, k in zip(names, draw, strict=True)])
        found.append(statistic(*(array[picked] for array in arrays)))
    return tuple(np.quantile(found, [0.025, 0.975]))


def test_mean_and_accuracy() -> None:
    clusters, truth, prediction = items()
    correct = (prediction > truth).astype(float)
    interval = clustered_bootstrap(correct, clusters, resamples=200)
    assert interval.value == pytest.approx(correct.mean())
    assert (interval.low, interval.high) == pytest.approx(by_hand(np.mean, (correct,), clusters, 200))
    assert (interval.n, interval.recordings, interval.missing) == (len(correct), 12, 0)
    assert interval.low < interval.value < interval.high


def test_r2_far_from_the_origin() -> None:
    clusters, truth, prediction = (part if part.dtype.kind == "U" else part + 1e7 for part in items())
    interval = clustered_bootstrap((truth, prediction), clusters, R2, resamples=200)
    assert interval.value == pytest.approx(r2_score(truth, prediction))
    assert (interval.low, interval.high) == pytest.approx(by_hand(r2_score, (truth, prediction), clusters, 200))


def test_ratio_of_sums_is_the_error_to_signal_ratio_over_everything() -> None:
    clusters, truth, prediction = items()
    error, energy = (truth - prediction) ** 2, prediction**2
    interval = clustered_bootstrap((error, energy), clusters, RATIO_OF_SUMS, resamples=100)
    assert interval.value == pytest.approx(error.sum() / energy.sum())
    expected = by_hand(lambda e, s: e.sum() / s.sum(), (error, energy), clusters, 100)
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_macro_mean_counts_each_effect_once_and_only_those_drawn() -> None:
    clusters, truth, _ = items()
    effect = np.random.default_rng(3).integers(0, 4, len(truth))
    effect[clusters == "take 0"] = 7

    def macro(values: np.ndarray, groups: np.ndarray) -> float:
        return float(np.mean([values[groups == group].mean() for group in np.unique(groups)]))

    interval = clustered_bootstrap((truth, effect), clusters, MACRO_MEAN, resamples=100)
    assert interval.value == pytest.approx(macro(truth, effect))
    assert (interval.low, interval.high) == pytest.approx(by_hand(macro, (truth, effect), clusters, 100))


def test_paired_difference_cancels_what_the_arms_share() -> None:
    clusters, first, _ = items()
    recording_effect = 10.0 * np.unique(clusters, return_inverse=True)[1]
    second = first - 0.1
    interval = paired_difference(first + recording_effect, second + recording_effect, clusters)
    assert interval.value == pytest.approx(0.1)
    assert interval.high - interval.low < 1e-9
    alone = clustered_bootstrap(first + recording_effect, clusters)
    assert alone.high - alone.low > 1.0
    flipped = paired_difference(second, first, clusters)
    assert flipped.value == pytest.approx(-0.1)


def test_paired_difference_of_r2() -> None:
    clusters, truth, prediction = items()
    worse = prediction + 0.5
    interval = paired_difference((truth, prediction), (truth, worse), clusters, R2)
    assert interval.value == pytest.approx(r2_score(truth, prediction) - r2_score(truth, worse))
    assert interval.low > 0


def test_nan_is_left_out_and_counted() -> None:
    clusters, first, second = items()
    first[3] = second[[3, 5]] = np.nan
    keep = ~np.isnan(second)
    interval = clustered_bootstrap(second, clusters)
    assert interval.missing == 2
    assert interval.n == keep.sum()
    assert interval.value == pytest.approx(second[keep].mean())
    paired = paired_difference(first, second, clusters)
    assert (paired.missing, paired.value) == (2, pytest.approx((first - second)[keep].mean()))
    nothing = clustered_bootstrap(np.full(4, np.nan), [1, 1, 2, 2])
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    assert (nothing.n, nothing.missing) == (0, 4)


def test_one_recording_has_a_value_but_no_interval() -> None:
    interval = clustered_bootstrap([1.0, 2.0, 3.0], ["a", "a", "a"])
    assert interval.value == 2.0
    assert np.isnan([interval.low, interval.high]).all()


def test_resamples_without_a_statistic_are_counted() -> None:
    # A resample with only one of the two recordings has equal truths, so no R2.
    interval = clustered_bootstrap((np.array([1.0, 2.0]), np.array([1.1, 2.2])), ["a", "b"], R2, resamples=400)
    assert 100 < interval.undefined < 300
    assert np.isfinite([interval.low, interval.high]).all()
    assert np.isnan(clustered_bootstrap((np.ones(4), np.ones(4)), [1, 2, 3, 4], R2).value)


def test_it_is_a_pure_function_and_does_not_depend_on_the_order_of_items() -> None:
    clusters, truth, _ = items()
    order = np.random.default_rng(5).permutation(len(truth))
    first, again = clustered_bootstrap(truth, clusters), clustered_bootstrap(truth[order], clusters[order])
    assert (first.low, first.high) == pytest.approx((again.low, again.high), rel=1e-12)
    assert clustered_bootstrap(truth, clusters, seed=1).low != first.low


def test_copies_of_a_clip_do_not_narrow_the_interval() -> None:
    generator = np.random.default_rng(1)
    values = generator.standard_normal(30)
    once = clustered_bootstrap(values, np.arange(30))
    copied = clustered_bootstrap(np.repeat(values, 20), np.repeat(np.arange(30), 20))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


def test_coverage_is_about_what_it_says() -> None:
    hits = 0
    for seed in range(200):
        generator = np.random.default_rng([7, seed])
        values = np.repeat(generator.standard_normal(40), 5) + 0.1 * generator.standard_normal(200)
        interval = clustered_bootstrap(values, np.repeat(np.arange(40), 5), resamples=300)
        hits += interval.low <= 0.0 <= interval.high
    assert 0.88 < hits / 200 < 0.98


@pytest.mark.parametrize(
    ("values", "clusters", "options"),
    [([1.0, 2.0], ["a"], {}), ([1.0], ["a"], {"level": 1.5}), ([1.0], ["a"], {"resamples": 0}), ([[1.0]], ["a"], {})],
)
def test_what_does_not_fit_is_refused(values: list, clusters: list, options: dict) -> None:
    with pytest.raises(ValueError, match=r"must be|must lie"):
        clustered_bootstrap(values, clusters, **options)
