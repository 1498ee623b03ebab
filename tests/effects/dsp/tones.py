"""Steady tones through an effect, and what is in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.dsp import Effect


def steady(effect: Effect, frequency: int, amplitude: float, rate: int) -> NDArray[np.float64]:
    """The second of two seconds of a sine of whole Hz."""
    sine = amplitude * np.sin(2 * np.pi * frequency * np.arange(2 * rate) / rate)
    return effect.process(sine[None].astype(np.float32))[0, -rate:].astype(np.float64)


def harmonics(sound: NDArray[np.float64], frequency: int, count: int = 9) -> NDArray[np.float64]:
    """Levels in dB of the harmonics of a second of sound, against the first; index 0 is the first."""
    magnitude = np.abs(np.fft.rfft(sound))[frequency::frequency][:count]
    return np.asarray(20 * np.log10(magnitude / magnitude[0] + 1e-12))


def alias_db(effect: Effect, frequency: int, amplitude: float, rate: int) -> float:
    """Energy of all that is no harmonic, in dB against the harmonics."""
    power = np.abs(np.fft.rfft(steady(effect, frequency, amplitude, rate))) ** 2
    harmonic = np.arange(power.size) % frequency == 0
    return float(10 * np.log10(power[~harmonic].sum() / power[harmonic].sum()))
