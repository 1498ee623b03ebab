"""Plucked strings: Karplus-Strong's loop of delay and damping, solved in the frequency domain.

The loop ``y[n] = x[n] + (h * y)[n - D]`` is linear, so that its whole sound is one division of spectra,
``Y = X / (1 - H exp(-j phase))``. There the delay may be fractional, the damping may depend on frequency and the
partials may be stretched at no further cost, and all strings of a chord share one inverse transform.

Sources: Jaffe and Smith 1983, "Extensions of the Karplus-Strong plucked-string algorithm" (loop, pick position,
dynamics); Fletcher 1964 (stiff strings).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

# The tail beyond the transform folds back onto its start; it is attenuated by this, then the weighting is undone.
_FOLD_BACK = 1e-3
_ONSET_SECONDS = 0.002
# The velocity of a plucked string falls by 6 dB per octave; this low corner lets it do so for all but the lowest notes.
_PLUCK_HZ = 200.0


@dataclass(frozen=True)
class Pluck:
    """One plucked note.

    Attributes:
        frequency: Fundamental in Hz.
        onset: Seconds from the start of the sound.
        velocity: Strength, 0 to 1.
    """

    frequency: float
    onset: float = 0.0
    velocity: float = 1.0


@dataclass(frozen=True)
class PluckedString:
    """How the strings of one instrument are built and played.

    Attributes:
        decay_seconds: Time in which a 110 Hz fundamental falls by 60 dB; higher notes die faster.
        damping_hz: Partials at this frequency decay twice as fast as very low ones.
        brightness_hz: Corner of the pluck's low-pass filter at full velocity; soft notes are darker.
        pick_position: Where the string is plucked, as a share of its length.
        pickup_position: Where its motion is picked up, as a share of its length.
        inharmonicity: Fletcher's B: partial k sounds at ``k f sqrt(1 + B k^2)``.
        scratch: Noise in the pluck, relative to its pulse.
    """

    decay_seconds: float = 4.0
    damping_hz: float = 2000.0
    brightness_hz: float = 2500.0
    pick_position: float = 0.13
    pickup_position: float = 0.2
    inharmonicity: float = 4e-5
    scratch: float = 0.3


def pluck_strings(
    plucks: Sequence[Pluck], samples: int, sample_rate: int, string: PluckedString, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Sound of one or several plucked strings.

    Args:
        plucks: The notes, each on a string of its own.
        samples: Length of the result.
        sample_rate: In Hz.
        string: The instrument.
        rng: Gives the noise of the pick.

    Returns:
        ``(samples,)`` with peak 1, silence before the first onset, no fade at the end.
    """
    margin = 256  # keeps what rings before an onset, by band limiting, from wrapping round into the end
    size = next_fast_len(samples + margin, real=True)
    exact_hertz = np.arange(size // 2 + 1) * (sample_rate / size)
    hertz = exact_hertz.astype(np.float32)
    weighting = -log(_FOLD_BACK) / size
    loss_shape = 1 + (hertz / np.float32(string.damping_hz)) ** 2
    total = np.zeros(len(hertz), np.complex64)
    for pluck in plucks:
        period = sample_rate / pluck.frequency
        decay_seconds = string.decay_seconds * (110 / pluck.frequency) ** 0.5
        loss = -log(1e-3) / decay_seconds / pluck.frequency
        cycles, slope = _stiff_cycles(exact_hertz, pluck.frequency, string.inharmonicity)
        # The weighting acts on the time a partial really takes round the loop: the group delay.
        gain = np.exp(np.float32(-loss) * loss_shape - np.float32(weighting * period) * slope.astype(np.float32))
        cycles -= np.rint(cycles)
        angle = cycles.astype(np.float32) * np.float32(2 * pi)
        loop = np.empty(len(hertz), np.complex64)
        loop.real = 1 - gain * np.cos(angle)
        loop.imag = gain * np.sin(angle)
        onset = (pluck.onset + _ONSET_SECONDS) * sample_rate
        wave = _delay(onset, size, weighting) * (1 - _delay(string.pick_position * period, size, weighting))
        wave *= 1 - _delay(string.pickup_position * period, size, weighting)
        wave *= np.float32(pluck.velocity / sqrt(period))
        wave /= loop
        total += wave
    strength = max(pluck.velocity for pluck in plucks)
    total *= _pick_spectrum(hertz, size, sample_rate, string, strength, weighting, rng)
    sound = irfft(total, size)[:samples] * np.exp(np.float32(weighting) * np.arange(samples, dtype=np.float32))
    return np.asarray(sound / max(float(np.abs(sound).max()), 1e-9), dtype=np.float32)


def _stiff_cycles(
    hertz: NDArray[np.float64], frequency: float, inharmonicity: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cycles of phase round a stiff string's loop at each frequency, with 1 at ``frequency``, and their slope.

    In double precision: rounding here would become noise at every resonance, and the weighting would lift it.
    """
    harmonic = hertz * (sqrt(1 + inharmonicity) / frequency)
    root = np.sqrt(1 + 4 * inharmonicity * harmonic * harmonic)
    flatter = np.sqrt(2 / (1 + root))
    return harmonic * flatter, 1 / (flatter * root)


def _delay(samples: float, size: int, weighting: float) -> NDArray[np.complex64]:
    """Weighted spectrum of a fractional delay: the outer product of two short ramps spares an exponential per bin."""
    bins = size // 2 + 1
    block = int(sqrt(bins)) + 1
    step = -2j * pi * samples / size
    coarse = np.exp(step * block * np.arange(block) - weighting * samples).astype(np.complex64)
    fine = np.exp(step * np.arange(block)).astype(np.complex64)
    return (coarse[:, None] * fine[None, :]).ravel()[:bins]


def _pick_spectrum(
    hertz: NDArray[np.float32],
    size: int,
    sample_rate: int,
    string: PluckedString,
    velocity: float,
    weighting: float,
    rng: np.random.Generator,
) -> NDArray[np.complex64]:
    """Spectrum of the pick: a click and a short scratch through the dynamics filter."""
    samples = int(0.004 * sample_rate)
    scratch = rng.standard_normal(samples, dtype=np.float32)
    scratch *= np.exp(np.linspace(0, -5, samples, dtype=np.float32)) * np.float32(string.scratch)
    scratch[0] += 1
    scratch *= np.exp(np.float32(-weighting) * np.arange(samples, dtype=np.float32))
    spectrum: NDArray[np.complex64] = rfft(scratch, size)
    offset = weighting * sample_rate / (2 * pi)
    for corner in (_PLUCK_HZ, string.brightness_hz * (0.3 + 0.7 * velocity)):
        spectrum /= np.float32(1 + offset / corner) + 1j * (hertz / np.float32(corner))
    # Nothing may be left at the Nyquist frequency, where a fractional delay is not smooth and would ring.
    top = np.clip((hertz / np.float32(sample_rate / 2) - 0.8) / 0.2, 0, 1)
    spectrum *= 0.5 + 0.5 * np.cos(np.float32(pi) * top)
    return spectrum
