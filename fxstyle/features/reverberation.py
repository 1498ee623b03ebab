"""How impulse responses die away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

Floats = NDArray[np.float64]
OCTAVES_HZ = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
"""Centres of the octave bands of ISO 3382, and 8 kHz. Broadband means all of them together: measured responses often
carry hum below them and noise of the converters above."""


def decay_curve(response: NDArray[np.floating], noisy: bool = False) -> Floats:
    """Energy still to come in dB, 0 at the onset, of a response ``(samples,)``; ``-inf`` where none is.

    The onset is the first sample within 20 dB of the largest. Result ``(samples - onset,)``.

    Args:
        response: An impulse response, or a band of one.
        noisy: The last tenth is noise: its power is taken from all of the response. Where the power over a hundredth of
            the length first sinks below twice that, the decay before it goes on.

    Source: Schroeder 1965, "New method of measuring reverberation time"; Chu 1978, "Comparison of reverberation
    measurements using Schroeder's impulse method and decay-curve averaging method" and
    Lundeby et al. 1995, "Uncertainties of measurements in room acoustics" (noise).
    """
    energy = np.square(response.astype(np.float64))
    onset = int(np.argmax(energy >= 0.01 * energy.max()))
    energy, beyond = energy[onset:], 0.0
    if noisy:
        noise = energy[-max(1, len(energy) // 10) :].mean()
        smooth = ndimage.uniform_filter1d(energy, max(1, len(energy) // 100))
        after = smooth.argmax()
        faint = np.flatnonzero(smooth[after:] < 2 * noise)
        end = after + int(faint[0]) if len(faint) else len(energy)
        energy = np.where(np.arange(len(energy)) < end, energy - noise, 0.0)
        if end - after > 1:
            slope = np.polyfit(np.arange(after, end), np.log(np.maximum(smooth[after:end] - noise, 1e-3 * noise)), 1)[0]
            # What was as loud as the noise there, and died away on.
            beyond = noise / -slope if slope < 0 and len(faint) else 0.0
    left = np.maximum(np.cumsum(energy[::-1])[::-1] + beyond, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(10 * np.log10(left / left[0]))


def reverberation_time(
    response: NDArray[np.floating],
    sample_rate: float,
    top_db: float = -5.0,
    bottom_db: float = -35.0,
    noisy: bool = False,
) -> float:
    """RT60 in s: 60 dB over the slope of the decay curve between two levels; T30 by default.

    ``nan`` for a response that does not fall so far within two samples or more.

    Source: ISO 3382-1:2009, section 5.3.3.
    """
    curve = decay_curve(response, noisy)
    if not (curve < bottom_db).any():
        return float("nan")
    first, last = (int(np.argmax(curve < level)) for level in (top_db, bottom_db))
    if last - first < 2:
        return float("nan")
    slope = np.polyfit(np.arange(first, last) / sample_rate, curve[first:last], 1)[0]
    return float(-60.0 / slope)


def octave_band(response: NDArray[np.floating], centre_hz: float, sample_rate: float) -> Floats:
    """A response's part in the octave around a frequency; as long as the response, and not delayed."""
    return _between(response, centre_hz / np.sqrt(2), centre_hz * np.sqrt(2), sample_rate)


def broadband(response: NDArray[np.floating], sample_rate: float) -> Floats:
    """A response's part in all of :data:`OCTAVES_HZ`."""
    return _between(response, OCTAVES_HZ[0] / np.sqrt(2), OCTAVES_HZ[-1] * np.sqrt(2), sample_rate)


def octave_times(
    response: NDArray[np.floating],
    sample_rate: float,
    top_db: float = -5.0,
    bottom_db: float = -35.0,
    noisy: bool = False,
) -> dict[float, float]:
    """:func:`reverberation_time` of each band of :data:`OCTAVES_HZ` that the sample rate has."""
    return {
        centre: reverberation_time(octave_band(response, centre, sample_rate), sample_rate, top_db, bottom_db, noisy)
        for centre in OCTAVES_HZ
        if centre * np.sqrt(2) < 0.5 * sample_rate
    }


def _between(response: NDArray[np.floating], low_hz: float, high_hz: float, sample_rate: float) -> Floats:
    high_hz = min(high_hz, 0.499 * sample_rate)
    sections = signal.butter(3, (low_hz, high_hz), "bandpass", fs=sample_rate, output="sos")
    # What the filter rings with before the onset belongs to the decay too: it is not cut off, but left behind.
    return np.asarray(signal.sosfiltfilt(sections, response.astype(np.float64), padtype=None))
