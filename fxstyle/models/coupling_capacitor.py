"""A capacitor before a stage that draws current: a high-pass filter, and a shift that loud sound charges it to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from fxstyle.effects.dsp.compiling import compiled
from fxstyle.models.ballistics import runs_compiled
from fxstyle.models.emulator import ConditionedValues


class CouplingCapacitor(nn.Module):
    """``y = x - charge``, and after each sample ``charge += rest y + driven max(y - threshold, 0)``.

    The current at rest makes a first-order high-pass filter. What flows beyond the threshold, as into a transistor's
    base or a tube's grid, charges the capacitor to one side: notes after a loud one are shifted until it is empty.
    The threshold is the condition's; the currents belong to the parts.

    Args:
        corner_hz: Corner frequency at rest before training.
        sample_rate: In Hz.
        conditions: Size of the condition.
        conducts: Whether more current flows beyond a threshold.
    """

    def __init__(self, corner_hz: float, sample_rate: int, conditions: int = 0, conducts: bool = True) -> None:
        super().__init__()
        self.log_rest = nn.Parameter(torch.tensor(2 * np.pi * corner_hz / sample_rate).log().float())
        self.log_driven = nn.Parameter(self.log_rest.detach().clone()) if conducts else None
        self.log_threshold = ConditionedValues(torch.tensor([-3.0]), conditions) if conducts else None

    def forward(self, sound: Tensor, charge: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """A block ``(batch, samples)`` behind the capacitor, and the charge ``(batch, 1)`` in float64 after it."""
        rest = -torch.expm1(-self.log_rest.exp())
        if self.log_driven is None or self.log_threshold is None:
            driven, threshold = torch.zeros_like(rest), rest.new_zeros(len(sound), 1)
        else:
            # No charge may overshoot the sound.
            driven = (1 - rest) * -torch.expm1(-self.log_driven.exp())
            threshold = self.log_threshold(condition, len(sound)).exp()
        if runs_compiled(sound):
            return _Charging.apply(sound, charge, threshold, torch.stack([rest, driven]))
        return _recurrent(sound, charge, threshold, rest, driven)


def _recurrent(sound: Tensor, charge: Tensor, threshold: Tensor, rest: Tensor, driven: Tensor) -> tuple[Tensor, Tensor]:
    """The same as a recurrent net, which graphics cards and graphs know.

    Hidden are the positive and the negative part of ``y``, and what exceeds the threshold. ``y[n+1]`` is
    ``x[n+1] - x[n] + (1 - rest) y[n] - driven excess[n]``, and the excess is that less the threshold.
    """
    before = torch.cat([charge.to(sound.dtype), sound[:, :-1]], dim=1)
    inputs = torch.stack([sound - before, threshold.expand_as(sound)], dim=-1)
    one, zero, keep = torch.ones_like(rest), torch.zeros_like(rest), 1 - rest
    row = torch.stack([keep, -keep, -driven])
    recurrent = torch.stack([row, -row, row])
    into = torch.stack([one, zero, -one, zero, one, -one]).reshape(3, 2)
    # At the first sample nothing is hidden: y is sound less charge.
    hidden = sound.new_zeros(1, 3).expand(len(sound), 3).unsqueeze(0).contiguous()
    parts, _ = torch.rnn_relu(inputs, hidden, [into, recurrent], False, 1, 0.0, False, False, True)
    behind = parts[..., 0] - parts[..., 1]
    last = behind[:, -1:]
    held = sound[:, -1:] - last + rest * last + driven * parts[:, -1:, 2]
    return behind, held.to(charge.dtype)


class _Charging(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sound: Tensor, charge: Tensor, threshold: Tensor, currents: Tensor) -> tuple[Tensor, Tensor]:
        inputs = [tensor.detach().double().contiguous() for tensor in (charge, threshold, currents)]
        sound = sound.detach().contiguous()
        behind, after = torch.empty_like(sound), torch.empty_like(inputs[0])
        _charge(sound.numpy(), *(tensor.numpy() for tensor in inputs), behind.numpy(), after.numpy())  # type: ignore[call-arg]
        ctx.save_for_backward(behind, *inputs[1:])
        return behind, after.to(charge.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor, into_charge: Tensor) -> tuple[Tensor, ...]:
        behind, threshold, currents = ctx.saved_tensors
        for_sound = torch.empty_like(behind)
        for_charge, for_threshold = into_charge.double().clone().contiguous(), torch.zeros_like(threshold)
        for_currents = torch.zeros_like(currents)
        results = (for_sound, for_charge, for_threshold, for_currents)
        _charge_back(*(tensor.numpy() for tensor in (behind, threshold, currents, incoming.contiguous(), *results)))
        return for_sound, for_charge, for_threshold.float(), for_currents.float()


@compiled("void(float32[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float32[:, ::1], float64[:, ::1])")
def _charge(
    sound: NDArray[np.float32],
    charge: NDArray[np.float64],
    threshold: NDArray[np.float64],
    currents: NDArray[np.float64],
    behind: NDArray[np.float32],
    after: NDArray[np.float64],
) -> None:
    for item in range(sound.shape[0]):
        held = charge[item, 0]
        for sample in range(sound.shape[1]):
            y = sound[item, sample] - held
            behind[item, sample] = y
            held += currents[0] * y
            if y > threshold[item, 0]:
                held += currents[1] * (y - threshold[item, 0])
            # Denormal numbers are slow.
            if -1e-30 < held < 1e-30:
                held = 0.0
        after[item, 0] = held


@compiled(
    "void(float32[:, ::1], float64[:, ::1], float64[::1], float32[:, ::1], float32[:, ::1], float64[:, ::1],"
    " float64[:, ::1], float64[::1])"
)
def _charge_back(
    behind: NDArray[np.float32],
    threshold: NDArray[np.float64],
    currents: NDArray[np.float64],
    incoming: NDArray[np.float32],
    for_sound: NDArray[np.float32],
    for_charge: NDArray[np.float64],
    for_threshold: NDArray[np.float64],
    for_currents: NDArray[np.float64],
) -> None:
    for item in range(behind.shape[0]):
        carried = for_charge[item, 0]
        for sample in range(behind.shape[1] - 1, -1, -1):
            y = behind[item, sample]
            total = incoming[item, sample] + currents[0] * carried
            for_currents[0] += carried * y
            if y > threshold[item, 0]:
                total += currents[1] * carried
                for_currents[1] += carried * (y - threshold[item, 0])
                for_threshold[item, 0] -= currents[1] * carried
            for_sound[item, sample] = total
            carried -= total
        for_charge[item, 0] = carried
