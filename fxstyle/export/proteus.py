"""Models of GuitarML's Proteus and of Automated-GuitarAmpModelling: recurrent nets in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.export.emulation import TrainedEmulator
from fxstyle.export.limits import read_json
from fxstyle.models.recurrent import Recurrent

RATE = 44_100
"""In Hz; the files do not say it, and their players assume it."""

_LARGEST_BYTES = 50_000_000
_LARGEST_HIDDEN, _MOST_LAYERS, _MOST_KNOBS = 512, 8, 16


def load_proteus(path: Path) -> TrainedEmulator:
    """Load a recurrent net with its linear layer; inputs beside the sound are knobs.

    Raises:
        InputError: The file is damaged, its weights do not fit, or it holds another kind of net.
    """
    content = read_json(path, _LARGEST_BYTES)
    described, weights = content.get("model_data"), content.get("state_dict")
    if not isinstance(described, dict) or not isinstance(weights, dict):
        raise InputError(f"{path} has no model_data and state_dict: give a .json of Proteus, or a .nam file")
    cells: dict[Any, Literal["lstm", "gru"]] = {"LSTM": "lstm", "GRU": "gru"}
    unit = described.get("unit_type")
    if not isinstance(unit, str) or unit not in cells:
        raise InputError(f"{path} has units of the type {str(unit)[:40]!r}: only LSTM and GRU can be imported")
    knobs = _whole(described, "input_size", 1, 1 + _MOST_KNOBS, path) - 1
    if described.get("output_size", 1) != 1:
        raise InputError(f"{path} has several outputs: only models of one channel can be imported")
    model = Recurrent(
        cell=cells[unit],
        hidden=_whole(described, "hidden_size", 1, _LARGEST_HIDDEN, path),
        layers=_whole({"num_layers": 1, **described}, "num_layers", 1, _MOST_LAYERS, path),
        skip=bool(_whole({"skip": 0, **described}, "skip", 0, 1, path)),
        learned_state=False,
        conditions=knobs,
    )
    _load(model, weights, path)
    return TrainedEmulator(
        model=model.eval(),
        name=path.stem,
        sample_rate=RATE,
        settings=("middle" if knobs else "",),
        setting_conditions=((0.5,) * knobs,),
        condition_names=tuple(f"knob{number + 1}" for number in range(knobs)),
        lfo_hz=None,
        latency=0,
        scores={},
        licence="",
    )


@torch.no_grad()
def _load(model: Recurrent, weights: Mapping[str, Any], path: Path) -> None:
    wanted: dict[str, Tensor] = {f"rec.{name}": value for name, value in model.core.named_parameters()}
    wanted.update({f"lin.{name}": value for name, value in model.head.named_parameters()})
    if "lin.bias" not in weights:
        wanted.pop("lin.bias").zero_()
    if unknown := [name for name in weights if name not in wanted]:
        raise InputError(f"{path} holds the weights {unknown[0][:40]!r}, which no net of its model_data has")
    for name, value in wanted.items():
        try:
            numbers = np.asarray(weights[name], np.float32)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{path} is damaged: its weights {name!r} are missing or no numbers") from error
        if numbers.shape != tuple(value.shape) or not np.isfinite(numbers).all():
            raise InputError(
                f"{path} is damaged: its weights {name!r} are of the size {numbers.shape}, not {tuple(value.shape)}, "
                "or not finite"
            )
        value.copy_(torch.from_numpy(numbers))


def _whole(values: Mapping[str, Any], name: str, lowest: int, largest: int, path: Path) -> int:
    value = values.get(name)
    if not isinstance(value, int) or not lowest <= value <= largest:
        raise InputError(
            f"{path} has {name}={str(value)[:40]}: only whole numbers of {lowest} to {largest} can be imported"
        )
    return int(value)
