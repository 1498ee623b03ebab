"""What a model is told of each setting: which preset it is, or where the knobs stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.errors import InputError

_KNOBS = re.compile(r"\d*\.?\d+(_\d*\.?\d+)*", re.ASCII)


@dataclass(frozen=True)
class Conditions:
    """The conditions of all settings of one effect or device.

    Attributes:
        settings: Names of the settings.
        values: ``(settings, conditions)`` float32; one setting needs no condition.
        names: Names of the conditions: presets or knobs.
        between: Whether there is something between two settings, as with knobs, so that one of them need not be
            trained on.
    """

    settings: tuple[str, ...]
    values: NDArray[np.float32]
    names: tuple[str, ...]
    between: bool = False


def preset_conditions(settings: Sequence[str]) -> Conditions:
    """One-hot conditions; none where there is one setting."""
    if len(settings) == 1:
        return Conditions(tuple(settings), np.zeros((1, 0), np.float32), ())
    return Conditions(tuple(settings), np.eye(len(settings), dtype=np.float32), tuple(settings))


def setting_conditions(settings: Sequence[str], knobs: Sequence[str] | None = None) -> Conditions:
    """Knob positions where every setting consists of numbers joined by ``_``, such as ``0.5_0.7``; else one-hot.

    Args:
        settings: Different names of settings.
        knobs: Names of the knobs; ``None`` for ``knob_1``, ``knob_2`` and so on.

    Raises:
        InputError: Names and knob positions, or positions of different numbers of knobs, are mixed; a position lies
            outside 0..1; the knobs' names do not fit; or a setting has no name.
    """
    if len(settings) == 1:
        return preset_conditions(settings)
    if "" in settings:
        raise InputError("One row has no setting while others have one: name it, or choose others by data.settings.")
    counts = {setting: len(setting.split("_")) if _KNOBS.fullmatch(setting) else 0 for setting in settings}
    if len(set(counts.values())) > 1:
        kinds = {f"{count} knobs" if count else "a name": setting for setting, count in counts.items()}
        listed = ", ".join(f"{setting!r} ({kind})" for kind, setting in kinds.items())
        raise InputError(f"The settings are of different kinds, {listed}: choose those of one kind by data.settings.")
    count = counts[settings[0]]
    if knobs is not None and len(knobs) != count:
        raise InputError(f"data.knobs names {len(knobs)} knobs, but setting {settings[0]!r} has {count}: correct it.")
    if not count:
        return preset_conditions(settings)
    positions = np.array([setting.split("_") for setting in settings], np.float32)
    if positions.max() > 1:
        outside = settings[int(np.argmax(positions.max(axis=1)))]
        raise InputError(f"Setting {outside!r} has a knob beyond 1: write knob positions from 0 to 1, or use names.")
    names = tuple(knobs) if knobs else tuple(f"knob_{number + 1}" for number in range(count))
    return Conditions(tuple(settings), positions, names, between=True)
