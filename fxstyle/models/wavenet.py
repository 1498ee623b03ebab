"""The WaveNet of neural-amp-modeler, whose weights its players load."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fxstyle.errors import InputError
from fxstyle.models.causal_conv import CausalConv1d, ConvolutionalEmulator, Convolve, field_of

_ACTIVATIONS: dict[str, type[nn.Module]] = {"Tanh": nn.Tanh, "ReLU": nn.ReLU, "LeakyReLU": nn.LeakyReLU}


class WaveNetLayer(nn.Module):
    """One dilated convolution: to the layer after it and to the head.

    Args:
        channels: Channels in and out.
        condition_size: Channels of the input mixer: the dry sound and each value of the condition.
        kernel: Taps.
        dilation: Samples between taps.
        activation: Name of the nonlinearity.
        gated: Whether a second half of the convolution opens and closes the first through a sigmoid.
    """

    def __init__(
        self, channels: int, condition_size: int, kernel: int, dilation: int, activation: str, gated: bool
    ) -> None:
        super().__init__()
        middle = 2 * channels if gated else channels
        self.conv = CausalConv1d(channels, middle, kernel, dilation)
        self.input_mixer = CausalConv1d(condition_size, middle, bias=False)
        self.activation = _ACTIVATIONS[activation]()
        self.one_by_one = CausalConv1d(channels, channels)
        self.gated = gated

    def forward(
        self, hidden: Tensor, dry: Tensor, condition: Tensor | None, convolve: Convolve
    ) -> tuple[Tensor, Tensor]:
        """What goes to the next layer and what goes to the head."""
        # The first column of the mixer as one multiplication: as a convolution it would take a fifth of all time.
        inner = torch.addcmul(convolve(self.conv, hidden), dry, self.input_mixer.weight[None, :, :1])
        if condition is not None:
            inner = inner + self.shift(condition)
        if self.gated:
            value, gate = inner.chunk(2, dim=1)
            output = self.activation(value) * torch.sigmoid(gate)
        else:
            output = self.activation(inner)
        return hidden + self.one_by_one(output), output

    def shift(self, condition: Tensor) -> Tensor:
        """What a condition ``(batch, conditions)`` adds before the activation: ``(batch, channels, 1, 1)``."""
        return (condition @ self.input_mixer.weight[:, 1:, 0].T)[:, :, None, None]


class WaveNetArray(nn.Module):
    """Layers of the same width; the head's input goes through them beside their own.

    Args:
        inputs: Channels in.
        condition_size: See :class:`WaveNetLayer`.
        channels: Channels of the layers.
        head_size: Channels to the head: those of the next array, or 1.
        kernel: Taps of each layer.
        dilations: Samples between the taps of each layer.
        activation: Name of the nonlinearity.
        gated: See :class:`WaveNetLayer`.
        head_bias: Whether a constant is added to what goes to the head.
    """

    def __init__(
        self,
        inputs: int,
        condition_size: int,
        channels: int,
        head_size: int,
        kernel: int,
        dilations: Sequence[int],
        activation: str,
        gated: bool,
        head_bias: bool,
    ) -> None:
        super().__init__()
        self.rechannel = CausalConv1d(inputs, channels, bias=False)
        self.layers = nn.ModuleList(
            WaveNetLayer(channels, condition_size, kernel, dilation, activation, gated) for dilation in dilations
        )
        self.head_rechannel = CausalConv1d(channels, head_size, bias=head_bias)

    def forward(
        self, hidden: Tensor, dry: Tensor, condition: Tensor | None, head: Tensor | None, convolve: Convolve
    ) -> tuple[Tensor, Tensor]:
        """What goes to the head and what goes to the next array."""
        hidden = self.rechannel(hidden)
        for layer in self.layers:
            hidden, output = layer(hidden, dry, condition, convolve)
            head = output if head is None else head + output
        return self.head_rechannel(head), hidden


class WaveNet(ConvolutionalEmulator):
    """Arrays of dilated causal convolutions, to the last weight as neural-amp-modeler has them.

    After van den Oord et al., "WaveNet", 2016, and Atkinson, https://www.neuralampmodeler.com.

    The condition comes in beside the dry sound, through each layer's input mixer. At a fixed condition that is a
    constant, so :meth:`fold` gives a net of that setting alone, which such a player can load. A player's file lists all
    parameters in the order of ``parameters()`` (per array: ``rechannel``; per layer ``conv``, ``input_mixer`` and
    ``one_by_one``; ``head_rechannel``; weight before bias), then ``head_scale``: see :meth:`weights`.

    Args:
        channels: Channels of each array.
        dilations: Dilations of each array's layers.
        kernel: Taps of each layer.
        activation: ``Tanh``, ``ReLU`` or ``LeakyReLU``.
        gated: Whether each layer has a sigmoid gate.
        head_scale: Factor of the output.
        conditions: Size of the condition.

    Raises:
        InputError: An option that makes no net.
    """

    def __init__(
        self,
        channels: Sequence[int],
        dilations: Sequence[Sequence[int]],
        kernel: int = 3,
        activation: str = "Tanh",
        gated: bool = False,
        head_scale: float = 0.02,
        conditions: int = 0,
    ) -> None:
        super().__init__()
        if not channels or len(channels) != len(dilations):
            raise InputError(
                f"model.channels has {len(channels)} arrays and model.dilations {len(dilations)}: give both as many."
            )
        if activation not in _ACTIVATIONS:
            raise InputError(f"model.activation is {activation!r}; choose one of {', '.join(_ACTIVATIONS)}.")
        self.channels = tuple(int(size) for size in channels)
        self.dilations = tuple(tuple(int(step) for step in steps) for steps in dilations)
        self.kernel = kernel
        self.activation = activation
        self.gated = gated
        self.conditions = conditions
        inputs = (1, *self.channels[:-1])
        outputs = (*self.channels[1:], 1)
        self.arrays = nn.ModuleList(
            WaveNetArray(
                inputs=size_in,
                condition_size=1 + conditions,
                channels=size,
                head_size=size_out,
                kernel=kernel,
                dilations=steps,
                activation=activation,
                gated=gated,
                head_bias=place == len(self.channels) - 1,
            )
            for place, (size_in, size, size_out, steps) in enumerate(
                zip(inputs, self.channels, outputs, self.dilations, strict=True)
            )
        )
        self.head_scale: Tensor
        self.register_buffer("head_scale", torch.tensor(float(head_scale)))
        self.receptive_field = field_of([layer.conv for _, layer in self._layers()])

    def network(self, audio: Tensor, condition: Tensor | None, convolve: Convolve) -> Tensor:
        """See :class:`ConvolutionalEmulator`."""
        hidden = audio
        head: Tensor | None = None
        for array in self.arrays:
            head, hidden = array(hidden, audio, condition if self.conditions else None, head, convolve)
        assert head is not None
        return self.head_scale * head

    @torch.no_grad()
    def fold(self, condition: Tensor) -> WaveNet:
        """The net at one setting: what ``condition`` ``(conditions,)`` adds becomes the bias of each convolution."""
        folded = WaveNet(
            self.channels, self.dilations, self.kernel, self.activation, self.gated, float(self.head_scale)
        ).to(self.device)
        values = {
            name: value[:, :1] if name.endswith("input_mixer.weight") else value
            for name, value in self.state_dict().items()
        }
        for name, layer in self._layers():
            shift = layer.shift(condition[None].to(self.device))[0, :, 0, 0]
            values[f"{name}.conv.bias"] = values[f"{name}.conv.bias"] + shift
        folded.load_state_dict(values)
        return folded.train(self.training)

    @torch.no_grad()
    def weights(self) -> Tensor:
        """All numbers in the order of a player's file, ``(numbers,)``."""
        return torch.cat([value.flatten() for value in (*self.parameters(), self.head_scale)])

    def _layers(self) -> list[tuple[str, WaveNetLayer]]:
        return [(name, layer) for name, layer in self.named_modules() if isinstance(layer, WaveNetLayer)]
