"""Chorus, flanger and vibrato: a dry path beside delays that an LFO swings."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError
from fxstyle.models.delay_loops import read_delay
from fxstyle.models.emulator import ConditionedValues, Emulator, State
from fxstyle.models.lfo import LowFrequencyOscillator, Waveform
from fxstyle.models.path_filter import PathFilter

LARGEST_FEEDBACK = 0.95


class ModulatedDelay(Emulator):
    """``y = dry path (x) + wet path (sum of taps v(t - d(t)))`` with ``d(t) = centre (1 + swing lfo(t))``.

    The delay line holds ``v = x + feedback (first tap, one sample before)``. With one tap, straight interpolation and a
    sine it is juce::dsp::Chorus: delays of ``centre + 10 ms depth sin``, gains of ``1 - mix`` and ``mix``, and the
    feedback subtracted.

    Args:
        sample_rate: In Hz.
        conditions: Size of the condition.
        lfo_hz: Rate of the LFO by condition in Hz; ``None`` fits it.
        taps: Delays that read the line, an equal part of the LFO's period apart before training.
        feedback: Whether the first tap returns to the line.
        interpolation: Between the line's samples.
        waveform: Shape of the LFO before fitting.
        harmonics: Fitted harmonics of the LFO above the fundamental.
        corners_hz: Corner frequencies of the shelves of the dry and the wet path in Hz.
        centre_ms: Delay around which it swings, before fitting, in ms.
        swing: Largest deviation as a share of the centre, before fitting.
        rate_hz: Rate of the LFO before fitting, where none is given, in Hz.
        shortest_ms: No delay is shorter, in ms.
        longest_ms: No delay is longer, in ms.

    Raises:
        InputError: An option is out of range.
    """

    def __init__(
        self,
        sample_rate: int,
        conditions: int = 0,
        lfo_hz: Sequence[float] | None = None,
        taps: int = 1,
        feedback: bool = True,
        interpolation: Literal["linear", "cubic"] = "linear",
        waveform: Waveform = "sine",
        harmonics: int = 0,
        corners_hz: Sequence[float] = (),
        centre_ms: float = 10.0,
        swing: float = 0.2,
        rate_hz: float = 1.0,
        shortest_ms: float = 1.0,
        longest_ms: float = 50.0,
    ) -> None:
        super().__init__()
        if interpolation not in ("linear", "cubic"):
            raise InputError(f"model.interpolation: {interpolation!r} is none; choose linear or cubic")
        if not 0.0 < shortest_ms < centre_ms < longest_ms or not 0.0 < swing < 1.0 or taps < 1:
            raise InputError("model: shortest_ms < centre_ms < longest_ms, 0 < swing < 1 and taps >= 1 must hold")
        self._options: dict[str, Any] = {
            "taps": taps,
            "feedback": feedback,
            "interpolation": interpolation,
            "waveform": waveform,
            "harmonics": harmonics,
            "corners_hz": corners_hz,
            "centre_ms": centre_ms,
            "swing": swing,
            "rate_hz": rate_hz,
            "shortest_ms": shortest_ms,
            "longest_ms": longest_ms,
        }
        self.sample_rate = sample_rate
        self.conditions = conditions
        self.taps = taps
        self.cubic = interpolation == "cubic"
        self.shortest = max(4.0, shortest_ms * sample_rate / 1000.0)
        self.longest = longest_ms * sample_rate / 1000.0
        self.lfo = LowFrequencyOscillator(sample_rate, conditions, lfo_hz, waveform, harmonics, rate_hz)
        self.delay = ConditionedValues(torch.tensor([log(centre_ms), log(swing / (1.0 - swing))]), conditions)
        self.offsets = ConditionedValues(torch.arange(taps) / taps, conditions)
        self.levels = ConditionedValues(torch.full((taps,), 1.0 / taps), conditions)
        self.feedback = ConditionedValues(torch.zeros(1), conditions) if feedback else None
        self.dry = PathFilter(0.5, corners_hz, conditions, sample_rate)
        self.wet = PathFilter(0.5, corners_hz, conditions, sample_rate)
        self.past = ceil(self.longest) + 3
        self.receptive_field = self.past + self.wet.memory + 1

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """Seconds since the reset, the delay line, the first tap's last sample and the pasts of both paths' filters."""
        device = self.device
        if seconds is None:
            seconds = torch.zeros(batch, dtype=torch.float64)
        return (
            seconds.to(device=device, dtype=torch.float64),
            torch.zeros(batch, self.past, device=device),
            torch.zeros(batch, device=device),
            torch.zeros(batch, self.dry.memory, device=device),
            torch.zeros(batch, self.wet.memory, device=device),
        )

    def delays(self, seconds: Tensor, samples: int, condition: Tensor | None) -> Tensor:
        """Delay of each tap ``(batch, taps, samples)`` in samples; arguments as in the LFO's ``forward``."""
        batch = len(seconds)
        angles = self.lfo.angles(seconds, samples, condition)
        offsets = self.offsets(condition, batch) * (2.0 * torch.pi)
        # The first tap's phase is the LFO's.
        waves = [
            self.lfo.wave(angles if tap == 0 else angles + offsets[:, tap, None], condition) for tap in range(self.taps)
        ]
        values = self.delay(condition, batch)
        centre = values[:, 0, None, None].exp() * (self.sample_rate / 1000.0)
        delays = centre * (1.0 + values[:, 1, None, None].sigmoid() * torch.stack(waves, dim=1))
        return delays.clamp(self.shortest, self.longest)

    def returned(self, condition: Tensor | None, batch: int) -> Tensor | None:
        """Share of the first tap that returns ``(batch,)``, below 1."""
        if self.feedback is None:
            return None
        return LARGEST_FEEDBACK * self.feedback(condition, batch)[:, 0].tanh()

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        seconds, past, last, dry_past, wet_past = state
        batch, _, samples = audio.shape
        dry = audio[:, 0]
        delays = self.delays(seconds, samples, condition)
        feedback = self.returned(condition, batch)
        heard, line = read_delay(torch.cat([past, dry], dim=1), last, feedback, delays, self.cubic, int(self.shortest))
        levels = self.levels(condition, batch)
        voices = heard[:, 0] if self.taps == 1 else (levels[:, :, None] * heard).sum(dim=1)
        direct, dry_past = self.dry(dry, dry_past, condition)
        delayed, wet_past = self.wet(voices, wet_past, condition)
        following = (seconds + samples / self.sample_rate, line[:, -self.past :], heard[:, 0, -1], dry_past, wet_past)
        return (direct + delayed)[:, None], following

    def of_one_setting(self, condition: NDArray[np.float32]) -> ModulatedDelay:
        """An unfitted model of the same kind for one condition ``(conditions,)`` alone."""
        return ModulatedDelay(self.sample_rate, 0, self.lfo.given_for(condition), **self._options)

    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Search delay, swing, phase, rate and feedback of each setting of the training pairs."""
        from fxstyle.models.delay_identification import identify_delay

        identify_delay(self, pairs, sample_rate)
