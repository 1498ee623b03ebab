"""A trained WaveNet or LSTM as a file that the players of neural-amp-modeler load."""

from __future__ import annotations

import json
import math
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fxstyle import __version__
from fxstyle.audio.levels import from_db
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.errors import InputError
from fxstyle.export.emulation import TrainedEmulator
from fxstyle.export.nam_file import read_nam
from fxstyle.export.nam_numpy import NamPlayer
from fxstyle.export.player import TorchPlayer
from fxstyle.export.settings import model_kind
from fxstyle.export.verification import check_difference, largest_difference
from fxstyle.models.emulator import Emulator
from fxstyle.models.recurrent import Recurrent
from fxstyle.models.wavenet import WaveNet
from fxstyle.writing import replacing

VERSION = "0.5.4"
"""Of the format; players of 0.5 to 0.7 read it, since arrays are described in the words of both."""

_LOUDNESS_DB, _LOUDNESS_SECONDS, _GAINS = -15.0, 1.0, 11


def write_nam(emulation: TrainedEmulator, path: Path, source: str) -> float:
    """Write a model; it appears under its name only when NumPy plays it as torch plays the model.

    Args:
        emulation: A model of one setting; see :func:`fxstyle.export.settings.freeze`.
        path: The file.
        source: What it was made from, for its metadata.

    Returns:
        The largest difference from torch that was found.

    Raises:
        InputError: The format has no such model, or the file plays something else.
    """
    architecture, config, weights = _described(emulation)
    content = {
        "version": VERSION,
        "metadata": _metadata(emulation, source),
        "architecture": architecture,
        "config": config,
        "weights": [float(weight) for weight in weights],
        "sample_rate": emulation.sample_rate,
    }
    with replacing(path) as part:
        part.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
        difference = largest_difference(
            partial(NamPlayer, read_nam(part)), partial(TorchPlayer, emulation.model, emulation.sample_rate)
        )
        check_difference(difference, str(path))
    return difference


def _described(emulation: TrainedEmulator) -> tuple[str, dict[str, Any], NDArray[np.float32]]:
    """Architecture, config and weights."""
    model = emulation.model
    if isinstance(model, WaveNet) and not model.conditions:
        weights = model.weights().cpu().numpy().astype(np.float32)
        return "WaveNet", {"layers": _arrays(model), "head": None, "head_scale": float(model.head_scale)}, weights
    if isinstance(model, Recurrent) and _is_plain(model):
        config = {"input_size": 1, "hidden_size": model.core.hidden_size, "num_layers": model.core.num_layers}
        return "LSTM", config, _lstm_weights(model)
    refusal = f"{emulation.name!r} cannot be exported as .nam, because "
    if isinstance(model, Recurrent) and model.skip:
        raise InputError(
            f"{refusal}its net adds the dry sound to its output and that format has no such path: train with "
            "model.skip=false, or use --format onnx"
        )
    kind = model_kind(model)
    inputs = " of another kind" if kind in ("Recurrent", "WaveNet") else ""
    raise InputError(
        f"{refusal}its model is a {kind}{inputs} and that format only has WaveNet and plain LSTM: train model=wavenet "
        "or model=lstm, or use --format onnx"
    )


def _is_plain(model: Recurrent) -> bool:
    """Whether the dry sound is its only input and the linear layer its only output."""
    return model.cell == "lstm" and not (model.skip or model.conditions or model.taps or model.lfo)


@torch.no_grad()
def _lstm_weights(model: Recurrent) -> NDArray[np.float32]:
    """Per layer the weights of input and state side by side, bias and first state; then the linear layer."""
    parts: list[torch.Tensor] = []
    for layer in range(model.core.num_layers):
        weights = [model.core.get_parameter(f"weight_{of}_l{layer}") for of in ("ih", "hh")]
        biases = [model.core.get_parameter(f"bias_{of}_l{layer}") for of in ("ih", "hh")]
        parts += [torch.hstack(tuple(weights)), biases[0] + biases[1]]
        parts += [model.initial_hidden[layer], model.initial_cell[layer]]
    parts += [model.head.weight, model.head.bias]
    return torch.cat([part.flatten() for part in parts]).cpu().numpy().astype(np.float32)


def _arrays(model: WaveNet) -> list[dict[str, Any]]:
    inputs = (1, *model.channels[:-1])
    described = []
    for size, channels, dilations, array in zip(inputs, model.channels, model.dilations, model.arrays, strict=True):
        head = array.get_submodule("head_rechannel")
        outputs, bias = len(head.get_parameter("weight")), "bias" in dict(head.named_parameters())
        section = {
            "input_size": size,
            "condition_size": 1,
            "channels": channels,
            "kernel_size": model.kernel,
            "dilations": list(dilations),
            "activation": model.activation,
            "gated": model.gated,
            # Players up to 0.5 read the first two, later ones the third.
            "head_size": outputs,
            "head_bias": bias,
            "head": {"out_channels": outputs, "kernel_size": 1, "bias": bias},
        }
        if model.gated:
            # Only later players tell the activation of the gate.
            layers = len(dilations)
            gates = {"gating_mode": ["gated"] * layers, "secondary_activation": ["Sigmoid"] * layers}
            section.update(gates, activation=[model.activation] * layers)
        described.append(section)
    return described


def _metadata(emulation: TrainedEmulator, source: str) -> dict[str, Any]:
    now = datetime.now()
    loudness, gain = _loudness_and_gain(emulation.model, emulation.sample_rate)
    setting = emulation.settings[0]
    metadata: dict[str, Any] = {
        "date": {part: getattr(now, part) for part in ("year", "month", "day", "hour", "minute", "second")},
        "name": f"{emulation.name} {setting}".strip(),
        "fxstyle": {
            "version": __version__,
            "setting": setting,
            "latency": emulation.latency,
            "scores": dict(emulation.scores),
            "licence": emulation.licence,
            "source": source,
        },
    }
    if math.isfinite(loudness):
        metadata.update(loudness=loudness, gain=gain)
    if (error := emulation.scores.get("val/esr/macro")) is not None:
        metadata["training"] = {"validation_esr": error}
    return metadata


@torch.inference_mode()
def _loudness_and_gain(model: Emulator, sample_rate: int) -> tuple[float, float]:
    """Loudness in dB and gain in 0..1, as players use them.

    Loudness is the RMS of the output for a phrase of -15 dBFS RMS, which is the level of neural-amp-modeler's own. Gain
    says how much of the sum of output levels at input gains of 0 to 1 is there beyond that of a linear device.
    """
    source = SyntheticSource(sample_rate, 1, _LOUDNESS_SECONDS, 1, 1, 1)
    phrase = torch.from_numpy(source.read(source.recordings("train")[0], 0, source.samples))
    phrase = phrase * (from_db(_LOUDNESS_DB) / phrase.square().mean().sqrt().clamp(min=1e-6))
    gains = torch.linspace(0, 1, _GAINS)[:, None, None]
    levels = model((gains * phrase).to(model.device)).square().mean(dim=(1, 2)).sqrt().double().cpu().numpy()
    if not levels[-1] > 0:
        return -math.inf, 0.0
    most = levels[-1] * _GAINS
    gain = float(np.clip((levels.sum() - most / 2) / (most / 2), 0, 1))
    return 20 * math.log10(levels[-1]), gain
