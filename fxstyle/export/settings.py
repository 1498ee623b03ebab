"""The setting of a trained model that a file is played through or that an export is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.export.emulation import TrainedEmulator
from fxstyle.models.emulator import Emulator, State


class HasSettings(Protocol):
    """What there is to choose from; see :class:`TrainedEmulator`."""

    @property
    def name(self) -> str:
        """The effect or device."""

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the presets or knob settings."""

    @property
    def setting_conditions(self) -> tuple[tuple[float, ...], ...]:
        """What the model is told of each."""

    @property
    def condition_names(self) -> tuple[str, ...]:
        """Names of the condition's values."""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: Of the preset or knob setting; empty where there is only one.
        condition: What the model is told of it, ``(conditions,)``.
    """

    name: str
    condition: tuple[float, ...]


def choose_setting(emulation: HasSettings, setting: str | None, knobs: Mapping[str, float]) -> Setting:
    """Choose a setting by its name, by the positions of the knobs, or by a name and the knobs that differ from it.

    Args:
        emulation: What there is.
        setting: Name of a preset or knob setting; may be left out where there is only one.
        knobs: Positions in 0..1 by name.

    Raises:
        InputError: There is no such setting or knob, or the choice is open.
    """
    choices = ", ".join(emulation.settings)
    chosen = Setting(emulation.settings[0], emulation.setting_conditions[0]) if len(emulation.settings) == 1 else None
    if setting is not None:
        if setting not in emulation.settings:
            known = f"choose from {choices}" if any(emulation.settings) else "it has only one: leave --setting out"
            raise InputError(f"{emulation.name!r} has no setting {setting!r}; {known}")
        chosen = Setting(setting, emulation.setting_conditions[emulation.settings.index(setting)])
    if knobs:
        return _turned(emulation, chosen if setting is not None else None, knobs)
    if chosen is None:
        also = (
            "" if _has_presets(emulation) else f", or every knob with --knob ({', '.join(emulation.condition_names)})"
        )
        raise InputError(f"{emulation.name!r} has several settings: choose one with --setting ({choices}){also}")
    return chosen


def _has_presets(emulation: HasSettings) -> bool:
    """Whether the condition names one of the settings, and no knobs."""
    return emulation.condition_names == emulation.settings


def _turned(emulation: HasSettings, base: Setting | None, knobs: Mapping[str, float]) -> Setting:
    names = emulation.condition_names
    if not names:
        raise InputError(f"{emulation.name!r} has no knobs: leave --knob out")
    if _has_presets(emulation):
        raise InputError(f"{emulation.name!r} has presets and no knobs: use --setting ({', '.join(names)})")
    for name, position in knobs.items():
        if name not in names:
            raise InputError(f"{emulation.name!r} has no knob {name!r}; choose from {', '.join(names)}")
        if not (math.isfinite(position) and 0 <= position <= 1):
            raise InputError(f"--knob {name}={position:g} is outside 0 to 1, where the model was trained")
    positions = {**dict(zip(names, base.condition, strict=True)), **knobs} if base else dict(knobs)
    if missing := [name for name in names if name not in positions]:
        raise InputError(
            f"{emulation.name!r} also needs --knob {missing[0]}=POSITION, or a --setting that the other knobs are as in"
        )
    return Setting(
        ",".join(f"{name}={positions[name]:g}" for name in names), tuple(float(positions[name]) for name in names)
    )


def freeze(emulation: TrainedEmulator, setting: Setting) -> TrainedEmulator:
    """The model at one setting, which needs no condition any more.

    Models that can put a condition into their weights (``fold``) become smaller by it.
    """
    if not emulation.model.conditions:
        return emulation
    condition = torch.tensor(setting.condition, device=emulation.model.device)
    model = _folded(emulation.model, condition)
    known = emulation.lfo_hz is not None and setting.name in emulation.settings
    rate = emulation.lfo_hz[emulation.settings.index(setting.name)] if emulation.lfo_hz and known else None
    return replace(
        emulation,
        model=model.eval(),
        settings=(setting.name,),
        setting_conditions=((),),
        condition_names=(),
        lfo_hz=None if rate is None else (rate,),
    )


def _folded(model: Emulator, condition: Tensor) -> Emulator:
    fold = getattr(model, "fold", None)
    if fold is not None:
        # Some models can only where the condition does not also choose, say, an LFO.
        with suppress(InputError):
            return fold(condition)
    return FixedCondition(model, condition)


class FixedCondition(Emulator):
    """A model at one condition.

    Args:
        model: The model.
        condition: ``(conditions,)``.
    """

    def __init__(self, model: Emulator, condition: Tensor) -> None:
        super().__init__()
        self.model = model
        self.condition: Tensor
        self.register_buffer("condition", condition)
        self.receptive_field = model.receptive_field

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """See :meth:`Emulator.initial_state`."""
        return self.model.initial_state(batch, seconds)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`; the condition given here is not heard."""
        return self.model.stream(audio, state, self.condition.expand(len(audio), -1))


def model_kind(model: Emulator) -> str:
    """The class of a model, fixed or not, for messages and metadata."""
    return type(model.model if isinstance(model, FixedCondition) else model).__name__
