"""Drum hits by synthesis: gliding sines, ringing modes and shaped noise."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

Drum = Literal["kick", "snare", "closed_hat", "open_hat", "low_tom", "high_tom"]


@dataclass(frozen=True)
class Kit:
    """The tuning of one drum kit.

    Attributes:
        kick_hz: Pitch the kick settles on.
        kick_seconds: Time in which the kick falls by 60 dB.
        snare_hz: Lower mode of the snare's head.
        snare_noise: Wires against head, 0 to 1.
        hat_hz: Lower edge of the hats' noise.
        tom_hz: Pitch the low tom settles on.
    """

    kick_hz: float
    kick_seconds: float
    snare_hz: float
    snare_noise: float
    hat_hz: float
    tom_hz: float


def draw_kit(rng: np.random.Generator) -> Kit:
    """Draw a kit at random, within what real kits do."""
    return Kit(
        kick_hz=rng.uniform(45, 65),
        kick_seconds=rng.uniform(0.25, 0.6),
        snare_hz=rng.uniform(160, 230),
        snare_noise=rng.uniform(0.4, 0.8),
        hat_hz=rng.uniform(5500, 8000),
        tom_hz=rng.uniform(80, 110),
    )


def drum_hit(drum: Drum, kit: Kit, velocity: float, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """One hit, different at every draw.

    Args:
        drum: Which drum of the kit.
        kit: Its tuning.
        velocity: 0 to 1; it sets the peak, and hard hits are brighter and glide further.
        sample_rate: In Hz.
        rng: Gives the noise and small variations.

    Returns:
        ``(samples,)`` without DC, faded out.
    """
    if drum == "kick":
        hit = _glide(kit.kick_hz, 2 + 2 * velocity, 0.02, kit.kick_seconds, sample_rate)
        click = _noise(0.006, 1000, 5000, sample_rate, rng)
        hit[: len(click)] += 0.2 * velocity * click[: len(hit)]
    elif drum == "snare":
        hit = _glide(kit.snare_hz, 0.3, 0.01, 0.2, sample_rate)
        upper = _glide(kit.snare_hz * 1.75, 0.2, 0.01, 0.12, sample_rate)
        hit[: len(upper)] += 0.5 * upper
        wires = _noise(rng.uniform(0.2, 0.32), 1200, 5000 + 5000 * velocity, sample_rate, rng)
        hit = _add((1 - kit.snare_noise) * hit, kit.snare_noise * wires)
    elif drum in ("closed_hat", "open_hat"):
        seconds = rng.uniform(0.05, 0.09) if drum == "closed_hat" else rng.uniform(0.35, 0.6)
        hit = _noise(seconds, min(kit.hat_hz, 0.3 * sample_rate), 0.5 * sample_rate, sample_rate, rng)
    else:
        pitch = kit.tom_hz * (1.6 if drum == "high_tom" else 1.0)
        hit = _glide(pitch, 0.4 + 0.4 * velocity, 0.06, rng.uniform(0.4, 0.7), sample_rate)
        skin = _noise(0.03, 300, 3000, sample_rate, rng)
        hit[: len(skin)] += 0.25 * skin
    window = np.hanning(len(hit)).astype(np.float32)
    hit -= window * (hit.sum() / window.sum())
    return np.asarray(hit * (velocity / max(float(np.abs(hit).max()), 1e-9)), dtype=np.float32)


def _glide(hertz: float, extra: float, glide_seconds: float, decay_seconds: float, rate: int) -> NDArray[np.float32]:
    """A sine that falls from ``(1 + extra) hertz`` to ``hertz`` and decays by 60 dB in ``decay_seconds``."""
    time = np.arange(int(decay_seconds * rate), dtype=np.float32) / np.float32(rate)
    cycles = hertz * (time + extra * glide_seconds * (1 - np.exp(-time / np.float32(glide_seconds))))
    return np.asarray(np.sin(2 * pi * cycles) * _fall(len(time)), dtype=np.float32)


def _noise(seconds: float, low_hz: float, high_hz: float, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise between two frequencies with peak 1 that decays by 60 dB in ``seconds``."""
    samples = max(int(seconds * rate), 8)
    size = next_fast_len(samples, real=True)
    spectrum = rfft(rng.standard_normal(size, dtype=np.float32))
    hertz = np.fft.rfftfreq(size, 1 / rate).astype(np.float32) + 1e-3
    spectrum *= 1 / (1 + (np.float32(low_hz) / hertz) ** 4) / (1 + (hertz / np.float32(high_hz)) ** 4)
    noise = irfft(spectrum, size)[:samples] * _fall(samples)
    return np.asarray(noise / max(float(np.abs(noise).max()), 1e-9), dtype=np.float32)


def _fall(samples: int) -> NDArray[np.float32]:
    """An exponential fall by 60 dB whose last tenth is faded to 0."""
    fall = np.exp(np.linspace(0, -6.9, samples, dtype=np.float32))
    fade = max(samples // 10, 1)
    fall[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return fall


def _add(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    total = np.zeros(max(len(first), len(second)), np.float32)
    total[: len(first)] += first
    total[: len(second)] += second
    return total
