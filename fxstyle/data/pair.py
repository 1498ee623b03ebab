"""Dry and wet recordings that belong together, whether recorded from hardware or rendered from an effect."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.source import Split


@dataclass(frozen=True)
class Pair:
    """One whole recording before and after an effect at one setting, aligned.

    Attributes:
        name: Unique in its set, such as ``clip0`` or ``guitar/crunch``.
        recording: The recording it is made from: what intervals are clustered by.
        split: Its split.
        setting: Index of its preset or knob setting in :attr:`PairSet.settings`.
        dry: ``(1, samples)`` float32.
        wet: The same shape.
        condition: ``(conditions,)`` float32, what a model is told of the setting.
        seconds: Time since the effect was reset at the first sample, in s.
    """

    name: str
    recording: str
    split: Split
    setting: int
    dry: NDArray[np.float32]
    wet: NDArray[np.float32]
    condition: NDArray[np.float32]
    seconds: float = 0.0

    @property
    def samples(self) -> int:
        """Length."""
        return self.dry.shape[-1]


@dataclass(frozen=True)
class PairSet:
    """All pairs of one effect or device.

    Attributes:
        name: The effect or device.
        sample_rate: Of all pairs, in Hz.
        settings: Names of the presets or knob settings; ``("",)`` where there is only one.
        setting_conditions: What a model is told of each setting, ``(settings, conditions)`` float32.
        condition_names: Names of the condition's values: presets or knobs, ``(conditions,)``.
        pairs: The pairs of all splits.
        lfo_hz: Rate of the LFO of each setting in Hz, where the effect has one and it is known.
        licence: Of the recordings and of the device's sound; empty where nothing is known.
        notes: Sentences a report must carry, such as repairs.
    """

    name: str
    sample_rate: int
    settings: tuple[str, ...]
    setting_conditions: NDArray[np.float32]
    condition_names: tuple[str, ...]
    pairs: tuple[Pair, ...]
    lfo_hz: tuple[float, ...] | None = None
    licence: str = ""
    notes: tuple[str, ...] = field(default=())

    def split(self, split: Split) -> list[Pair]:
        """The pairs of a split."""
        return [pair for pair in self.pairs if pair.split == split]
