"""A short dry sound, and what effects make of it, as files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.effects.renderer import ThreadRenderer
from tests.effects.catalogue import effect

RATE = 16000


@cache
def dry_sound(samples: int = RATE, number: int = 0) -> NDArray[np.float32]:
    """A synthetic instrument, ``(1, samples)``."""
    source = SyntheticSource(RATE, 1, samples / RATE, train_recordings=4)
    return source.read(source.recordings("train")[number], 0, samples)


def wet_sound(name: str, dry: NDArray[np.float32], **values: float | str) -> NDArray[np.float32]:
    """The sound through an effect."""
    spec = effect(name)
    return ThreadRenderer(1).render([spec], dry[None], spec.positions(values)[None, None], RATE).audio[0, 0]


def write(path: Path, audio: NDArray[np.float32], rate: int = RATE, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, audio.T, rate, subtype=subtype)
    return path
