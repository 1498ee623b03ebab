"""Emulation models: built from a config, and loaded as they were trained."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from fxstyle.errors import InputError
from fxstyle.models.emulator import Emulator
from fxstyle.run.instantiate import build, checked_target


def build_emulator(
    model_section: dict[str, Any], sample_rate: int, conditions: int, lfo_hz: Sequence[float] | None
) -> Emulator:
    """A new model of a config's section ``model``.

    What the data decides goes to every part of the section whose constructor asks for it by name and that does not
    set it itself.

    Args:
        model_section: Plain and resolved; the key ``tasks`` is left out.
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
    section = {key: value for key, value in model_section.items() if key != "tasks"}
    model = build(_informed(section, given, "model"), "model")
    if not isinstance(model, Emulator):
        raise InputError(f"model._target_={section.get('_target_')} is no emulation model: use model=wavenet or lstm")
    return model


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
