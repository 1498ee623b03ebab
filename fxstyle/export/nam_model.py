"""A ``.nam`` file as a model."""

from __future__ import annotations

from pathlib import Path

import torch

from fxstyle.export.emulation import TrainedEmulator
from fxstyle.export.nam_file import NamFile, NamWaveNet, read_nam
from fxstyle.models.emulator import Emulator
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
    assert isinstance(file.architecture, NamWaveNet)
    arrays = file.architecture.arrays
    model = WaveNet(
        channels=[array.channels for array in arrays],
        dilations=[array.dilations for array in arrays],
        kernel=arrays[0].kernel,
        activation=arrays[0].activation,
        gated=arrays[0].gated,
        head_scale=float(file.weights[-1]),
    )
    weights = torch.from_numpy(file.weights)
    at = 0
    for name, parameter in model.named_parameters():
        if name.endswith("head_rechannel.bias") and not arrays[int(name.split(".")[1])].head_bias:
            parameter.zero_()
            continue
        parameter.copy_(weights[at : at + parameter.numel()].view_as(parameter))
        at += parameter.numel()
    return model
