"""The arm without a plugin: match equaliser and loudness by rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, firwin2, welch

from fxstyle.audio.levels import from_db, loudness_lufs

Sound = NDArray[np.float32]
TAPS = 1023
LARGEST_DB = 24.0
FLOOR_DB = -80.0
_SEGMENT = 4096
_OCTAVES = 1 / 3


def match_equaliser(dry: Sound, reference: Sound, sample_rate: int) -> NDArray[np.float64]:
    """A linear-phase filter ``(1023,)`` that gives dry sound the average spectrum of a reference.

    Its gain is the ratio of both average spectra (Welch), smoothed over a third of an octave and limited to +-24 dB;
    what lies 80 dB below the loudest of a spectrum counts as noise and asks for nothing.
    """
    hz, levels = np.zeros(0), []
    for sound in (reference, dry):
        length = min(_SEGMENT, sound.shape[1])
        hz, power = welch(sound.astype(np.float64), sample_rate, nperseg=length)
        smooth = _smoothed(hz, power.mean(axis=0))
        levels.append(10 * np.log10(np.maximum(smooth, max(smooth.max() * 10 ** (FLOOR_DB / 10), 1e-20))))
    gain_db = np.clip(levels[0] - levels[1], -LARGEST_DB, LARGEST_DB)
    return np.asarray(firwin2(TAPS, hz, 10 ** (gain_db / 20), fs=sample_rate))


def rule_based(dry: Sound, reference: Sound, sample_rate: int) -> Sound:
    """Dry sound ``(channels, samples)`` with the average spectrum and the loudness of a reference.

    Source: the rule-based baseline of Steinmetz et al. 2022 (DeepAFx-ST), with loudness in place of its compressor.
    """
    equalised = fftconvolve(dry, match_equaliser(dry, reference, sample_rate)[None], mode="same", axes=1)
    difference = loudness_lufs(reference, sample_rate) - loudness_lufs(equalised, sample_rate)
    gain = from_db(difference) if np.isfinite(difference) else 1.0
    return np.asarray(equalised * gain, dtype=np.float32)


def _smoothed(hz: NDArray[np.float64], power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power at each frequency averaged over a third of an octave around it."""
    sums = np.concatenate([[0.0], np.cumsum(power)])
    low = np.searchsorted(hz, hz * 2 ** (-_OCTAVES / 2), "left")
    high = np.searchsorted(hz, hz * 2 ** (_OCTAVES / 2), "right")
    return (sums[high] - sums[low]) / np.maximum(high - low, 1)
