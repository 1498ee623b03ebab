"""Causal convolutions that remember their last inputs, so that nets of them can be streamed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxstyle.models.emulator import Emulator, State


class CausalConv1d(nn.Conv1d):
    """A convolution over time whose parameters are those of ``torch.nn.Conv1d``.

    Sounds inside a net are ``(batch, channels, 1, samples)`` with the channels last in memory: a convolution of few
    channels then takes half the time on a CPU.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        kernel: Taps.
        dilation: Samples between taps.
        bias: Whether a constant is added.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, dilation: int = 1, bias: bool = True) -> None:
        super().__init__(inputs, outputs, kernel, dilation=dilation, bias=bias)

    @property
    def memory(self) -> int:
        """Samples before the present one that an output needs."""
        return (self.kernel_size[0] - 1) * self.dilation[0]

    def forward(self, audio: Tensor) -> Tensor:
        """Outputs where all taps have input.

        Args:
            audio: ``(batch, inputs, 1, memory + samples)``.

        Returns:
            ``(batch, outputs, 1, samples)``.
        """
        audio = audio.contiguous(memory_format=torch.channels_last)
        output = F.conv2d(audio, self.weight[:, :, None], self.bias, dilation=(1, self.dilation[0]))
        # From one channel, torch does not know which order is meant.
        return output.contiguous(memory_format=torch.channels_last)

    def of_constant(self, value: Tensor) -> Tensor:
        """The output ``(batch, outputs, 1, 1)`` for an input that has always been ``value`` ``(batch, inputs, 1, 1)``.

        Equal to :meth:`forward` on a long constant.
        """
        return F.conv2d(value.expand(-1, -1, -1, self.kernel_size[0]), self.weight[:, :, None], self.bias)


Convolve = Callable[[CausalConv1d, Tensor], Tensor]
"""How a net applies a convolution: to a block that follows another, or to a sound that never changes."""


class ConvolutionalEmulator(Emulator):
    """A net whose only memory is the past input of its convolutions.

    The state is that past, one ``(batch, channels, 1, memory)`` for each convolution in the order in which
    :meth:`network` applies them. After endless silence it holds what the biases make of silence. That depends on the
    condition, which is only known when the first block comes; so where there is one, the state ends in a number per
    item that is 1 before the first block and 0 after.
    """

    @abstractmethod
    def network(self, audio: Tensor, condition: Tensor | None, convolve: Convolve) -> Tensor:
        """The net itself, used on blocks and on silence.

        Args:
            audio: ``(batch, 1, 1, samples)``.
            condition: ``(batch, conditions)``.
            convolve: What applies each convolution that has a memory; each is applied once.

        Returns:
            ``(batch, 1, 1, samples)``.
        """

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """See :meth:`Emulator.initial_state`; such a net has no clock."""
        if not self.conditions:
            return tuple(self._after_silence(batch, None))
        blank = torch.zeros(1, self.conditions, device=self.device)
        past = [torch.zeros_like(part).expand(batch, -1, -1, -1) for part in self._after_silence(1, blank)]
        return (*past, torch.ones(batch, device=self.device))

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        past, first = list(state), None
        if self.conditions:
            *past, first = state
            untouched = first[:, None, None, None] > 0
            silence = self._after_silence(len(audio), condition)
            past = [torch.where(untouched, quiet, part) for quiet, part in zip(silence, past, strict=True)]
        after: list[Tensor] = []

        def convolve(convolution: CausalConv1d, block: Tensor) -> Tensor:
            joined = torch.cat((past[len(after)], block), dim=-1)
            after.append(joined[..., joined.shape[-1] - convolution.memory :])
            return convolution(joined)

        output = self.network(audio[:, :, None], condition, convolve)[:, :, 0]
        return output, tuple(after) if first is None else (*after, torch.zeros_like(first))

    def _after_silence(self, batch: int, condition: Tensor | None) -> list[Tensor]:
        """The past of each convolution when the input has always been 0."""
        past: list[Tensor] = []

        def convolve(convolution: CausalConv1d, value: Tensor) -> Tensor:
            past.append(value.expand(-1, -1, -1, convolution.memory))
            return convolution.of_constant(value)

        self.network(torch.zeros(batch, 1, 1, 1, device=self.device), condition, convolve)
        return past


def field_of(convolutions: Sequence[CausalConv1d]) -> int:
    """Input samples that an output sample depends on after convolutions in series."""
    return 1 + sum(convolution.memory for convolution in convolutions)
