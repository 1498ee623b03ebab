"""A source of dry sound that lives in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.source import SPLITS, Recording, Split, cut
from fxstyle.data.keys import ClipPlan
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.spec import EffectSpec, chain

RATE = 8000
LENGTH = 1000
GAIN = EffectSpec("gain", "pedalboard", "Gain", (Parameter("gain_db", -20, 0, -10, unit="dB"),))
DRIVE = chain(
    "drive",
    (EffectSpec("clip", "pedalboard", "Distortion", (Parameter("drive_db", 0, 30, 10, unit="dB"),)), GAIN),
)
ECHO = EffectSpec(
    "echo",
    "pedalboard",
    "Delay",
    (
        Parameter("delay_seconds", 0.01, 0.1, 0.05, unit="s"),
        Parameter("mix", 0.2, 0.8, 0.5),
        Parameter("feedback", 0, 0.5, 0, held=True),
    ),
)
EFFECTS = (GAIN, DRIVE, ECHO)


@dataclass
class Noises:
    """Recordings of noise; those that ``silent`` names are digital silence."""

    channels: int = 1
    silent: frozenset[str] = frozenset()
    lengths: tuple[int, ...] = (1500, 3000, 700)
    sample_rate: int = RATE

    def recordings(self, split: Split) -> Sequence[Recording]:
        return [Recording(f"{split}{i}", split, samples, f"{split}{i}") for i, samples in enumerate(self.lengths)]

    def read(self, recording: Recording, start: int, length: int) -> NDArray[np.float32]:
        number = int(recording.name[len(recording.split) :])
        rng = np.random.default_rng([SPLITS.index(recording.split), number])
        audio = 0.1 * rng.standard_normal((self.channels, recording.samples)).astype(np.float32)
        return cut(audio * (recording.name not in self.silent), start, length)

    def weights(self, split: Split) -> NDArray[np.float64]:
        samples = np.array(self.lengths, dtype=np.float64)
        return samples / samples.sum()

    def notes(self) -> list[str]:
        return []


def plan_of(source: Noises, split: Split = "train", seed: int = 0) -> ClipPlan:
    return ClipPlan(split, source.recordings(split), source.weights(split), LENGTH, seed)
