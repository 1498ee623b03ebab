"""What a gain and a linear filter make of the error between two sounds, by least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import solve, toeplitz
from scipy.signal import oaconvolve

# Regularisation relative to the power of the dry sound: sound without treble leaves the equations singular.
_RIDGE = 1e-8
_BLOCK = 1 << 18


def error_ratio(prediction: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Energy of the error over energy of the target, both ``(samples,)``; ``nan`` for a silent target."""
    error = np.subtract(prediction, target, dtype=np.float64)
    energy = float(np.dot(target.astype(np.float64), target))
    return float(error @ error) / energy if energy > 0 else float("nan")


def fit_gain(dry: NDArray[np.floating], wet: NDArray[np.floating]) -> float:
    """The gain that brings dry ``(samples,)`` nearest to wet; 0 where the dry sound is silent."""
    one, two = dry.astype(np.float64), wet.astype(np.float64)
    energy = float(one @ one)
    return float(one @ two) / energy if energy > 0 else 0.0


def fit_filter(dry: NDArray[np.floating], wet: NDArray[np.floating], taps: int) -> NDArray[np.float64]:
    """The causal FIR filter ``(taps,)`` that brings dry ``(samples,)`` nearest to wet.

    The sound before and after is taken as silence, so that the normal equations are Toeplitz.
    """
    power, shared = correlations(dry, wet, 0, taps - 1)
    column = power[taps - 1 :].copy()
    if column[0] <= 0:
        return np.zeros(taps)
    column[0] *= 1 + _RIDGE
    return np.asarray(solve(toeplitz(column), shared, assume_a="pos"), dtype=np.float64)


def filter_error(dry: NDArray[np.floating], wet: NDArray[np.floating], taps: int) -> float:
    """Error-to-signal ratio that is left by :func:`fit_filter`, fitted on the sounds themselves."""
    predicted = oaconvolve(dry.astype(np.float64), fit_filter(dry, wet, taps))[: len(wet)]
    return error_ratio(predicted, wet)


def explained(dry: NDArray[np.floating], wet: NDArray[np.floating], delays: ArrayLike) -> float:
    """Share of the energy of wet ``(samples,)`` that copies of dry at some delays explain together.

    Args:
        dry: ``(samples,)``.
        wet: ``(samples,)``.
        delays: In samples, whole numbers, negative for copies that come early.
    """
    places = np.unique(np.asarray(delays, dtype=np.int64))
    power, shared = correlations(dry, wet, int(places[0]), int(places[-1]))
    middle, first = len(power) // 2, int(places[0])
    energy = float(np.dot(wet.astype(np.float64), wet))
    if power[middle] <= 0 or energy <= 0:
        return 0.0
    matrix = power[middle + places[:, None] - places[None, :]]
    # Twice the frequencies of one tap: far looser than a filter's, since few taps need no fine balance.
    matrix = matrix + 100 * _RIDGE * power[middle] * np.eye(len(places))
    wanted = shared[places - first]
    return float(solve(matrix, wanted, assume_a="pos") @ wanted) / energy


def correlations(
    dry: NDArray[np.floating], wet: NDArray[np.floating], first: int, last: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlations at whole lags: of dry with itself, and of dry with later wet, by blocks so that length costs little.

    Args:
        dry: ``(samples,)``.
        wet: ``(samples,)``.
        first: First lag of the second result, in samples.
        last: Its last lag.

    Returns:
        ``(2 * (last - first) + 1,)`` with lag 0 in the middle, and ``(last - first + 1,)``.
    """
    span = last - first
    power, shared = np.zeros(2 * span + 1), np.zeros(span + 1)
    for start in range(0, len(dry), _BLOCK):
        block = dry[start : start + _BLOCK]
        own = _part(dry, start - span, len(block) + 2 * span)
        other = _part(wet, start + first, len(block) + span)
        size = next_fast_len(len(own), real=True)
        spectrum = np.conj(rfft(block.astype(np.float64), size))
        power += irfft(spectrum * rfft(own, size), size)[: 2 * span + 1]
        shared += irfft(spectrum * rfft(other, size), size)[: span + 1]
    return power, shared


def _part(sound: NDArray[np.floating], start: int, length: int) -> NDArray[np.float64]:
    """Samples from a start that may lie before the first; what is outside is silence."""
    part = np.zeros(length)
    low, high = min(max(start, 0), len(sound)), min(max(start + length, 0), len(sound))
    part[low - start : high - start] = sound[low:high]
    return part
