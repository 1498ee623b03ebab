"""The loop of a gate: a detector with hysteresis and hold, and a gain that opens and closes."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from fxstyle.effects.dsp.compiling import compiled
from fxstyle.models.ballistics import pole, runs_compiled

GateState = tuple[Tensor, Tensor]

GATE_VALUES = {
    "opening": log(0.01),
    "hysteresis": log(0.7),
    "fall": log(0.01),
    "attack": log(1e-3),
    "hold": log(0.05),
    "release": log(0.1),
    "closed": log(1e-3),
    "gain": 0.0,
}
"""What a gate is set by, and first values: levels, times and gains as natural logarithms (amplitude, s).

The hysteresis is the logarithm of how many nepers the level must fall below the one that opens to close. Attack and
release are the times of the whole way, whatever the gain when closed. The gain is that when open, on top.
"""


def gate_constants(values: Tensor, sample_rate: int) -> Tensor:
    """What :func:`gated` takes, ``(batch, 7)``, from the values of :data:`GATE_VALUES` ``(batch, 8)``."""
    opening, hysteresis, fall, attack, hold, release, closed, _ = values.double().unbind(1)
    times = [(time.exp() * sample_rate).clamp_min(1.0) for time in (attack, hold, release)]
    closed = closed.clamp_max(0.0)
    floor = closed.exp()
    thresholds = [opening.exp(), torch.exp(opening - hysteresis.exp()), pole(fall, sample_rate), times[1].round()]
    return torch.stack([*thresholds, floor, (1.0 - floor) / times[0], torch.exp(closed / times[2])], 1)


def gated(magnitude: Tensor, state: GateState, constants: Tensor) -> tuple[Tensor, GateState]:
    """The gain of a gate.

    The gradient of what opens and closes it is 0.

    Args:
        magnitude: Of the sound ``(batch, samples)``, float64.
        state: The last gain ``(batch,)``; level, samples left of the hold and openness ``(batch, 3)``, float64.
        constants: ``(batch, 7)``, float64: the level that opens; the level below which it closes; the level's pole;
            the hold in samples; the gain when closed; what opening adds to the gain for each sample; what closing
            multiplies it with.

    Returns:
        The gain ``(batch, samples)``, float64, and the state after it.
    """
    if runs_compiled(magnitude):
        gain, detector = _Gain.apply(magnitude, *state, constants)
        return gain, (gain[:, -1], detector)
    return _plain(magnitude, *state, constants)


def _plain(magnitude: Tensor, gain: Tensor, detector: Tensor, constants: Tensor) -> tuple[Tensor, GateState]:
    """What :func:`_run` does, sample by sample in torch."""
    opening, shutting, falling, hold, floor, up, down = constants.unbind(1)
    level, left, is_open = detector.unbind(1)
    gain = gain.maximum(floor)
    gains = []
    for sample in magnitude.unbind(1):
        level = sample.maximum(level * falling)
        active = (level >= opening) | (is_open > 0)
        stays = level >= shutting
        is_open = (active & (stays | (left > 0))).to(level)
        left = torch.where(active & stays, hold, torch.where(active & (left > 0), left - 1.0, left))
        gain = torch.where(is_open > 0, (gain + up).clamp_max(1.0), (gain * down).maximum(floor))
        gains.append(gain)
    return torch.stack(gains, 1), (gain, torch.stack([level, left, is_open], 1).detach())


class _Gain(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, magnitude: Tensor, first: Tensor, detector: Tensor, constants: Tensor
    ) -> tuple[Tensor, Tensor]:
        inputs = [tensor.detach().contiguous() for tensor in (magnitude, first, constants)]
        gain, after = torch.empty_like(inputs[0]), detector.detach().clone().contiguous()
        is_open = torch.empty_like(inputs[0], dtype=torch.bool)
        arrays = [tensor.numpy() for tensor in (*inputs, after, gain, is_open)]
        _run(*arrays)
        ctx.save_for_backward(inputs[1], inputs[2], gain, is_open)
        ctx.mark_non_differentiable(after)
        return gain, after

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        results = (torch.zeros_like(saved[0]), torch.zeros_like(saved[1]))
        arrays = [tensor.numpy() for tensor in (*saved, incoming.contiguous(), *results)]
        _adjoint(*arrays)
        return None, results[0], None, results[1]


@compiled("void(float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], boolean[:, ::1])")
def _run(
    magnitude: NDArray[np.float64],
    first: NDArray[np.float64],
    constants: NDArray[np.float64],
    detector: NDArray[np.float64],
    gains: NDArray[np.float64],
    opens: NDArray[np.bool_],
) -> None:
    for item in range(magnitude.shape[0]):
        opening, shutting, falling, hold, floor, up, down = constants[item]
        level, left, openness = detector[item]
        gain, is_open = max(first[item], floor), openness > 0.0
        for sample in range(magnitude.shape[1]):
            level = max(magnitude[item, sample], level * falling)
            # Ever smaller numbers make processors slow.
            if level < 1e-30:
                level = 0.0
            if level >= opening:
                is_open = True
            if is_open:
                if level >= shutting:
                    left = hold
                elif left > 0.0:
                    left -= 1.0
                else:
                    is_open = False
            gain = min(1.0, gain + up) if is_open else max(floor, gain * down)
            gains[item, sample] = gain
            opens[item, sample] = is_open
        detector[item, 0] = level
        detector[item, 1] = left
        detector[item, 2] = 1.0 if is_open else 0.0


@compiled(
    "void(float64[::1], float64[:, ::1], float64[:, ::1], boolean[:, ::1], float64[:, ::1], float64[::1],"
    " float64[:, ::1])"
)
def _adjoint(
    first: NDArray[np.float64],
    constants: NDArray[np.float64],
    gains: NDArray[np.float64],
    opens: NDArray[np.bool_],
    incoming: NDArray[np.float64],
    for_first: NDArray[np.float64],
    for_constants: NDArray[np.float64],
) -> None:
    for item in range(gains.shape[0]):
        floor, up, down = constants[item, 4], constants[item, 5], constants[item, 6]
        carried = 0.0
        for sample in range(gains.shape[1] - 1, -1, -1):
            carried += incoming[item, sample]
            before = gains[item, sample - 1] if sample > 0 else max(first[item], floor)
            if opens[item, sample]:
                if before + up < 1.0:
                    for_constants[item, 5] += carried
                else:
                    carried = 0.0
            elif before * down > floor:
                for_constants[item, 6] += carried * before
                carried *= down
            else:
                for_constants[item, 4] += carried
                carried = 0.0
        if first[item] > floor:
            for_first[item] = carried
        else:
            for_constants[item, 4] += carried
