"""Plain test tones in the guitar's range: bursts of one waveform after another."""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import from_db

WAVEFORMS = ("sine", "saw", "square", "triangle", "noise")
LOWEST_HZ, HIGHEST_HZ = 82.4, 1318.5


def random_tones(samples: int, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Bursts of random waveform, frequency, duration and level, some of them parted by a short silence.

    Args:
        samples: Length of the result.
        sample_rate: In Hz.
        rng: Gives every choice.

    Returns:
        ``(samples,)`` with peaks of at most about 1; each burst is faded over 3 ms at both ends.
    """
    sound = np.zeros(samples, np.float32)
    ramp = np.linspace(0, 1, max(int(0.003 * sample_rate), 1), dtype=np.float32)
    position = 0
    while position < samples:
        length = int(np.exp(rng.uniform(np.log(0.05), np.log(1.0))) * sample_rate)
        length = max(min(length, samples - position), 1)
        frequency = float(np.exp(rng.uniform(np.log(LOWEST_HZ), np.log(HIGHEST_HZ))))
        burst = tone(str(rng.choice(WAVEFORMS)), frequency, length, sample_rate, rng)
        fade = min(len(ramp), length)
        burst[:fade] *= ramp[:fade]
        burst[length - fade :] *= ramp[:fade][::-1]
        sound[position : position + length] = burst * np.float32(from_db(rng.uniform(-24, 0)))
        position += length + int(rng.choice([0, 0, 0.1]) * sample_rate)
    return sound


def tone(
    waveform: str, frequency: float, samples: int, sample_rate: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """One waveform of peak about 1 from a random phase.

    Args:
        waveform: One of ``WAVEFORMS``; saw and square have their steps rounded (PolyBLEP) against aliasing.
        frequency: In Hz; not used for noise.
        samples: Length.
        sample_rate: In Hz.
        rng: Gives the phase, or the noise.

    Returns:
        ``(samples,)``.
    """
    if waveform == "noise":
        return rng.uniform(-1, 1, samples).astype(np.float32)
    step = frequency / sample_rate
    phase: NDArray[np.float64] = (rng.random() + step * np.arange(samples, dtype=np.float64)) % 1.0
    if waveform == "sine":
        return np.sin(2 * pi * phase).astype(np.float32)
    if waveform == "triangle":
        return (4 * np.abs(phase - 0.5) - 1).astype(np.float32)
    saw = _saw(phase, step)
    if waveform == "saw":
        return saw.astype(np.float32)
    return (saw - _saw((phase + 0.5) % 1.0, step)).astype(np.float32)


def _saw(phase: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """A rising saw with PolyBLEP steps (Valimaki and Huovilainen 2007)."""
    saw = 2 * phase - 1
    after = phase < step
    before = phase > 1 - step
    saw[after] += (1 - phase[after] / step) ** 2
    saw[before] -= (1 + (phase[before] - 1) / step) ** 2
    return saw
