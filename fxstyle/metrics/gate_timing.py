"""How far from a gate's opening and closing an emulation opens and closes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from fxstyle.features.frame_gains import frame_gains

FRAME_SECONDS = 1e-3
LIMIT_MS = 100.0
"""Farther apart, two events are not the same; an event without another counts as this far off."""
_LOUD = 0.95
_QUIET = 0.02
_CONTRAST = 1.5
_UP, _DOWN = 0.5, 0.25

Sound = NDArray[np.floating]
Frames = NDArray[np.float64]


@dataclass(frozen=True)
class GateTiming:
    """Errors of the times at which a gate opens and closes.

    Attributes:
        opening_ms: Median distance of the prediction's opening from each true one, in ms; ``nan`` where it never opens.
        closing_ms: The same of closings.
        openings: True openings.
        closings: True closings.
        missed: Share of true events that the prediction lacks; ``nan`` where there are none.
        extra: Events of the prediction that are not true, for each true one; ``nan`` where there are none.
    """

    opening_ms: float
    closing_ms: float
    openings: int
    closings: int
    missed: float
    extra: float


def gate_timing(prediction: Sound, truth: Sound, dry: Sound, sample_rate: int) -> GateTiming:
    """Compare when the gain of two gated sounds rises above half of the way and falls below a quarter.

    The way goes from the gain of the closed gate to that of the open one, both those of the true sound: the gain where
    that is loudest, and one of the least. Where the dry sound is too quiet to tell a gain, the gate stays as it was.

    Args:
        prediction: ``(samples,)``, what an emulation makes of ``dry``.
        truth: The same shape, what the gate makes of it.
        dry: The same shape.
        sample_rate: In Hz.
    """
    frame = max(1, round(FRAME_SECONDS * sample_rate))
    gains = [frame_gains(dry, wet, frame) for wet in (truth, prediction)]
    told = np.flatnonzero(np.isfinite(gains[0]))
    ends = _ends(gains[0][told], truth, told, frame)
    true_events, our_events = (_events(np.nan_to_num(gain[told]), told, ends) for gain in gains)
    frame_ms = 1000.0 * frame / sample_rate
    errors, extras = [], 0
    for true, ours in zip(true_events, our_events, strict=True):
        distances, extra = _matched(true * frame_ms, ours * frame_ms)
        errors.append(distances)
        extras += extra
    events = len(errors[0]) + len(errors[1])
    return GateTiming(
        opening_ms=_median(errors[0]),
        closing_ms=_median(errors[1]),
        openings=len(errors[0]),
        closings=len(errors[1]),
        missed=float(np.mean(np.concatenate(errors) >= LIMIT_MS)) if events else float("nan"),
        extra=extras / events if events else float("nan"),
    )


def _ends(gain: Frames, truth: Sound, told: NDArray[np.intp], frame: int) -> tuple[float, float] | None:
    """Gains of the closed and of the open gate; ``None`` where it does not both open and close."""
    if not len(gain):
        return None
    power = np.square(truth[: len(truth) // frame * frame].astype(np.float64)).reshape(-1, frame).sum(1)[told]
    whole = float(np.median(gain[power >= np.quantile(power, _LOUD)]))
    closed = float(np.quantile(gain, _QUIET))
    return (closed, whole) if whole > _CONTRAST * closed else None


def _events(gain: Frames, told: NDArray[np.intp], ends: tuple[float, float] | None) -> tuple[Frames, Frames]:
    """Frames at which a gate opens and closes."""
    if ends is None:
        return np.zeros(0), np.zeros(0)
    closed, whole = ends
    # One odd frame is no event.
    way = (median_filter(gain, 3, mode="nearest") - closed) / (whole - closed)
    # 1 from where it is above, 0 from where it is below, and between both what it was before.
    said = np.where(way >= _UP, 1, np.where(way <= _DOWN, 0, -1))
    known = np.maximum.accumulate(np.where(said >= 0, np.arange(len(said)), -1))
    is_open = np.where(known >= 0, said[known], 0)
    changes = np.diff(is_open)
    return told[1:][changes > 0].astype(np.float64), told[1:][changes < 0].astype(np.float64)


def _matched(true: Frames, ours: Frames) -> tuple[Frames, int]:
    """Distance of each true time from ours, at most the limit, and how many of ours are left over.

    Nearest pairs are matched first, and each time once.
    """
    distances = np.full(len(true), LIMIT_MS)
    if not len(true) or not len(ours):
        return distances, len(ours)
    apart = np.abs(true[:, None] - ours[None])
    free = np.ones(len(ours), bool)
    waiting = np.ones(len(true), bool)
    near = np.argwhere(apart < LIMIT_MS)
    for row, column in near[apart[near[:, 0], near[:, 1]].argsort(kind="stable")]:
        if waiting[row] and free[column]:
            distances[row], waiting[row], free[column] = apart[row, column], False, False
    return distances, int(free.sum())


def _median(errors: Frames) -> float:
    return float(np.median(errors)) if len(errors) else float("nan")
