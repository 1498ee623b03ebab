"""Deterministic synthesised clips for the timbre tests; numpy only, so that the oracle's environment can make them too.

Everything is built from sums of sines, so that no library version changes a clip.
"""

from __future__ import annotations

import numpy as np

SECONDS = 1.5


def decaying_sine(rate: int, frequency: float = 220.0, decay: float = 3.0) -> np.ndarray:
    """One plucked tone with a single partial."""
    time = np.arange(int(SECONDS * rate)) / rate
    return 0.5 * np.exp(-decay * time) * np.sin(2 * np.pi * frequency * time)


def noise(rate: int, seed: int = 0) -> np.ndarray:
    """White Gaussian noise."""
    return 0.1 * np.random.default_rng(seed).standard_normal(int(SECONDS * rate))


def notes(rate: int, fundamentals: tuple[float, ...] = (110.0, 164.8, 220.0, 82.4), partials: int = 12) -> np.ndarray:
    """Plucked notes with inharmonic, faster dying upper partials and a short noisy attack."""
    length = int(SECONDS * rate)
    clip = np.zeros(length)
    generator = np.random.default_rng(1)
    for index, fundamental in enumerate(fundamentals):
        start = index * length // len(fundamentals) + rate // 50
        time = np.arange(length - start) / rate
        for partial in range(1, partials + 1):
            frequency = fundamental * partial * np.sqrt(1 + 0.0003 * partial**2)
            if frequency < 0.45 * rate:
                clip[start:] += 0.2 / partial * np.exp(-(2 + partial) * time) * np.sin(2 * np.pi * frequency * time)
        clip[start:] += 0.1 * np.exp(-150 * time) * generator.standard_normal(len(time))
    return clip


def hits(rate: int) -> np.ndarray:
    """Drum-like hits: a falling low sine and a noise burst, six in all, over a faint noise floor."""
    length = int(SECONDS * rate)
    generator = np.random.default_rng(2)
    clip = 1e-4 * generator.standard_normal(length)
    for index in range(6):
        start = index * length // 6 + rate // 100
        time = np.arange(length - start) / rate
        if index % 2:
            clip[start:] += 0.3 * np.exp(-40 * time) * generator.standard_normal(len(time))
        else:
            clip[start:] += 0.8 * np.exp(-12 * time) * np.sin(2 * np.pi * (55 * time + 4 * (1 - np.exp(-30 * time))))
    return clip


def swell(rate: int) -> np.ndarray:
    """A chord that rises and falls with a tremolo: onsets without a clear attack."""
    time = np.arange(int(SECONDS * rate)) / rate
    envelope = np.sin(np.pi * time / SECONDS) ** 2 * (1 + 0.6 * np.sin(2 * np.pi * 4 * time))
    return 0.1 * envelope * sum(np.sin(2 * np.pi * f * time + f) for f in (196.0, 246.9, 293.7, 1174.7, 3520.0))


def late(rate: int) -> np.ndarray:
    """Half a clip of digital silence, then one note."""
    clip = decaying_sine(rate, 330.0, 5.0) + 0.5 * decaying_sine(rate, 2310.0, 9.0)
    clip = np.roll(clip, len(clip) // 2)
    clip[: len(clip) // 2] = 0
    return clip


def clips() -> dict[str, np.ndarray]:
    """Every clip, float32, under the key ``<name>@<sample rate>``: ``(samples,)``, or ``(2, samples)`` for stereo."""
    made: dict[str, np.ndarray] = {}
    for rate in (16_000, 24_000, 44_100, 48_000):
        for synthesis in (decaying_sine, noise, notes, hits, swell, late):
            made[f"{synthesis.__name__}@{rate}"] = synthesis(rate)
    made["stereo@44100"] = np.stack([notes(44_100), hits(44_100)])
    made["quiet@44100"] = 0.003 * notes(44_100)
    made["short@44100"] = notes(44_100)[1_000:9_000]
    made["single_frame@44100"] = notes(44_100)[1_000:4_500]
    made["long@44100"] = np.concatenate([notes(44_100), swell(44_100), hits(44_100), noise(44_100), late(44_100)])
    return {key: clip.astype(np.float32) for key, clip in made.items()}
