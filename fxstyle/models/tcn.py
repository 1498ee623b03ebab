"""A temporal convolutional network: dilated causal convolutions with residuals, told of the setting by FiLM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from fxstyle.errors import InputError
from fxstyle.models.causal_conv import CausalConv1d, ConvolutionalEmulator, Convolve, field_of
from fxstyle.models.emulator import ConditionedValues

Activation = Literal["gated", "prelu", "tanh"]
Conditioning = Literal["film", "concat"]


class TCN(ConvolutionalEmulator):
    """Residual dilated convolutions (Bai et al., 2018) and their use for effects (Steinmetz & Reiss, 2022).

    Args:
        channels: Channels of each layer.
        kernel: Taps of each layer.
        dilations: Samples between the taps of each layer of a stack.
        stacks: How often the dilations are gone through.
        activation: ``gated`` (tanh times sigmoid), ``prelu`` or ``tanh``.
        conditioning: ``film`` scales and shifts every layer by the condition; ``concat`` gives the condition to the
            first layer beside the sound.
        film_width: Hidden size of the net from the condition to scales and shifts.
        direct: Whether the dry sound, times a learned gain of each setting, is added to the output.
        conditions: Size of the condition.

    Raises:
        InputError: An option that makes no net.
    """

    def __init__(
        self,
        channels: int = 16,
        kernel: int = 3,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
        stacks: int = 1,
        activation: Activation = "gated",
        conditioning: Conditioning = "film",
        film_width: int = 16,
        direct: bool = True,
        conditions: int = 0,
    ) -> None:
        super().__init__()
        if activation not in get_args(Activation):
            raise InputError(f"model.activation is {activation!r}; choose one of {', '.join(get_args(Activation))}.")
        if conditioning not in get_args(Conditioning):
            raise InputError(
                f"model.conditioning is {conditioning!r}; choose one of {', '.join(get_args(Conditioning))}."
            )
        if kernel < 2 or not dilations or stacks < 1:
            raise InputError("A TCN needs model.kernel of 2 or more, one of model.dilations and one of model.stacks.")
        self.conditions = conditions
        self.conditioning = conditioning
        self.activation = activation
        outputs = 2 * channels if activation == "gated" else channels
        steps = tuple(dilations) * stacks
        first = 1 + (conditions if conditioning == "concat" else 0)
        self.layers = nn.ModuleList(
            CausalConv1d(channels if at else first, outputs, kernel, dilation) for at, dilation in enumerate(steps)
        )
        self.residual = CausalConv1d(first, channels, bias=False)
        self.slopes = nn.ModuleList(nn.PReLU(channels) for _ in steps) if activation == "prelu" else None
        self.film: nn.Sequential | None = None
        if conditions and conditioning == "film":
            self.film = nn.Sequential(
                nn.Linear(conditions, film_width), nn.Tanh(), nn.Linear(film_width, 2 * outputs * len(steps))
            )
        self.head = CausalConv1d(channels, 1)
        self.direct = ConditionedValues(torch.zeros(1), conditions) if direct else None
        self.receptive_field = field_of([layer for layer in self.layers if isinstance(layer, CausalConv1d)])

    def network(self, audio: Tensor, condition: Tensor | None, convolve: Convolve) -> Tensor:
        """See :class:`ConvolutionalEmulator`."""
        hidden = audio
        if condition is not None and self.conditions and self.conditioning == "concat":
            constant = condition[:, :, None, None].expand(-1, -1, -1, audio.shape[-1])
            hidden = torch.cat((audio, constant), dim=1)
        films = None
        if self.film is not None:
            films = self.film(condition).view(len(audio), len(self.layers), 2, -1, 1, 1)
        for at, layer in enumerate(self.layers):
            assert isinstance(layer, CausalConv1d)
            inner = convolve(layer, hidden)
            if films is not None:
                inner = inner * (1.0 + films[:, at, 0]) + films[:, at, 1]
            hidden = (hidden if at else self.residual(hidden)) + self._activate(inner, at)
        output = self.head(hidden)
        if self.direct is None:
            return output
        return output + self.direct(condition, len(audio))[:, :, None, None] * audio

    def _activate(self, inner: Tensor, at: int) -> Tensor:
        if self.slopes is not None:
            return self.slopes[at](inner)
        if self.activation == "tanh":
            return torch.tanh(inner)
        value, gate = inner.chunk(2, dim=1)
        return torch.tanh(value) * torch.sigmoid(gate)
