"""Files of neural-amp-modeler (``.nam``): read and checked, without any of them being trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.errors import InputError
from fxstyle.export.limits import LARGEST_STATE, check_rate, read_json

ACTIVATIONS = ("Tanh", "ReLU", "LeakyReLU")
USUAL_RATE = 48_000
"""In Hz, of a file that does not say it."""

_LARGEST_BYTES = 50_000_000
_LARGEST_SIZE, _LARGEST_KERNEL, _LARGEST_DILATION, _MOST_LAYERS = 512, 64, 65_536, 64
_LEAK = 0.01
_FILM = (
    "conv_pre_film",
    "conv_post_film",
    "input_mixin_pre_film",
    "input_mixin_post_film",
    "activation_pre_film",
    "activation_post_film",
    "layer1x1_post_film",
    "head1x1_post_film",
)


@dataclass(frozen=True)
class NamArray:
    """Layers of one width of a WaveNet.

    Attributes:
        inputs: Channels in.
        channels: Channels of the layers.
        head: Channels to the head.
        kernel: Taps.
        dilations: Samples between the taps of each layer.
        activation: One of :data:`ACTIVATIONS`.
        gated: Whether a second half of each convolution is a sigmoid gate.
        head_bias: Whether a constant is added to what goes to the head.
    """

    inputs: int
    channels: int
    head: int
    kernel: int
    dilations: tuple[int, ...]
    activation: str
    gated: bool
    head_bias: bool

    @property
    def numbers(self) -> int:
        """How many weights."""
        middle = self.channels * (2 if self.gated else 1)
        layer = middle * (self.channels * self.kernel + 2) + self.channels * (self.channels + 1)
        return self.inputs * self.channels + len(self.dilations) * layer + self.head * (self.channels + self.head_bias)


@dataclass(frozen=True)
class NamWaveNet:
    """A WaveNet: its arrays one after the other."""

    arrays: tuple[NamArray, ...]

    @property
    def numbers(self) -> int:
        """How many weights; the factor of the output is one of them."""
        return sum(array.numbers for array in self.arrays) + 1

    @property
    def memory(self) -> int:
        """Samples before the present one that the output depends on."""
        return sum((array.kernel - 1) * sum(array.dilations) for array in self.arrays)


@dataclass(frozen=True)
class NamLSTM:
    """An LSTM of ``layers`` layers with ``hidden`` units, and a linear layer."""

    layers: int
    hidden: int

    @property
    def numbers(self) -> int:
        """How many weights; each layer's first state is among them."""
        first = 4 * self.hidden * (1 + self.hidden + 1) + 2 * self.hidden
        later = 4 * self.hidden * (2 * self.hidden + 1) + 2 * self.hidden
        return first + (self.layers - 1) * later + self.hidden + 1


@dataclass(frozen=True)
class NamFile:
    """A file whose weights fit its architecture.

    Attributes:
        architecture: What the weights belong to.
        weights: ``(numbers,)`` float32, finite.
        sample_rate: In Hz.
        metadata: What else it says.
    """

    architecture: NamWaveNet | NamLSTM
    weights: NDArray[np.float32]
    sample_rate: int
    metadata: Mapping[str, Any]


def read_nam(path: Path) -> NamFile:
    """Read a file of version 0.5 to 0.7.

    Raises:
        InputError: It is damaged, its weights do not fit, or it holds what this project's models cannot do.
    """
    content = read_json(path, _LARGEST_BYTES)
    kind = content.get("architecture")
    known: dict[Any, Callable[[Mapping[str, Any], Path], NamWaveNet | NamLSTM]] = {"WaveNet": _wavenet, "LSTM": _lstm}
    if not isinstance(kind, str) or kind not in known:
        raise InputError(f"{path} holds the architecture {str(kind)[:40]!r}: only WaveNet and LSTM can be imported")
    try:
        architecture = known[kind](content["config"], path)
        weights = np.asarray(content["weights"], np.float32)
        rate = content.get("sample_rate")
        rate = USUAL_RATE if rate is None else float(rate)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged: its config or weights are incomplete; get it again") from error
    if weights.shape != (architecture.numbers,):
        raise InputError(
            f"{path} is damaged: it holds {weights.size} weights, and its config needs {architecture.numbers}"
        )
    if not np.isfinite(weights).all():
        raise InputError(f"{path} is damaged: some of its weights are not finite")
    if rate != int(rate):
        raise InputError(f"{path} is for {rate:g} Hz, which is no whole number")
    check_rate(int(rate), path)
    metadata = content.get("metadata")
    return NamFile(architecture, weights, int(rate), metadata if isinstance(metadata, dict) else {})


def _lstm(config: Mapping[str, Any], path: Path) -> NamLSTM:
    layers = _size(config["num_layers"], "num_layers", _MOST_LAYERS, path)
    hidden = _size(config["hidden_size"], "hidden_size", _LARGEST_SIZE, path)
    if config["input_size"] != 1:
        raise InputError(f"{path} has input_size {config['input_size']!r}: only models of one channel can be imported")
    return NamLSTM(layers, hidden)


def _wavenet(config: Mapping[str, Any], path: Path) -> NamWaveNet:
    for key in ("head", "condition_dsp"):
        if config.get(key) is not None:
            raise InputError(f"{path} has a {key!r}, which this project's WaveNet does not have: it cannot be imported")
    sections = config["layers"]
    if not isinstance(sections, list) or not 1 <= len(sections) <= _MOST_LAYERS:
        raise InputError(f"{path} is damaged: its WaveNet has no layers")
    arrays = tuple(_array(section, path) for section in sections)
    for before, after in pairwise(arrays):
        if before.channels != after.inputs or before.head != after.channels:
            raise InputError(f"{path} is damaged: the sizes of its arrays do not follow from each other")
    if arrays[0].inputs != 1 or arrays[-1].head != 1:
        raise InputError(f"{path} has more than one channel in or out: only models of one channel can be imported")
    if len({(array.kernel, array.activation, array.gated) for array in arrays}) > 1:
        raise InputError(f"{path} has arrays of different kernels or activations: it cannot be imported")
    net = NamWaveNet(arrays)
    if net.memory * max(array.channels for array in arrays) > LARGEST_STATE:
        raise InputError(f"{path} remembers {net.memory} samples, which is more than any such model needs")
    return net


def _array(section: Mapping[str, Any], path: Path) -> NamArray:
    dilations = section["dilations"]
    if not isinstance(dilations, list) or not 1 <= len(dilations) <= _MOST_LAYERS:
        raise InputError(f"{path} is damaged: an array of its WaveNet has no dilations")
    head = section.get("head")
    if head is None:
        head = {"out_channels": section["head_size"], "kernel_size": 1, "bias": section["head_bias"]}
    channels = _size(section["channels"], "channels", _LARGEST_SIZE, path)
    plain = (
        head["kernel_size"] == 1
        and section["condition_size"] == 1
        and section.get("bottleneck", channels) == channels
        and all(section.get(key, 1) == 1 for key in ("groups", "groups_1x1", "groups_input", "groups_input_mixin"))
        and _flag(section.get("layer1x1"), "active", True)
        and (section.get("layer1x1") or {}).get("groups", 1) == 1
        and not _flag(section.get("head1x1"), "active", False)
        and not any(_flag(section.get(key) or None, "active", False) for key in _FILM)
        and not section.get("slimmable")
    )
    if not plain:
        raise InputError(f"{path} uses parts of newer WaveNets (FiLM, groups, bottlenecks and the like): not imported")
    return NamArray(
        inputs=_size(section["input_size"], "input_size", _LARGEST_SIZE, path),
        channels=channels,
        head=_size(head["out_channels"], "head size", _LARGEST_SIZE, path),
        kernel=_size(
            _same(section.get("kernel_sizes", section.get("kernel_size")), path), "kernel", _LARGEST_KERNEL, path
        ),
        dilations=tuple(_size(step, "dilation", _LARGEST_DILATION, path) for step in dilations),
        activation=_activation(_same(section["activation"], path), path),
        gated=_gated(section, path),
        head_bias=bool(head["bias"]),
    )


def _flag(part: Mapping[str, Any] | None, key: str, otherwise: bool) -> bool:
    return otherwise if part is None else bool(part.get(key, True))


def _same(value: Any, path: Path) -> Any:
    """What all layers of an array have; newer files list it for each."""
    if not isinstance(value, list):
        return value
    if not value or any(each != value[0] for each in value):
        raise InputError(f"{path} has layers of different kernels or activations in an array: it cannot be imported")
    return value[0]


def _activation(value: Any, path: Path) -> str:
    options = dict(value) if isinstance(value, dict) else {"type": value}
    name = options.pop("type", None)
    if name == "LeakyReLU" and options.get("negative_slope", _LEAK) == _LEAK:
        options.pop("negative_slope", None)
    if name not in ACTIVATIONS or options:
        raise InputError(
            f"{path} has the activation {str(value)[:40]!r}: only {', '.join(ACTIVATIONS)} can be imported"
        )
    return str(name)


def _gated(section: Mapping[str, Any], path: Path) -> bool:
    mode = section.get("gating_mode")
    if mode is None:
        return bool(section.get("gated", False))
    mode = _same(mode, path)
    if mode == "none":
        return False
    second = section.get("secondary_activation", "Sigmoid")
    second = _same(second, path)
    if mode != "gated" or (second.get("type") if isinstance(second, dict) else second) != "Sigmoid":
        raise InputError(f"{path} has gates of the kind {str(mode)[:40]!r}: only sigmoid gates can be imported")
    return True


def _size(value: Any, what: str, largest: int, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise InputError(f"{path} is damaged: its {what} is {str(value)[:40]!r}, not a whole number of 1 to {largest}")
    return value
