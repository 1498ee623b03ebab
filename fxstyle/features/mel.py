"""The mel scale as Slaney's Auditory Toolbox defines it, and the triangular filters on it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

LINEAR_HZ_PER_MEL = 200.0 / 3.0
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / LINEAR_HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mels of frequencies in Hz: linear up to 1 kHz (15 mel), then 27 mel for each factor of 6.4.

    Source: Slaney, Auditory Toolbox (1998); ``m = 3 f / 200`` and ``m = 15 + 27 ln(f / 1000) / ln(6.4)``.
    """
    hz = np.asarray(hz, dtype=np.float64)
    return np.where(
        hz < BREAK_HZ, hz / LINEAR_HZ_PER_MEL, BREAK_MEL + np.log(np.maximum(hz, 1.0) / BREAK_HZ) / LOG_STEP
    )


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequencies in Hz of mels; the inverse of :func:`hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    return np.where(mel < BREAK_MEL, mel * LINEAR_HZ_PER_MEL, BREAK_HZ * np.exp(LOG_STEP * (mel - BREAK_MEL)))


@lru_cache(maxsize=16)
def mel_filter_bank(sample_rate: int, fft_size: int, bands: int) -> csr_array:
    """Triangular filters, equally spaced in mel from 0 Hz to half the sample rate, each of unit area in Hz.

    Triangle ``m`` rises from corner ``m`` to corner ``m + 1`` and falls to corner ``m + 2``, linearly in Hz; its height
    is ``2 / (corner[m + 2] - corner[m])`` per Hz, as in the Auditory Toolbox and librosa's default.

    Args:
        sample_rate: In Hz.
        fft_size: Length of the transform whose power the filters weigh.
        bands: Number of filters.

    Returns:
        Sparse ``(bands, fft_size // 2 + 1)`` float64; a filter narrower than one bin may be empty.
    """
    bins = np.fft.rfftfreq(fft_size, 1.0 / sample_rate)
    corners = mel_to_hz(np.linspace(0.0, float(hz_to_mel(np.array(sample_rate / 2.0))), bands + 2))
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    return csr_array(np.maximum(triangles, 0.0) * 2.0 / (high - low))
