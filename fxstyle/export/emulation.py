"""A trained model with all that is needed to use it on any sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fxstyle.models.emulator import Emulator


@dataclass(frozen=True)
class TrainedEmulator:
    """A trained model and what it was trained for.

    Attributes:
        model: In eval mode.
        name: The effect or device.
        sample_rate: The only one it is right at, in Hz.
        settings: Names of the presets or knob settings; ``("",)`` where there is only one.
        setting_conditions: What the model is told of each setting, ``(settings, conditions)``.
        condition_names: Names of the condition's values, ``(conditions,)``.
        lfo_hz: Rate of the LFO of each setting in Hz, where the effect has one and it is known.
        latency: Samples that the output comes late; 0 for all models of this project.
        scores: Metrics by name, as they were when it was stored.
        licence: Of the recordings it was trained on; empty where nothing is known.
    """

    model: Emulator
    name: str
    sample_rate: int
    settings: tuple[str, ...]
    setting_conditions: tuple[tuple[float, ...], ...]
    condition_names: tuple[str, ...]
    lfo_hz: tuple[float, ...] | None
    latency: int
    scores: Mapping[str, float]
    licence: str
