"""A ``.nam`` file as a model."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.export.emulation import TrainedEmulator
from fxstyle.export.nam_file import NamFile, NamLSTM, NamWaveNet, read_nam
from fxstyle.models.emulator import Emulator
from fxstyle.models.recurrent import Recurrent
from fxstyle.models.wavenet import WaveNet


def load_nam(path: Path) -> TrainedEmulator:
    """Load a WaveNet or LSTM that neural-amp-modeler, or an export from here, has written.

    Raises:
        InputError: It is damaged, its weights do not fit, or it holds what this project's models cannot do.
    """
    file = read_nam(path)
    said = file.metadata.get("fxstyle")
    own = said if isinstance(said, dict) else {}
    scores = own.get("scores")
    name = file.metadata.get("name")
    return TrainedEmulator(
        model=_model(file, path).eval(),
        name=name if isinstance(name, str) and name else path.stem,
        sample_rate=file.sample_rate,
        settings=("",),
        setting_conditions=((),),
        condition_names=(),
        lfo_hz=None,
        latency=0,
        scores={str(key): float(value) for key, value in scores.items() if isinstance(value, (int, float))}
        if isinstance(scores, dict)
        else {},
        licence=str(own.get("licence", "")),
    )


@torch.no_grad()
def _model(file: NamFile, path: Path) -> Emulator:
    weights = torch.from_numpy(file.weights)
    if isinstance(file.architecture, NamLSTM):
        return _lstm(file.architecture, weights)
    return _wavenet(file.architecture, weights, path)


def _wavenet(net: NamWaveNet, weights: Tensor, path: Path) -> WaveNet:
    arrays = net.arrays
    model = WaveNet(
        channels=[array.channels for array in arrays],
        dilations=[array.dilations for array in arrays],
        kernel=arrays[0].kernel,
        activation=arrays[0].activation,
        gated=arrays[0].gated,
        head_scale=float(weights[-1]),
    )
    parameters = dict(model.named_parameters())
    for number, array in enumerate(arrays):
        # Our own nets have this bias where theirs usually do: in the last array.
        bias = f"arrays.{number}.head_rechannel.bias"
        if array.head_bias and bias not in parameters:
            raise InputError(f"{path} adds a constant between its arrays, which no usual WaveNet does: not imported")
        if not array.head_bias and bias in parameters:
            parameters.pop(bias).zero_()
    at = 0
    for parameter in parameters.values():
        parameter.copy_(weights[at : at + parameter.numel()].view_as(parameter))
        at += parameter.numel()
    return model


def _lstm(net: NamLSTM, weights: Tensor) -> Recurrent:
    model = Recurrent(cell="lstm", hidden=net.hidden, layers=net.layers, skip=False)
    units, at = net.hidden, 0

    def take(*shape: int) -> Tensor:
        nonlocal at
        at += math.prod(shape)
        return weights[at - math.prod(shape) : at].view(shape)

    for layer in range(net.layers):
        inputs = 1 if layer == 0 else units
        both = take(4 * units, inputs + units)
        model.core.get_parameter(f"weight_ih_l{layer}").copy_(both[:, :inputs])
        model.core.get_parameter(f"weight_hh_l{layer}").copy_(both[:, inputs:])
        model.core.get_parameter(f"bias_ih_l{layer}").copy_(take(4 * units))
        model.core.get_parameter(f"bias_hh_l{layer}").zero_()
        model.initial_hidden[layer] = take(units)
        model.initial_cell[layer] = take(units)
    model.head.weight.copy_(take(1, units))
    model.head.bias.copy_(take(1))
    return model
