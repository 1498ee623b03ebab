"""The low-frequency oscillator of modulation effects: its rate given or fitted, its phase counted since the reset."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fxstyle.errors import InputError
from fxstyle.models.emulator import ConditionedValues

Waveform = Literal["sine", "triangle"]


class LowFrequencyOscillator(nn.Module):
    """A periodic wave between about -1 and 1 whose phase is a function of the time since the reset.

    Where rates are given they are those of each entry of a one-hot condition, and a fitted correction within
    ``tolerance`` remains: digital effects that add up their phase in single precision miss their own rate by up to 1 %.

    Args:
        sample_rate: In Hz.
        conditions: Size of the condition.
        lfo_hz: Rate by condition in Hz, or one rate; ``None`` fits it.
        waveform: Shape before fitting.
        harmonics: Fitted harmonics above the fundamental.
        rate_hz: Rate before fitting, where none is given, in Hz.
        tolerance: Share by which a given rate may be wrong.

    Raises:
        InputError: The rates given do not fit the condition.
    """

    given: Tensor

    def __init__(
        self,
        sample_rate: int,
        conditions: int = 0,
        lfo_hz: Sequence[float] | None = None,
        waveform: Waveform = "sine",
        harmonics: int = 0,
        rate_hz: float = 1.0,
        tolerance: float = 0.02,
    ) -> None:
        super().__init__()
        if lfo_hz is not None and len(lfo_hz) != max(conditions, 1):
            raise InputError(
                f"model.lfo_hz: {len(lfo_hz)} rates for {max(conditions, 1)} settings; give one rate per setting"
            )
        if waveform not in ("sine", "triangle"):
            raise InputError(f"model.waveform: {waveform!r} is no waveform; choose sine or triangle")
        self.sample_rate = sample_rate
        self.waveform = waveform
        self.tolerance = tolerance
        self.is_given = lfo_hz is not None
        self.register_buffer("given", torch.tensor(lfo_hz if lfo_hz is not None else (), dtype=torch.float64))
        self.rate = ConditionedValues(torch.tensor([0.0 if self.is_given else log(rate_hz)]), conditions)
        self.phase = ConditionedValues(torch.zeros(1), conditions)
        self.harmonics = ConditionedValues(torch.zeros(2 * harmonics), conditions)

    def hertz(self, condition: Tensor | None, batch: int) -> Tensor:
        """The rate ``(batch,)`` in Hz, float64."""
        fitted = self.rate(condition, batch)[:, 0].double()
        if not self.is_given:
            return fitted.exp()
        given = self.given.expand(batch) if condition is None else condition.double() @ self.given
        return given * (1.0 + self.tolerance * fitted.tanh())

    def given_for(self, condition: NDArray[np.float32]) -> list[float] | None:
        """The rate given for one condition ``(conditions,)`` in Hz, if there is one."""
        if not self.is_given:
            return None
        rates = self.given.cpu().numpy()
        return [float(condition @ rates if len(condition) else rates[0])]

    def angles(self, seconds: Tensor, samples: int, condition: Tensor | None) -> Tensor:
        """Phase angles ``(batch, samples)`` in 0 to 2 pi.

        They are computed in float64 and wrapped before they become float32: after an hour they are as exact as at once.

        Args:
            seconds: Time since the reset at the first sample ``(batch,)``, float64, in s.
            samples: Length.
            condition: ``(batch, conditions)`` or ``None``.
        """
        steps = torch.arange(samples, dtype=torch.float64, device=seconds.device) / self.sample_rate
        batch = len(seconds)
        turns = self.hertz(condition, batch)[:, None] * (seconds[:, None] + steps)
        turns = turns + self.phase(condition, batch).double()
        return (2.0 * pi * (turns - turns.detach().floor())).float()

    def wave(self, angles: Tensor, condition: Tensor | None) -> Tensor:
        """The wave at phase angles ``(batch, samples)``."""
        result = angles.sin()
        if self.waveform == "triangle":
            # Short of the corner, where the arc sine has no slope.
            result = (result * (1.0 - 1e-6)).asin() * (2.0 / pi)
        coefficients = self.harmonics(condition, len(angles))
        for place in range(coefficients.shape[1] // 2):
            order = (place + 2) * angles
            result = result + coefficients[:, 2 * place, None] * order.sin()
            result = result + coefficients[:, 2 * place + 1, None] * order.cos()
        return result

    def forward(self, seconds: Tensor, samples: int, condition: Tensor | None = None) -> Tensor:
        """The wave ``(batch, samples)``; arguments as in :meth:`angles`."""
        return self.wave(self.angles(seconds, samples, condition), condition)
