"""How much of what an effect adds to a sine is no harmonic of it: what was folded back at half the sample rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import get_window

from fxstyle.audio.levels import from_db

Render = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""An effect or a model: from ``(1, samples)`` to the same shape."""

FREQUENCIES = (220.0, 330.0, 440.0, 660.0, 880.0, 1320.0, 1760.0, 2640.0, 3520.0, 5280.0)
"""Steps of a sweep in Hz, over the notes of a guitar and their lower harmonics."""

LOWEST_DB = -150.0
_SIZE = 1 << 15
_SETTLE_SECONDS = 0.5
# Half the width of the window's main lobe, in bins.
_LOBE = 4


@dataclass(frozen=True)
class Aliasing:
    """Aliasing-to-signal ratio over a stepped sine.

    Attributes:
        frequencies: Of the sines that were played, in Hz.
        ratios_db: Ratio at each of them in dB, not below -150; ``nan`` where the output holds no harmonic.
        total_db: Ratio of the energies of all of them.
    """

    frequencies: tuple[float, ...]
    ratios_db: tuple[float, ...]
    total_db: float


def aliasing_to_signal(
    render: Render, sample_rate: int, level_db: float = -6.0, frequencies: Sequence[float] = FREQUENCIES
) -> Aliasing:
    """Energy outside of the harmonics over energy in the harmonics of sines, for an effect that does not vary in time.

    Each sine has a whole number of periods in the 32,768 samples that are measured, odd and such that nothing which is
    folded back up to four times meets a harmonic. What lies within four bins of 0 Hz does not count, nor does the
    first half second. Noise and modulation count as aliasing.

    Args:
        render: From a sine ``(1, samples)`` to what becomes of it.
        sample_rate: In Hz.
        level_db: Peak of the sines in dBFS.
        frequencies: In Hz, moved to the nearest that fits; those above a quarter of the rate are left out, since they
            have no other harmonic.

    Raises:
        ValueError: No frequency is left.

    Source: Sato and Smith 2025, "Aliasing reduction in neural amp modeling by smoothing activations".
    """
    periods = sorted(
        {_periods(frequency, sample_rate) for frequency in frequencies if 0 < frequency <= sample_rate / 4}
    )
    if not periods:
        raise ValueError(f"no frequency of {list(frequencies)} lies between 0 and {sample_rate / 4} Hz")
    energies = np.array([_energies(render, count, sample_rate, from_db(level_db)) for count in periods])
    ratios = [_ratio_db(folded, harmonic) for folded, harmonic in energies]
    found = tuple(count * sample_rate / _SIZE for count in periods)
    return Aliasing(found, tuple(ratios), _ratio_db(*energies.sum(axis=0)))


def _energies(render: Render, periods: int, sample_rate: int, amplitude: float) -> tuple[float, float]:
    """Energy outside of the harmonics, and in them."""
    settle = round(_SETTLE_SECONDS * sample_rate)
    # Whole numbers keep the phase exact, however long the sine is.
    phase = np.arange(settle + _SIZE) * periods % _SIZE
    sine = (amplitude * np.sin(2 * np.pi / _SIZE * phase)).astype(np.float32)
    output = render(sine[None])[0, settle:].astype(np.float64)
    power = np.abs(rfft(output * get_window("blackmanharris", _SIZE))) ** 2
    bins = np.arange(len(power))
    offset = bins <= _LOBE
    harmonic = (_distance(bins, periods) <= _LOBE) & ~offset
    return float(power[~harmonic & ~offset].sum()), float(power[harmonic].sum())


def _ratio_db(folded: float, harmonic: float) -> float:
    if not harmonic > 0:
        return float("nan")
    return float(10 * np.log10(max(folded / harmonic, 10 ** (LOWEST_DB / 10))))


def _periods(frequency: float, sample_rate: int) -> int:
    """The number of periods that comes nearest to a frequency and keeps what is folded back apart."""
    counts = np.arange(2 * _LOBE + 1, _SIZE // 4, 2)
    folded = np.arange(1, 5)[:, None] * _SIZE
    apart = (_distance(folded, counts) > 3 * _LOBE).all(axis=0)
    return int(min(counts[apart], key=lambda count: abs(count - frequency * _SIZE / sample_rate)))


def _distance(bins: NDArray[np.int64], periods: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Distance of bins from the nearest harmonic, or from 0 Hz."""
    return np.abs((bins + periods // 2) % periods - periods // 2)
