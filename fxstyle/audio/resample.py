"""Changing the sample rate and the number of channels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

Quality = Literal["HQ", "VHQ"]


def resampled_length(samples: int, rate: int, new_rate: int) -> int:
    """Length after resampling: ``samples * new_rate / rate``, rounded to the nearest integer, halves up."""
    return (2 * samples * new_rate + rate) // (2 * rate)


def resample(audio: NDArray[np.float32], rate: int, new_rate: int, quality: Quality = "HQ") -> NDArray[np.float32]:
    """Resample without delay.

    Args:
        audio: ``(channels, samples)``.
        rate: Its sample rate in Hz.
        new_rate: The wanted sample rate in Hz.
        quality: soxr's recipe: ``HQ`` (20 bit) or ``VHQ`` (28 bit).

    Returns:
        ``(channels, resampled_length(samples, rate, new_rate))``; the input itself where the rates are equal.
    """
    if rate == new_rate:
        return audio
    return fit_length(
        np.ascontiguousarray(soxr.resample(audio.T, rate, new_rate, quality=quality).T, dtype=np.float32),
        resampled_length(audio.shape[-1], rate, new_rate),
    )


def fit_length(audio: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Cut ``(channels, any)`` to ``(channels, samples)``, or lengthen it with silence."""
    missing = samples - audio.shape[-1]
    return np.pad(audio, ((0, 0), (0, missing))) if missing > 0 else audio[:, :samples]


def to_channels(audio: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Convert to mono or stereo.

    Args:
        audio: ``(any, samples)``.
        channels: 1 takes the mean of all channels; 2 repeats a mono channel, and keeps the first two (front left and
            right) of more.

    Returns:
        ``(channels, samples)``; the input itself where nothing changes.
    """
    if channels not in (1, 2):
        raise ValueError(f"channels is {channels}, not 1 or 2")
    if len(audio) == channels:
        return audio
    if channels == 1:
        return audio.mean(axis=0, keepdims=True)
    return np.repeat(audio, 2, axis=0) if len(audio) == 1 else audio[:2]
