"""A gate: a gain that opens and closes with the level of its input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fxstyle.data.pair import Pair
from fxstyle.models.emulator import ConditionedValues, Emulator, State
from fxstyle.models.gate_identification import identify_gate
from fxstyle.models.gate_loop import GATE_VALUES, gate_constants, gated
from fxstyle.models.identification import by_setting, excerpts_of, set_by_condition

WHOLE_SECONDS = 300.0
"""Most of the training sound of a setting that thresholds are told from."""


class GateGain(Emulator):
    """A gate with hysteresis and hold, an even opening and a closing that is even in dB.

    The level is the peak, which falls with a time constant. The gate opens when the level reaches one threshold, and
    closes when it has been below another for the hold time. Opening raises the gain in a straight line, closing lowers
    it evenly in dB.

    When it opens and closes has no gradient: the thresholds, the fall and the hold are found by :meth:`identify` from
    the training pairs and stay; training moves the times of opening and closing, the closed gain and the open one.

    Source: the structure is that of Zölzer 2011, "DAFX: Digital Audio Effects", section 4.2 on noise gates.

    Args:
        sample_rate: In Hz.
        conditions: Size of the condition.
        memory_seconds: What the model needs to hear before a loss, in s.
        search_seconds: Training sound of each setting that the search hears, in s.
        evaluations: Candidates of the search for each setting; 0 leaves the first values.
    """

    def __init__(
        self,
        sample_rate: int,
        conditions: int = 0,
        memory_seconds: float = 1.0,
        search_seconds: float = 15.0,
        evaluations: int = 800,
    ) -> None:
        super().__init__()
        self.sample_rate, self.conditions = sample_rate, conditions
        self.receptive_field = round(memory_seconds * sample_rate)
        self.search_seconds, self.evaluations = search_seconds, evaluations
        self.values = ConditionedValues(torch.tensor(list(GATE_VALUES.values())), conditions)

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """Closed: the gain, which is never below that of the condition, and level, hold that is left, and openness."""
        shapes = ((batch,), (batch, 3))
        return tuple(torch.zeros(shape, dtype=torch.float64, device=self.device) for shape in shapes)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """The next block and the state after it; see :meth:`Emulator.stream`."""
        values = self.values(condition, len(audio))
        constants = gate_constants(values, self.sample_rate)
        gain, state = gated(audio[:, 0].abs().double(), (state[0], state[1]), constants)
        return audio * (values[:, -1:].exp() * gain.to(audio))[:, None], state

    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Find the values of each setting; see :mod:`fxstyle.models.gate_identification`."""
        if not self.evaluations:
            return
        conditions, found = [], []
        for condition, group in by_setting(pairs):
            excerpts = excerpts_of(group, sample_rate, self.search_seconds)
            if excerpts:
                conditions.append(condition)
                whole = excerpts_of(group, sample_rate, WHOLE_SECONDS)
                found.append(identify_gate(excerpts, whole, sample_rate, self.evaluations).to(self.values.base))
        if found:
            set_by_condition(self.values, np.stack(conditions), torch.stack(found))
