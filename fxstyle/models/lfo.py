"""A low-frequency oscillator whose rate and start are known: its phase at every sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fxstyle.errors import InputError


def lfo_phase(since_reset: Tensor, rates: Tensor, samples: int, sample_rate: float) -> Tensor:
    """Phase of an LFO that started at 0 when its effect was reset.

    Computed in float64 and wrapped before it becomes float32: after ten minutes at 8 Hz, float32 would be 0.01 rad off.

    Args:
        since_reset: Samples from the reset to the first of these ``(batch,)``, float64.
        rates: In Hz ``(batch,)`` or ``(1,)``, float64.
        samples: How many.
        sample_rate: In Hz.

    Returns:
        ``(batch, samples)`` float32, in rad, from 0 to 2 pi.
    """
    places = since_reset[:, None] + torch.arange(samples, dtype=torch.float64, device=since_reset.device)
    cycles = places * (rates[:, None] / sample_rate)
    return (2.0 * math.pi * (cycles - cycles.floor())).float()


class GivenLFO(nn.Module):
    """An LFO for each setting, as the data gives it.

    Args:
        rates: In Hz, of each entry of the one-hot condition; one for a model of one setting.
        conditions: Size of the condition.
        sample_rate: In Hz.

    Raises:
        InputError: No rate, or not one per setting.
    """

    def __init__(self, rates: Sequence[float] | None, conditions: int, sample_rate: float) -> None:
        super().__init__()
        if not rates or len(rates) != max(conditions, 1):
            raise InputError(
                f"The model is given the LFO's rate of each of {max(conditions, 1)} settings, and the data knows "
                f"{len(rates or ())}: take a model that finds the LFO, or data with lfo_hz for each setting."
            )
        self.conditions = conditions
        self.sample_rate = float(sample_rate)
        self.rates: Tensor
        self.register_buffer("rates", torch.tensor([float(rate) for rate in rates], dtype=torch.float64))

    def counter(self, batch: int, seconds: Tensor | None) -> Tensor:
        """Samples since the reset ``(batch,)`` float64, from seconds since it."""
        if seconds is None:
            return torch.zeros(batch, dtype=torch.float64, device=self.rates.device)
        return seconds.to(self.rates.device, torch.float64) * self.sample_rate

    def forward(self, counter: Tensor, condition: Tensor | None, samples: int) -> Tensor:
        """Phase of the next samples ``(batch, samples)``; see :func:`lfo_phase`."""
        rates = self.rates if condition is None or not self.conditions else condition.double() @ self.rates
        return lfo_phase(counter, rates, samples, self.sample_rate)
