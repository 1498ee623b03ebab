"""A phaser: a dry path beside all-passes whose break frequency an LFO sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError
from fxstyle.models.all_pass_loops import all_passes
from fxstyle.models.emulator import ConditionedValues, Emulator, State
from fxstyle.models.lfo import LowFrequencyOscillator, Waveform
from fxstyle.models.path_filter import PathFilter

LARGEST_FEEDBACK = 0.9
_LOWEST_HZ = 5.0


class Phaser(Emulator):
    """``y = dry path (x) + wet path (all-passes (x))``, the break frequency ``centre 2^(octaves lfo(t))``.

    Args:
        sample_rate: In Hz.
        conditions: Size of the condition.
        lfo_hz: Rate of the LFO by condition in Hz; ``None`` fits it.
        stages: First-order all-passes, 2 to 12.
        feedback: Whether the last stage returns to the first.
        waveform: Shape of the LFO before fitting.
        harmonics: Fitted harmonics of the LFO above the fundamental.
        corners_hz: Corner frequencies of the shelves of the dry and the wet path in Hz.
        centre_hz: Middle of the sweep before fitting, in Hz.
        octaves: Reach of the sweep to either side before fitting.
        rate_hz: Rate of the LFO before fitting, where none is given, in Hz.

    Raises:
        InputError: An option is out of range.
    """

    def __init__(
        self,
        sample_rate: int,
        conditions: int = 0,
        lfo_hz: Sequence[float] | None = None,
        stages: int = 4,
        feedback: bool = True,
        waveform: Waveform = "triangle",
        harmonics: int = 0,
        corners_hz: Sequence[float] = (),
        centre_hz: float = 600.0,
        octaves: float = 1.0,
        rate_hz: float = 1.0,
    ) -> None:
        super().__init__()
        if not 2 <= stages <= 12:
            raise InputError(f"model.stages must lie between 2 and 12, not {stages}")
        if not 20.0 <= centre_hz < 0.4 * sample_rate or octaves <= 0.0:
            raise InputError("model: centre_hz must lie between 20 Hz and 0.4 of the sample rate, octaves above 0")
        self._options: dict[str, Any] = {
            "stages": stages,
            "feedback": feedback,
            "waveform": waveform,
            "harmonics": harmonics,
            "corners_hz": corners_hz,
            "centre_hz": centre_hz,
            "octaves": octaves,
            "rate_hz": rate_hz,
        }
        self.sample_rate = sample_rate
        self.conditions = conditions
        self.stages = stages
        self.lfo = LowFrequencyOscillator(sample_rate, conditions, lfo_hz, waveform, harmonics, rate_hz)
        self.sweep = ConditionedValues(torch.tensor([log(centre_hz), octaves]), conditions)
        self.feedback = ConditionedValues(torch.zeros(1), conditions) if feedback else None
        self.dry = PathFilter(0.5, corners_hz, conditions, sample_rate)
        self.wet = PathFilter(0.5, corners_hz, conditions, sample_rate)
        # The slowest all-pass in use forgets within this time.
        self.receptive_field = sample_rate // 10 + self.wet.memory

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """Seconds since the reset, the stages' memories, the last output and the pasts of both paths' filters."""
        device = self.device
        if seconds is None:
            seconds = torch.zeros(batch, dtype=torch.float64)
        return (
            seconds.to(device=device, dtype=torch.float64),
            torch.zeros(batch, self.stages, device=device),
            torch.zeros(batch, device=device),
            torch.zeros(batch, self.dry.memory, device=device),
            torch.zeros(batch, self.wet.memory, device=device),
        )

    def coefficients(self, seconds: Tensor, samples: int, condition: Tensor | None) -> Tensor:
        """The all-passes' coefficient ``(batch, samples)``; arguments as in the LFO's ``forward``.

        Source: bilinear transform of ``(w - s) / (w + s)``, Zölzer 2011, DAFX, ch. 2.
        """
        values = self.sweep(condition, len(seconds))
        frequency = (values[:, :1] + log(2.0) * values[:, 1:] * self.lfo(seconds, samples, condition)).exp()
        bent = (pi / self.sample_rate * frequency.clamp(_LOWEST_HZ, 0.45 * self.sample_rate)).tan()
        return (bent - 1.0) / (bent + 1.0)

    def returned(self, condition: Tensor | None, batch: int) -> Tensor:
        """Share of the output that returns ``(batch,)``, below 1."""
        if self.feedback is None:
            return torch.zeros(batch, device=self.device)
        return LARGEST_FEEDBACK * self.feedback(condition, batch)[:, 0].tanh()

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        seconds, stored, last, dry_past, wet_past = state
        batch, _, samples = audio.shape
        dry = audio[:, 0]
        coefficients = self.coefficients(seconds, samples, condition)
        shifted, stored = all_passes(dry, coefficients, self.returned(condition, batch), stored, last)
        direct, dry_past = self.dry(dry, dry_past, condition)
        swept, wet_past = self.wet(shifted, wet_past, condition)
        following = (seconds + samples / self.sample_rate, stored, shifted[:, -1], dry_past, wet_past)
        return (direct + swept)[:, None], following

    def of_one_setting(self, condition: NDArray[np.float32]) -> Phaser:
        """An unfitted model of the same kind for one condition ``(conditions,)`` alone."""
        return Phaser(self.sample_rate, 0, self.lfo.given_for(condition), **self._options)

    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Search sweep, phase, rate and feedback of each setting of the training pairs."""
        from fxstyle.models.phaser_identification import identify_phaser

        identify_phaser(self, pairs, sample_rate)
