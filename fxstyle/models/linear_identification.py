"""What training pairs tell of a linear device in closed form: its impulse response, by least squares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError

Floats = NDArray[np.float64]
ROUNDS = 3
"""Times that the noise is estimated from what the response before leaves over."""
ENOUGH_SECONDS = 90.0
"""Audio a setting is identified from; beyond it the starts of its recordings are taken, equally long."""


def excerpts(pairs: Sequence[Pair], seconds: float, sample_rate: int) -> tuple[list[Floats], list[Floats]]:
    """Dry and wet starts of recordings, at most so many seconds of them altogether, each ``(samples,)`` in float64.

    They are starts, since what a device heard before is known there.
    """
    lengths = np.array([pair.samples for pair in pairs])
    left = seconds * sample_rate
    longest = lengths.max()
    if lengths.sum() > left:
        # The length at which the shorter recordings whole and as much of the longer ones make up the seconds.
        for rank, length in enumerate(np.sort(lengths)):
            longest = int(left / (len(lengths) - rank))
            if length > longest:
                break
            left -= length
    starts = [slice(0, min(pair.samples, longest)) for pair in pairs]
    return tuple(  # type: ignore[return-value]
        [sound[0, start].astype(np.float64) for sound, start in zip(sounds, starts, strict=True)]
        for sounds in ([pair.dry for pair in pairs], [pair.wet for pair in pairs])
    )


def impulse_response(dry: Sequence[Floats], wet: Sequence[Floats], taps: int, steps: int = 12) -> Floats:
    """The response ``(taps,)`` with which dry sounds ``(samples,)`` come nearest to wet ones.

    It minimises the energy of ``wet - response * dry`` plus ``weight |response|^2`` over whole recordings, each after
    silence and cut where it ends, by conjugate gradients whose products are FFTs. The weight is that of Gaussian noise
    and taps of unknown variance, ``noise variance x taps / |response|^2``, estimated anew from each solution.

    Args:
        dry: Recordings before the device.
        wet: The same after it.
        taps: Length of the response in samples.
        steps: Steps of the conjugate gradients between estimates of the noise.

    Raises:
        InputError: The dry recordings are silent.

    Source: MacKay 1992, "Bayesian interpolation" (the weight); T. Chan 1988, "An optimal circulant preconditioner".
    """
    sizes = [fft.next_fast_len(len(sound) + taps - 1, real=True) for sound in dry]
    spectra = [fft.rfft(sound, size) for sound, size in zip(dry, sizes, strict=True)]
    power = np.zeros(taps)
    for spectrum, size in zip(spectra, sizes, strict=True):
        power += fft.irfft(np.abs(spectrum) ** 2, size)[:taps]
    if not power[0] > 0:
        raise InputError("the dry recordings of a setting are silent: give pairs that hold sound")

    def model(response: Floats) -> list[Floats]:
        return [
            fft.irfft(spectrum * fft.rfft(response, size), size)[: len(sound)]
            for spectrum, size, sound in zip(spectra, sizes, dry, strict=True)
        ]

    def correlate(errors: Sequence[Floats]) -> Floats:
        total = np.zeros(taps)
        for spectrum, size, error in zip(spectra, sizes, errors, strict=True):
            total += fft.irfft(spectrum.conj() * fft.rfft(error, size), size)[:taps]
        return total

    lag = np.arange(taps)
    circulant = fft.rfft(((taps - lag) * power + lag * np.roll(power[::-1], 1)) / taps).real.clip(0)
    response = np.zeros(taps)
    error = [sound.copy() for sound in wet]
    samples = sum(len(sound) for sound in dry)
    weight = 1e-9 * power[0]
    for _ in range(ROUNDS):
        gradient = correlate(error) - weight * response
        direction, slope = np.zeros(taps), 1.0
        for step in range(steps):
            towards = fft.irfft(fft.rfft(gradient) / (circulant + weight), taps)
            last, slope = slope, float(gradient @ towards)
            if not slope > 1e-14 * power[0] * float(response @ response):
                break
            direction = towards + (slope / last if step else 0.0) * direction
            changes = model(direction)
            curvature = sum(float(change @ change) for change in changes) + weight * float(direction @ direction)
            size_of_step = slope / curvature
            response += size_of_step * direction
            for part, change in zip(error, changes, strict=True):
                part -= size_of_step * change
            gradient = correlate(error) - weight * response
        noise = sum(float(part @ part) for part in error) / samples
        weight = max(noise * taps / max(float(response @ response), 1e-30), 1e-12 * power[0])
    return response
