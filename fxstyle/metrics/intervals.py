"""Bootstrap intervals clustered by recording: clips of one recording are not independent, recordings are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A statistic with its percentile bootstrap interval.

    Attributes:
        value: The statistic of all items.
        low: Lower end; ``nan`` with fewer than two recordings.
        high: Upper end; ``nan`` with fewer than two recordings.
        n: Items it is computed from.
        recordings: Recordings those items come from: the clusters that were resampled.
        missing: Items left out because one of their values is ``nan``; a report says how many.
        undefined: Resamples for which the statistic does not exist (such as R2 of equal truths), left out.
    """

    value: float
    low: float
    high: float
    n: int
    recordings: int
    missing: int = 0
    undefined: int = 0


@dataclass(frozen=True)
class Statistic:
    """A statistic that is a function of sums over items, so that thousands of resamples cost one matrix product.

    Attributes:
        terms: From arrays ``(n,)`` to what is summed, ``(n, terms)``.
        combine: From the sums ``(..., terms)`` to the statistic ``(...,)``; ``nan`` where it does not exist.
    """

    terms: Callable[..., Floats]
    combine: Callable[[Floats], Floats]


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator != 0)


def _r2_terms(truth: Floats, prediction: Floats) -> Floats:
    # R2 does not depend on the origin, and about the mean its sums do not cancel.
    centred = truth - truth.mean()
    return np.stack([np.ones_like(truth), centred, centred**2, (truth - prediction) ** 2], axis=1)


def _combine_r2(sums: Floats) -> Floats:
    spread = sums[..., 2] - _ratio(sums[..., 1] ** 2, sums[..., 0])
    negligible = spread <= 1e-12 * sums[..., 2]
    return 1.0 - _ratio(sums[..., 3], np.where(negligible, 0.0, spread))


def _macro_terms(values: Floats, group: Floats) -> Floats:
    member = (group[:, None] == np.unique(group)).astype(np.float64)
    return np.concatenate([member * values[:, None], member], axis=1)


def _combine_macro(sums: Floats) -> Floats:
    totals, counts = np.split(sums, 2, axis=-1)
    seen = counts > 0
    means = np.divide(totals, counts, out=np.zeros_like(totals), where=seen)
    return _ratio(means.sum(axis=-1), seen.sum(axis=-1))


MEAN = Statistic(
    terms=lambda values: np.stack([values, np.ones_like(values)], axis=1),
    combine=lambda sums: _ratio(sums[..., 0], sums[..., 1]),
)
"""Mean of ``values``; the accuracy, if they are 1 for correct and 0 for wrong."""

RATIO_OF_SUMS = Statistic(
    terms=lambda numerator, denominator: np.stack([numerator, denominator], axis=1),
    combine=lambda sums: _ratio(sums[..., 0], sums[..., 1]),
)
"""Sum of ``numerator`` over sum of ``denominator``, as the error-to-signal ratio over all signals."""

R2 = Statistic(terms=_r2_terms, combine=_combine_r2)
"""Coefficient of determination from ``(truth, prediction)``."""

MACRO_MEAN = Statistic(terms=_macro_terms, combine=_combine_macro)
"""Mean over groups of the groups' means, from ``(values, group)``, such as the mean over effects."""


def clustered_bootstrap(
    values: ArrayLike | tuple[ArrayLike, ...],
    clusters: Sequence | NDArray,
    statistic: Statistic = MEAN,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Statistic of items with an interval from resampling whole recordings with replacement.

    Args:
        values: ``(n,)``, or a tuple of such arrays where the statistic takes several, as ``(truth, prediction)``.
        clusters: ``(n,)``, the recording of each item.
        statistic: :data:`MEAN`, :data:`RATIO_OF_SUMS`, :data:`R2`, :data:`MACRO_MEAN` or one of the same kind.
        resamples: Number of bootstrap resamples.
        seed: The resamples are a pure function of it and of the number of recordings.
        level: Coverage, between 0 and 1.

    Raises:
        ValueError: If lengths differ or ``level`` or ``resamples`` is out of range.

    Source: Efron and Tibshirani 1993, ch. 13 (percentile), with recordings as the sampling units (Davison and
    Hinkley 1997, sec. 3.8).
    """
    return _interval([_arrays(values)], clusters, statistic, resamples, seed, level)


def paired_difference(
    first: ArrayLike | tuple[ArrayLike, ...],
    second: ArrayLike | tuple[ArrayLike, ...],
    clusters: Sequence | NDArray,
    statistic: Statistic = MEAN,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Statistic of the first arm minus that of the second on the same items, resampled together.

    An item with ``nan`` in either arm is left out of both and counted. Arguments as in :func:`clustered_bootstrap`.
    """
    return _interval([_arrays(first), _arrays(second)], clusters, statistic, resamples, seed, level)


def _arrays(values: ArrayLike | tuple[ArrayLike, ...]) -> list[Floats]:
    return [np.asarray(array, dtype=np.float64) for array in (values if isinstance(values, tuple) else (values,))]


def _interval(
    arms: list[list[Floats]],
    clusters: Sequence | NDArray,
    statistic: Statistic,
    resamples: int,
    seed: int,
    level: float,
) -> Interval:
    """Interval of one arm, or of the first minus the second."""
    names = np.asarray(clusters)
    shapes = {array.shape for arm in arms for array in arm} | {names.shape}
    if len(shapes) != 1 or names.ndim != 1:
        raise ValueError(f"values and clusters must be (n,) and equally long, not {sorted(shapes)}")
    if not (0.0 < level < 1.0 and resamples > 0):
        raise ValueError(f"level must lie between 0 and 1 and resamples be positive, not {level} and {resamples}")
    present = np.logical_and.reduce([~np.isnan(array) for arm in arms for array in arm])
    n, missing = int(present.sum()), int((~present).sum())
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0, 0, missing)
    recordings, member = np.unique(names[present], return_inverse=True)
    count = len(recordings)
    terms = [statistic.terms(*(array[present] for array in arm)) for arm in arms]
    sums = [np.stack([np.bincount(member, column, count) for column in term.T], axis=1) for term in terms]

    def evaluate(weights: Floats) -> Floats:
        results = [statistic.combine(weights @ sum_) for sum_ in sums]
        return results[0] - results[1] if len(results) == 2 else results[0]

    value = float(evaluate(np.ones((1, count)))[0])
    if count < 2:
        return Interval(value, np.nan, np.nan, n, count, missing)
    draws = np.random.default_rng([seed, count]).multinomial(count, np.full(count, 1.0 / count), size=resamples)
    spread = evaluate(draws.astype(np.float64))
    defined = spread[~np.isnan(spread)]
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]) if len(defined) else (np.nan, np.nan)
    return Interval(value, float(low), float(high), n, count, missing, len(spread) - len(defined))
