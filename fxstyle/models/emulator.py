"""What every net that is an effect offers: whole sounds, and sounds that arrive in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fxstyle.data.pair import Pair

State = tuple[Tensor, ...]
"""What a model keeps between blocks: tensors ``(batch, ...)`` and nothing else, so that an export can hand them on."""


class Emulator(nn.Module, ABC):
    """A causal net from dry to wet sound of one channel.

    A streamed sound equals a whole one: ``forward`` is ``stream`` from the initial state. Other channels of a sound are
    other items of the batch. Constructors take what the data decides by these names, each only where it is used:
    ``conditions`` (size of the condition), ``sample_rate`` (Hz) and ``lfo_hz`` (rates by condition, where the LFO is
    given).

    Attributes:
        conditions: Size of the condition: knob positions in 0..1, or one number per preset of which one is 1; 0 for
            a model of one setting.
        receptive_field: Input samples that an output sample depends on, itself included. For models whose memory does
            not end, what they need to hear before their output is worth a loss.
    """

    conditions: int = 0
    receptive_field: int = 1

    @abstractmethod
    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """The state before the first sample, after endless silence.

        Args:
            batch: Items.
            seconds: Time since the effect was reset at the first sample ``(batch,)``, float64, in s; 0 without it.
                Only models with an LFO use it.
        """

    @abstractmethod
    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """The next block and the state after it.

        Args:
            audio: ``(batch, 1, samples)`` of any length from 1.
            state: From :meth:`initial_state` or the block before.
            condition: ``(batch, conditions)``; ``None`` only where ``conditions`` is 0.
        """

    def forward(self, audio: Tensor, condition: Tensor | None = None, seconds: Tensor | None = None) -> Tensor:
        """The whole sound ``(batch, 1, samples)``; arguments as in :meth:`stream` and :meth:`initial_state`."""
        return self.stream(audio, self.initial_state(len(audio), seconds), condition)[0]

    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Set what can be read from training pairs before training; most models learn all of it."""

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        for tensor in (*self.parameters(), *self.buffers()):
            return tensor.device
        return torch.device("cpu")


class ConditionedValues(nn.Module):
    """Values that a condition sets: ``base + condition @ slope``, so that each preset, or knob, has its own.

    Args:
        initial: ``(values,)`` at any condition before training.
        conditions: Size of the condition; 0 for values that are always the same.
    """

    def __init__(self, initial: Tensor, conditions: int) -> None:
        super().__init__()
        self.base = nn.Parameter(initial.detach().clone().float())
        self.slope = nn.Parameter(torch.zeros(conditions, len(initial)))

    def forward(self, condition: Tensor | None, batch: int) -> Tensor:
        """The values ``(batch, values)``."""
        if condition is None or not len(self.slope):
            return self.base.expand(batch, -1)
        return self.base + condition @ self.slope

    @torch.no_grad()
    def assign(self, values: Tensor) -> None:
        """Take values ``(values,)`` for all conditions, or ``(conditions, values)`` for one-hot conditions."""
        if values.ndim == 1:
            self.base.copy_(values)
            self.slope.zero_()
        else:
            self.base.zero_()
            self.slope.copy_(values)
