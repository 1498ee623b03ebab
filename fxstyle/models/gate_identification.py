"""What a gate is set to, from sound before and after it.

The ratio of both is the gain. Where it rises or is whole, the gate is open; where it falls or is least, it is closed:
that gives the times of opening and closing at once, and leaves a search of what opens and closes it. A search of all
values nearby, on the sound itself, ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.features.frame_gains import frame_gains
from fxstyle.models.gate_loop import GATE_VALUES, GateState, gate_constants, gated
from fxstyle.models.identification import Excerpt, refine, search

FRAME_SECONDS = 1e-3
REFINEMENTS = 50
_CHANGE = 1e-3
_WHOLE = 0.02
_QUIETEST = 1e-12
_MARGIN = 1e-3
"""Nepers that bounds of the opening level are widened by."""

# Bounds of the search; those of the opening are below the loudest sample.
_LOW = {
    "opening": log(1e-3),
    "hysteresis": log(0.01),
    "fall": log(1e-3),
    "attack": log(5e-5),
    "hold": log(1e-3),
    "release": log(1e-3),
    "closed": log(1e-5),
}
_HIGH = {
    "opening": 0.0,
    "hysteresis": log(3.0),
    "fall": log(0.2),
    "attack": log(0.2),
    "hold": log(0.5),
    "release": log(2.0),
    "closed": log(0.9),
}
_DETECTOR = [0, 1, 2, 4]
"""Places of what opens and closes it among the values."""

Floats = NDArray[np.float64]


def identify_gate(excerpts: Sequence[Excerpt], whole: Sequence[Excerpt], sample_rate: int, evaluations: int) -> Tensor:
    """Values ``(values,)`` of a gate, float64, as :data:`fxstyle.models.gate_loop.GATE_VALUES` names them.

    Args:
        excerpts: Of one setting.
        whole: The same or more of that setting: rare events tell thresholds.
        sample_rate: In Hz.
        evaluations: Candidates of the search on the excerpts; an eighth of it each on all of the sound.
    """
    frame = max(1, round(FRAME_SECONDS * sample_rate))
    loudest = log(max(float(excerpt.dry.abs().max()) for excerpt in whole))
    low, high = np.array(list(_LOW.values())), np.array(list(_HIGH.values()))
    low[0], high[0] = _opening_bounds(whole, frame, low[0] + loudest, high[0] + loudest)
    values = torch.tensor(list(GATE_VALUES.values()), dtype=torch.float64)
    for name, value in _slews(_gains(whole, frame), frame / sample_rate).items():
        values[list(GATE_VALUES).index(name)] = value
    values[:-1] = torch.from_numpy(values[:-1].numpy().clip(low, high))

    rng = np.random.default_rng(0)
    bounds = list(low[_DETECTOR]), list(high[_DETECTOR])
    wrong = _Openness(excerpts, frame, sample_rate, values)
    detector = search(wrong, *bounds, evaluations, rng)
    wrong = _Openness(whole, frame, sample_rate, values)
    values[_DETECTOR] = search(wrong, *bounds, evaluations // 8, rng, near=detector, spread=0.02)
    error = _SoundError(whole, sample_rate)
    with torch.no_grad():
        found = search(error, list(low), list(high), evaluations // 8, rng, near=values[:-1], spread=0.005)
    found = refine(error, found, list(low), list(high), REFINEMENTS)
    with torch.no_grad():
        factor = error.agreement(found)[1]
    return torch.cat([found, 4.0 * factor.double().log()[None]])


def openness(gain: Floats, gains: Sequence[Floats]) -> Floats:
    """1 where a gain says that the gate is open, 0 where closed and ``nan`` where neither, ``(frames,)``.

    Args:
        gain: Of each frame of one excerpt.
        gains: Those of all excerpts, for the gains of the open and the closed gate.
    """
    whole, least = _ends(gains)
    change = np.diff(gain, append=np.nan) / np.maximum(gain, least)
    said = np.full(len(gain), np.nan)
    said[gain <= least * (1 + _WHOLE)] = 0.0
    said[gain >= whole * (1 - _WHOLE)] = 1.0
    said[change > _CHANGE] = 1.0
    said[change < -_CHANGE] = 0.0
    return said


def _gains(excerpts: Sequence[Excerpt], frame: int) -> list[Floats]:
    return [frame_gains(excerpt.dry[0, 0].numpy(), excerpt.wet[0, 0].numpy(), frame) for excerpt in excerpts]


def _ends(gains: Sequence[Floats]) -> tuple[float, float]:
    """Gains of the open and of the closed gate."""
    known = np.concatenate([gain[np.isfinite(gain)] for gain in gains])
    if not len(known):
        return 1.0, 1e-5
    return float(np.quantile(known, 0.99)), max(float(np.quantile(known, 0.01)), 1e-6)


def _slews(gains: Sequence[Floats], seconds: float) -> dict[str, float]:
    """Attack, release, closed and open gain as far as frames of ``seconds`` show them, as logarithms."""
    whole, least = _ends(gains)
    found = {"gain": log(whole), "closed": log(least / whole)}
    rises, falls = [], []
    for gain in gains:
        before, after = gain[:-1], gain[1:]
        between = (before > 1.2 * least) & (after > 1.2 * least) & (before < 0.95 * whole) & (after < 0.95 * whole)
        rises.append(((after - before) / whole)[between & (after > before * (1 + _CHANGE))])
        falls.append(np.log(before / np.maximum(after, 1e-12))[between & (after < before * (1 - _CHANGE))])
    rise, fall = np.concatenate(rises), np.concatenate(falls)
    if len(fall):
        found["release"] = log(max(-found["closed"], 0.1) * seconds / float(np.median(fall)))
    # Faster than two frames it shows no slope.
    found["attack"] = log(seconds / float(np.median(rise))) if len(rise) else log(seconds / 2)
    return found


def _opening_bounds(excerpts: Sequence[Excerpt], frame: int, low: float, high: float) -> tuple[float, float]:
    """Logarithms between which the opening level lies: above the peaks of frames that stay closed, below the onsets'.

    Args:
        excerpts: Of one setting.
        frame: Samples of a frame.
        low: Least answer, and the answer where nothing says more.
        high: Largest answer.
    """
    gains = _gains(excerpts, frame)
    shut, onsets = [np.zeros(0)], [np.zeros(0)]
    for excerpt, gain in zip(excerpts, gains, strict=True):
        said = openness(gain, gains)
        peaks = np.abs(excerpt.dry[0, 0, : len(said) * frame].double().numpy()).reshape(len(said), frame).max(1)
        # An onset shows in the frame after it where the opening is slow.
        around = np.maximum(peaks[:-2], np.maximum(peaks[1:-1], peaks[2:]))
        before, after = said[:-2], said[1:-1]
        shut.append(peaks[:-2][(before == 0) & (after == 0)])
        onsets.append(around[(before == 0) & (after == 1)])
    closed, opened = np.sort(np.concatenate(shut)), np.sort(np.concatenate(onsets))
    if not len(closed) or not len(opened):
        return low, high
    # The level that contradicts fewest frames: some are told wrong.
    levels = np.unique(np.concatenate([closed, opened]))
    contradicted = len(closed) - np.searchsorted(closed, levels) + np.searchsorted(opened, levels)
    best = int(contradicted.argmin())
    under, over = (log(max(float(levels[place]), _QUIETEST)) for place in (max(best - 1, 0), best))
    return max(low, under - _MARGIN), min(high, over + _MARGIN)


class _Openness:
    """Share of frames in which a detector's values ``(4,)`` say another openness than the sound."""

    def __init__(self, excerpts: Sequence[Excerpt], frame: int, sample_rate: int, values: Tensor) -> None:
        self.excerpts, self.frame, self.sample_rate = excerpts, frame, sample_rate
        self.values = values
        self.magnitudes = [excerpt.dry[:, 0].abs().double() for excerpt in excerpts]
        gains = _gains(excerpts, frame)
        self.said = [torch.from_numpy(openness(gain, gains)) for gain in gains]

    def __call__(self, detector: Tensor) -> Tensor:
        values = self.values.clone()
        values[_DETECTOR] = detector
        constants = gate_constants(values[None], self.sample_rate)
        # At once, from nothing to all: the gain is the openness.
        constants[:, 4:] = torch.tensor([0.0, 1.0, 0.0])
        wrong = known = torch.zeros((), dtype=torch.float64)
        for magnitude, said, excerpt in zip(self.magnitudes, self.said, self.excerpts, strict=True):
            gain = gated(magnitude, _closed(), constants)[0][0, : len(said) * self.frame]
            difference = (gain.reshape(len(said), self.frame).mean(1) - said).abs()[excerpt.lead // self.frame :]
            wrong, known = wrong + difference.nansum(), known + difference.isfinite().sum()
        return wrong / known.clamp_min(1.0)


class _SoundError:
    """Logarithm of the error of the sound, of fourth roots so that what a closed gate lets through counts as well."""

    def __init__(self, excerpts: Sequence[Excerpt], sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.leads = [excerpt.lead for excerpt in excerpts]
        self.magnitudes = [excerpt.dry[:, 0].abs().double() for excerpt in excerpts]
        self.wet = [_fourth_root(excerpt.wet[0, 0, excerpt.lead :].abs()) for excerpt in excerpts]
        self.energy = torch.stack([target.square().sum() for target in self.wet]).sum()

    def __call__(self, values: Tensor) -> Tensor:
        return torch.log(self.agreement(values)[0].clamp_min(0.0) + 1e-7)

    def agreement(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Least error with the best factor, and that factor, of values ``(7,)`` without the gain."""
        constants = gate_constants(torch.cat([values, values.new_zeros(1)])[None], self.sample_rate)
        cross, own = self.energy.new_zeros(()), self.energy.new_zeros(())
        for magnitude, target, lead in zip(self.magnitudes, self.wet, self.leads, strict=True):
            heard = _fourth_root((magnitude * gated(magnitude, _closed(), constants)[0])[0, lead:].to(target))
            cross, own = cross + heard @ target, own + heard @ heard
        return 1.0 - cross.square() / (own * self.energy), cross / own


def _fourth_root(magnitude: Tensor) -> Tensor:
    return (magnitude + _QUIETEST).sqrt().sqrt()


def _closed() -> GateState:
    return torch.zeros(1, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)
