"""Log-mel levels over time: what a listener, and every learned encoder, can go by."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fxstyle.features.mel import mel_filter_bank

WINDOW = 1024
HOP = 512
BANDS = 64
RANGE_DB = 60.0


@lru_cache(maxsize=4)
def _bank(sample_rate: int) -> NDArray[np.float64]:
    return mel_filter_bank(sample_rate, WINDOW, BANDS).toarray().T


def mel_power(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Power in mel bands ``(..., frames, 64)`` of sound ``(..., samples)``: Hann frames of 1,024 every 512."""
    padded = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, max(WINDOW - audio.shape[-1], 0))])
    frames = sliding_window_view(padded, WINDOW, axis=-1)[..., ::HOP, :]
    spectra = np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1].astype(np.float32))
    return (np.square(spectra.real) + np.square(spectra.imag)) @ _bank(sample_rate)


def level_db(power: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Levels in dB above a soft floor, below which nothing counts."""
    return 10 * np.log10(power + floor)


def floor_of(power: NDArray[np.float64]) -> float:
    """The floor that belongs to a sound: 60 dB below its loudest band."""
    return max(float(power.max()) * 10 ** (-RANGE_DB / 10), 1e-12)
