"""Scores relative to doing nothing, for each effect and over effects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fxstyle.metrics.intervals import Interval, Statistic, clustered_bootstrap

Floats = NDArray[np.float64]


def _terms(values: Floats, reference: Floats, group: Floats) -> Floats:
    member = (group[:, None] == np.unique(group)).astype(np.float64)
    return np.concatenate([member * values[:, None], member * reference[:, None]], axis=1)


def _combine(sums: Floats) -> Floats:
    values, reference = np.split(sums, 2, axis=-1)
    known = reference > 0
    ratios = np.divide(values, reference, out=np.zeros_like(values), where=known)
    count = known.sum(axis=-1)
    return np.divide(ratios.sum(axis=-1), count, out=np.full(count.shape, np.nan), where=count > 0) - 1.0


MACRO_RELATIVE = Statistic(terms=_terms, combine=_combine)
"""Mean over groups of (mean of ``values`` / mean of ``reference`` - 1), from ``(values, reference, group)``.

With one group it is the relative change of one effect; with effects as groups, its mean over effects. A group whose
reference is 0 throughout does not count.
"""


def relative_change(
    values: Floats, reference: Floats, group: NDArray, recordings: Sequence | NDArray, seed: int = 0
) -> Interval:
    """:data:`MACRO_RELATIVE` with its interval clustered by recording.

    Args:
        values: Scores of an arm ``(n,)``, lower being better.
        reference: Scores of doing nothing on the same items ``(n,)``.
        group: The effect of each item ``(n,)``, as anything that sorts.
        recordings: The recording of each item ``(n,)``.
        seed: Seeds the resamples.
    """
    numbers = np.unique(group, return_inverse=True)[1].astype(np.float64)
    return clustered_bootstrap((values, reference, numbers), recordings, MACRO_RELATIVE, seed=seed)
