"""Chooses from which improvement on a proposal is accepted, so that accepting is never worse than doing nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.metrics.intervals import Interval
from fxstyle.metrics.style_relative import relative_change

Floats = NDArray[np.float64]

NEVER = 2.0
"""A threshold that no improvement reaches: an objective of 0 is an improvement of 1."""

GRID = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds that are tried. A few round ones: choosing among as many as there are pairs would fit their noise."""

FEWEST_RECORDINGS = 8
"""With fewer recordings an interval is too rough to decide anything by."""


@dataclass(frozen=True)
class Calibration:
    """A threshold and what it does to the pairs that it was chosen on.

    Attributes:
        threshold: Improvement above which a proposal is accepted; :data:`NEVER` where none should be.
        change: Mean score relative to doing nothing, with its interval.
        accepted: Share of the pairs whose proposal is accepted.
    """

    threshold: float
    change: Interval
    accepted: float


def accept(improvement: Floats, threshold: float) -> NDArray[np.bool_]:
    """Which proposals ``(n,)`` are accepted; an improvement that is not a number is none."""
    return np.asarray(improvement > threshold, dtype=bool)


def calibrate(
    improvement: Floats,
    proposal: Floats,
    identity: Floats,
    effect: NDArray,
    recordings: Sequence | NDArray,
    seed: int = 0,
) -> Calibration:
    """Choose the threshold with the lowest upper 95 % bound of the score relative to doing nothing.

    Never to accept is always among the choices: its bound is 0 and it is taken unless another's lies below. Of equally
    good thresholds the highest is taken.

    Args:
        improvement: What the objective says that a proposal gains, ``1 - d(proposal, reference) / d(dry, reference)``,
            ``(n,)``. It is all that the decision may know.
        proposal: Score of each proposal against the hidden target ``(n,)``, lower being better.
        identity: Score of doing nothing ``(n,)``.
        effect: Effect of each pair ``(n,)``; all effects count the same.
        recordings: Recording of each pair ``(n,)``, which the interval is clustered by.
        seed: Seeds the resamples.
    """
    known = len(np.unique(np.asarray(recordings)[~np.isnan(proposal)])) if len(proposal) else 0
    nothing = Interval(0.0, 0.0, 0.0, len(identity), known)
    best = Calibration(NEVER, nothing, 0.0)
    if known < FEWEST_RECORDINGS:
        return best
    for threshold in sorted(GRID, reverse=True):
        taken = accept(improvement, threshold)
        if not taken.any():
            continue
        change = relative_change(np.where(taken, proposal, identity), identity, effect, recordings, seed)
        if change.high < best.change.high:
            best = Calibration(threshold, change, float(taken.mean()))
    return best
