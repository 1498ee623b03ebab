"""Levels that rise with one time constant and fall with another: what compressors measure."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from fxstyle.effects.dsp.compiling import compiled

_SILENCE = 1e-30


def pole(log_seconds: Tensor, sample_rate: int) -> Tensor:
    """The pole of a one-pole filter.

    Args:
        log_seconds: Natural logarithm of its time constant in s.
        sample_rate: In Hz.

    Returns:
        The pole in float64, in the same shape; 0 for times far below a sample.
    """
    return torch.exp(-torch.exp(-log_seconds.double()) / sample_rate)


def ballistics(level: Tensor, state: Tensor, rising: Tensor, falling: Tensor) -> tuple[Tensor, Tensor]:
    """Smooth a level by ``y[n] = x[n] + pole (y[n-1] - x[n])``; the pole is ``rising`` where ``x[n] > y[n-1]``.

    Equal poles make it a one-pole low-pass filter for any sound.

    Source: Zölzer 2011, "DAFX: Digital Audio Effects", section 4.2; JUCE's ballistics filter is the same.

    Args:
        level: ``(batch, samples)``.
        state: The last smoothed sample ``(batch,)``, float64.
        rising: Poles ``(batch,)``, float64.
        falling: Poles ``(batch,)``, float64.

    Returns:
        The smoothed level ``(batch, samples)`` in float64, and the state after it ``(batch,)``.
    """
    level = level.double()
    if runs_compiled(level):
        smoothed = _Ballistics.apply(level, state, rising, falling)
        return smoothed, smoothed[:, -1]
    steps = []
    for sample in level.unbind(-1):
        state = sample + torch.where(sample > state, rising, falling) * (state - sample)
        steps.append(state)
    return torch.stack(steps, -1), state


def runs_compiled(audio: Tensor) -> bool:
    """Whether machine code can run a loop over these samples: on the CPU, unless a graph of it is wanted."""
    return audio.device.type == "cpu" and not (torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export())


class _Ballistics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, level: Tensor, state: Tensor, rising: Tensor, falling: Tensor) -> Tensor:
        inputs = [tensor.detach().contiguous() for tensor in (level, state, rising, falling)]
        smoothed = torch.empty_like(inputs[0])
        arrays = [tensor.numpy() for tensor in (*inputs, smoothed)]
        _smooth(*arrays)
        ctx.save_for_backward(*inputs, smoothed)
        return smoothed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor, ...]:
        saved = ctx.saved_tensors
        level, state = saved[:2]
        results = (torch.empty_like(level), *(torch.zeros_like(state) for _ in range(3)))
        arrays = [tensor.numpy() for tensor in (*saved, incoming.contiguous(), *results)]
        _adjoint(*arrays)
        return results


@compiled("void(float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1])")
def _smooth(
    level: NDArray[np.float64],
    state: NDArray[np.float64],
    rising: NDArray[np.float64],
    falling: NDArray[np.float64],
    smoothed: NDArray[np.float64],
) -> None:
    for item in range(level.shape[0]):
        last = state[item]
        for sample in range(level.shape[1]):
            new = level[item, sample]
            last = new + (rising[item] if new > last else falling[item]) * (last - new)
            # Ever smaller numbers make processors slow.
            if abs(last) < _SILENCE:
                last = 0.0
            smoothed[item, sample] = last


@compiled(
    "void(float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1],"
    " float64[:, ::1], float64[::1], float64[::1], float64[::1])"
)
def _adjoint(
    level: NDArray[np.float64],
    state: NDArray[np.float64],
    rising: NDArray[np.float64],
    falling: NDArray[np.float64],
    smoothed: NDArray[np.float64],
    incoming: NDArray[np.float64],
    for_level: NDArray[np.float64],
    for_state: NDArray[np.float64],
    for_rising: NDArray[np.float64],
    for_falling: NDArray[np.float64],
) -> None:
    for item in range(level.shape[0]):
        carried = 0.0
        for sample in range(level.shape[1] - 1, -1, -1):
            carried += incoming[item, sample]
            new = level[item, sample]
            last = smoothed[item, sample - 1] if sample > 0 else state[item]
            if new > last:
                for_rising[item] += carried * (last - new)
                now = rising[item]
            else:
                for_falling[item] += carried * (last - new)
                now = falling[item]
            for_level[item, sample] = carried * (1.0 - now)
            carried *= now
        for_state[item] = carried
