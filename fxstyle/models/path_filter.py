"""A filter of few values for the dry or the wet path: a gain and shelves at fixed corner frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv1d

from fxstyle.errors import InputError
from fxstyle.models.emulator import ConditionedValues

_REST = 1e-4
_LONGEST = 4096


def shelf_responses(corners_hz: Sequence[float], sample_rate: int) -> NDArray[np.float64]:
    """Impulse responses ``(1 + corners, taps)`` of a gain and of a one-pole low-pass at each corner frequency in Hz.

    They end where less than a ten-thousandth of the slowest is left.

    Raises:
        InputError: A corner lies outside 20 Hz to half of the sample rate.
    """
    if any(not 20.0 <= corner < 0.5 * sample_rate for corner in corners_hz):
        raise InputError(f"model.corners_hz must lie between 20 and {sample_rate // 2} Hz, not {list(corners_hz)}")
    poles = [float(np.exp(-2.0 * pi * corner / sample_rate)) for corner in corners_hz]
    taps = min(_LONGEST, max([1] + [ceil(log(_REST) / log(pole)) for pole in poles]))
    responses = np.zeros((1 + len(poles), taps))
    responses[0, 0] = 1.0
    for row, pole in enumerate(poles, start=1):
        responses[row] = (1.0 - pole) * pole ** np.arange(taps)
    return responses


class PathFilter(nn.Module):
    """A gain plus a fitted share of each one-pole low-pass: linear in its values, so that they have a closed form.

    Args:
        gain: Before training.
        corners_hz: Corner frequencies of the low-passes in Hz; none leaves a gain.
        conditions: Size of the condition.
        sample_rate: In Hz.
    """

    responses: Tensor

    def __init__(self, gain: float, corners_hz: Sequence[float], conditions: int, sample_rate: int) -> None:
        super().__init__()
        responses = torch.from_numpy(shelf_responses(corners_hz, sample_rate)).float()
        self.register_buffer("responses", responses, persistent=False)
        initial = torch.zeros(len(responses))
        initial[0] = gain
        self.shares = ConditionedValues(initial, conditions)

    @property
    def memory(self) -> int:
        """Samples it needs from before."""
        return self.responses.shape[1] - 1

    def forward(self, audio: Tensor, past: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Filter ``(batch, samples)`` that follows ``past`` ``(batch, memory)``; also the past of what comes next."""
        shares = self.shares(condition, len(audio))
        if not self.memory:
            return shares * audio, past
        whole = torch.cat([past, audio], dim=1)
        kernels = (shares @ self.responses).flip(1)
        filtered = conv1d(whole[None], kernels[:, None], groups=len(audio))[0]
        return filtered, whole[:, -self.memory :]
