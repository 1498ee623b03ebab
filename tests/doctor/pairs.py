"""Pairs of recordings with known faults."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.doctor.pair import PairExamination, PairFinding
from fxstyle.effects.renderer import ThreadRenderer
from tests.effects.catalogue import effect

RATE = 22050
Sound = NDArray[np.float32]


@cache
def dry_sound(kind: int = 2) -> Sound:
    """Two and a half seconds: guitar chords, then half a second of silence, ``(1, samples)``."""
    source = SyntheticSource(RATE, 1, 2.0, train_recordings=kind + 1)
    sound = source.read(source.recordings("train")[kind], 0, 2 * RATE)
    return np.pad(sound, ((0, 0), (0, RATE // 2)))


@cache
def wet_sound(name: str = "distortion", tail: int = 0, **settings: float) -> Sound:
    """The same through an effect, rendered for longer where there is a tail."""
    spec = effect(name)
    positions = spec.positions(settings)[None, None]
    dry = np.pad(dry_sound(), ((0, 0), (0, tail)))
    return ThreadRenderer(1).render([spec], dry[None], positions, RATE).audio[0, 0]


def shifted(sound: Sound, lag: int) -> Sound:
    """Later by so many samples, at its own length; earlier where negative."""
    return np.roll(np.pad(sound, ((0, 0), (abs(lag), abs(lag)))), lag)[:, abs(lag) : abs(lag) + sound.shape[1]]


def finding(examination: PairExamination, code: str, name: str = "") -> PairFinding:
    """The one finding of a code, on a sound of that name."""
    (found,) = (f for f in examination.findings if f.code == code and name in f.sentence)
    return found
