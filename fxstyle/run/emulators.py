"""Emulation models: built from a config, and loaded as they were trained."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxstyle.errors import InputError
from fxstyle.export.emulation import TrainedEmulator
from fxstyle.export.nam_model import load_nam
from fxstyle.export.onnx_reader import OnnxPlayer, read_onnx
from fxstyle.export.player import Player, TorchPlayer
from fxstyle.export.proteus import load_proteus
from fxstyle.export.settings import choose_setting
from fxstyle.models.emulator import Emulator
from fxstyle.run.folder import load_checkpoint, read_run
from fxstyle.run.instantiate import build, checked_target

_PREFIX = "model."
_IMPORTED: dict[str, Callable[[Path], TrainedEmulator]] = {".nam": load_nam, ".json": load_proteus}


def build_emulator(
    model_section: dict[str, Any], sample_rate: int, conditions: int, lfo_hz: Sequence[float] | None
) -> Emulator:
    """A new model of a config's section ``model``.

    What the data decides goes to every part of the section whose constructor asks for it by name and that does not
    set it itself.

    Args:
        model_section: Plain and resolved; the keys ``tasks`` and ``training`` are left out.
        sample_rate: In Hz.
        conditions: Size of the condition.
        lfo_hz: Rates of the LFO by condition in Hz, where it is given.

    Raises:
        InputError: The section cannot be built, or builds something else.
    """
    given = {
        "sample_rate": sample_rate,
        "conditions": conditions,
        "lfo_hz": None if lfo_hz is None else [float(rate) for rate in lfo_hz],
    }
    section = {key: value for key, value in model_section.items() if key not in ("tasks", "training")}
    model = build(_informed(section, given, "model"), "model")
    if not isinstance(model, Emulator):
        raise InputError(f"model._target_={section.get('_target_')} is no emulation model: use model=wavenet or lstm")
    return model


def load_emulator(path: str | Path) -> TrainedEmulator:
    """Load a trained model.

    Args:
        path: A run's folder (its monitored best), a checkpoint, a ``.nam`` file or a Proteus ``.json``.

    Raises:
        InputError: It is missing, damaged, or no emulation model.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: give a run folder, a .ckpt, .onnx, .nam or Proteus .json file")
    if path.is_file() and path.suffix.lower() in _IMPORTED:
        return _IMPORTED[path.suffix.lower()](path)
    if path.is_file() and path.suffix.lower() == ".onnx":
        raise InputError(f"{path} is an export already: give the run that it was made from")
    _, _, checkpoint = read_run(path)
    return _from_checkpoint(load_checkpoint(checkpoint), checkpoint)


def open_player(path: str | Path, setting: str | None, knobs: Mapping[str, float]) -> OpenedPlayer:
    """Load a model or an ONNX export to play sound through one setting of it.

    Args:
        path: As for :func:`load_emulator`, or an ``.onnx`` file that ``fxstyle export`` wrote.
        setting: Name of a preset or knob setting.
        knobs: Positions in 0..1 by name.

    Raises:
        InputError: It cannot be loaded, or there is no such setting.
    """
    path = Path(path)
    if path.is_file() and path.suffix.lower() == ".onnx":
        graph = read_onnx(path)
        chosen = choose_setting(graph, setting, knobs)
        return OpenedPlayer(OnnxPlayer(graph, chosen.condition), graph.name, chosen.name)
    emulation = load_emulator(path)
    chosen = choose_setting(emulation, setting, knobs)
    player = TorchPlayer(emulation.model, emulation.sample_rate, chosen.condition, emulation.latency)
    return OpenedPlayer(player, emulation.name, chosen.name)


@dataclass(frozen=True)
class OpenedPlayer:
    """A player, what it plays and the setting."""

    player: Player
    name: str
    setting: str


def _from_checkpoint(checkpoint: Mapping[str, Any], path: Path) -> TrainedEmulator:
    facts, config, weights = (checkpoint.get(key) for key in ("emulation", "config", "state_dict"))
    if not isinstance(facts, Mapping) or not isinstance(config, Mapping) or not isinstance(weights, Mapping):
        raise InputError(
            f"{path} is no checkpoint of an emulation: give a run of experiment=emulation_pair or the like"
        )
    try:
        settings = tuple(str(name) for name in facts["settings"])
        conditions = tuple(tuple(float(value) for value in row) for row in facts["setting_conditions"])
        names = tuple(str(name) for name in facts["condition_names"])
        rates = None if facts["lfo_hz"] is None else tuple(float(rate) for rate in facts["lfo_hz"])
        rate, scores = int(facts["sample_rate"]), dict(checkpoint.get("scores", {}))
        if not settings or len(settings) != len(conditions) or any(len(row) != len(names) for row in conditions):
            raise ValueError("settings")
        model = build_emulator(dict(config["model"]), rate, len(names), rates)
        own = {name.removeprefix(_PREFIX): value for name, value in weights.items() if name.startswith(_PREFIX)}
        model.load_state_dict(own)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged, or of another version of fxstyle: train it again") from error
    if not all(value.isfinite().all() for value in model.state_dict().values()):
        raise InputError(f"{path} holds weights that are not finite: its training failed; take another run")
    return TrainedEmulator(
        model=model.eval(),
        name=str(facts["name"]),
        sample_rate=rate,
        settings=settings,
        setting_conditions=conditions,
        condition_names=names,
        lfo_hz=rates,
        latency=0,
        # A skill that is not defined is no number, which JSON cannot hold.
        scores={str(key): float(value) for key, value in scores.items() if math.isfinite(value)},
        licence=str(facts.get("licence", "")),
    )


def _informed(part: Any, given: dict[str, Any], where: str) -> Any:
    """The same section, with what is given in every part that asks for it."""
    if isinstance(part, list):
        return [_informed(each, given, where) for each in part]
    if not isinstance(part, dict):
        return part
    own = {key: _informed(value, given, f"{where}.{key}") for key, value in part.items()}
    if "_target_" not in own:
        return own
    asked = inspect.signature(checked_target(str(own["_target_"]), where)).parameters
    return {**own, **{name: value for name, value in given.items() if name in asked and name not in own}}
