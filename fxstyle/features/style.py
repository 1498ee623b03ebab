"""Statistics of cepstral coefficients: a style descriptor without training, the baseline of every learned one."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import dct, rfft
from scipy.signal import get_window, savgol_filter

from fxstyle.features.mel import mel_filter_bank

COEFFICIENTS = 20
STATISTICS = 4 * COEFFICIENTS
MEL_BANDS = 128
WINDOW = 2048
HOP = 512
POWER_FLOOR = 1e-10
DYNAMIC_RANGE_DB = 80.0
SLOPE_FRAMES = 9


def mfcc(clip: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """The first 20 mel-frequency cepstral coefficients of each frame.

    Orthonormal type-II cosine transform of the levels in dB of 128 mel bands, limited to the 80 dB below the loudest;
    Hann frames of 2,048 samples every 512 that lie within the clip. Source: Davis and Mermelstein 1980; filters as in
    Slaney 1998 (:mod:`fxstyle.features.mel`), which makes it librosa's default but for its padding.

    Args:
        clip: ``(samples,)``; one shorter than a frame is padded with silence.
        sample_rate: In Hz.

    Returns:
        ``(frames, 20)``.
    """
    padded = np.pad(np.asarray(clip, dtype=np.float64), (0, max(WINDOW - len(clip), 0)))
    frames = sliding_window_view(padded, WINDOW)[::HOP]
    spectra = rfft(frames * get_window("hann", WINDOW))
    power = (spectra.real**2 + spectra.imag**2) @ mel_filter_bank(sample_rate, WINDOW, MEL_BANDS).T
    level = 10.0 * np.log10(np.maximum(power, POWER_FLOOR))
    return dct(np.maximum(level, level.max() - DYNAMIC_RANGE_DB), norm="ortho", axis=1)[:, :COEFFICIENTS]


def slopes(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope over time of each coefficient per frame: the line fitted to the nine frames around it ("deltas").

    Args:
        coefficients: ``(frames, coefficients)``; with fewer frames the line spans as many as there are, and a clip of
            one or two frames has slopes of 0.

    Returns:
        The same shape.
    """
    width = min(SLOPE_FRAMES, len(coefficients) - 1 + len(coefficients) % 2)
    if width < 3:
        return np.zeros_like(coefficients)
    return savgol_filter(coefficients, width, polyorder=1, deriv=1, axis=0, mode="interp")


def mfcc_statistics(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Mean and standard deviation over time of 20 cepstral coefficients, then of their slopes.

    Args:
        audio: ``(batch, samples)``.
        sample_rate: In Hz.

    Returns:
        ``(batch, 80)``: 20 means, 20 standard deviations, 20 means of slopes, 20 standard deviations of slopes. A clip
        that holds a value that is not finite gives ``nan``.

    Raises:
        ValueError: If the shape is another one, there are no samples or the rate is not positive.
    """
    if audio.ndim != 2 or audio.shape[1] == 0:
        raise ValueError(f"audio must be (batch, samples) with at least one sample, not {audio.shape}")
    if sample_rate <= 0:
        raise ValueError(f"sample_rate must be positive, not {sample_rate}")
    statistics = np.full((len(audio), STATISTICS), np.nan)
    for row, clip in zip(statistics, audio, strict=True):
        if np.isfinite(clip).all():
            static = mfcc(clip, sample_rate)
            moving = slopes(static)
            row[:] = np.concatenate([static.mean(axis=0), static.std(axis=0), moving.mean(axis=0), moving.std(axis=0)])
    return statistics
