"""Oversampling, so that the harmonics of a distortion do not fold back into the band."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.dsp.compiling import compiled

TAPS = 64
"""Length of the filters in samples of the outer rate; a multiple of 4."""


def factor(sample_rate: float, wanted_rate: float = 260_000.0) -> int:
    """The smallest whole factor that brings a rate in Hz to ``wanted_rate`` or above: 6 at 44.1 and 48 kHz.

    At least 2, and at most 64.
    """
    return int(np.clip(np.ceil(wanted_rate / sample_rate), 2, 64))


@lru_cache
def lowpass(times: int) -> NDArray[np.float64]:
    """Linear-phase low-pass for oversampling by ``times``: ``(TAPS, times)``, the phases of one outer sample in a row.

    A Kaiser-windowed sinc: flat to 0.42 of the outer rate, 80 dB down from 0.5 on. It has an odd count of
    coefficients, such that up and down together are late by whole outer samples; what is left of the table is zero.
    Source: Kaiser and Schafer 1980, "On the use of the I0-sinh window for spectrum analysis".
    """
    length = (TAPS - 1) * times + 1
    offset = np.arange(length) - (length - 1) / 2
    window = np.kaiser(length, 0.1102 * (80 - 8.7))
    wave = np.sinc(2 * 0.46 * offset / times) * window
    table = np.zeros(TAPS * times)
    table[:length] = wave / wave.sum()
    return table.reshape(TAPS, times)


@compiled("void(float64[:, ::1], float64[:, ::1], float64[:, ::1])")
def _up(padded: NDArray[np.float64], taps: NDArray[np.float64], result: NDArray[np.float64]) -> None:
    count, times = taps.shape
    sums = np.empty(result.shape[1] // times)
    for channel in range(padded.shape[0]):
        for phase in range(times):
            sums[:] = 0.0
            # Samples innermost, which the processor takes several at a time, and four taps in a row to save on stores;
            # each sum keeps its order.
            for tap in range(0, count, 4):
                a, b, c, d = taps[tap, phase], taps[tap + 1, phase], taps[tap + 2, phase], taps[tap + 3, phase]
                sound = padded[channel, count - 4 - tap :]
                for i in range(sums.size):
                    sums[i] = sums[i] + a * sound[i + 3] + b * sound[i + 2] + c * sound[i + 1] + d * sound[i]
            for sample in range(sums.size):
                result[channel, sample * times + phase] = times * sums[sample]


@compiled("void(float64[:, ::1], float64[:, ::1], float64[:, ::1])")
def _down(padded: NDArray[np.float64], taps: NDArray[np.float64], result: NDArray[np.float64]) -> None:
    count, times = taps.shape
    part = np.empty(padded.shape[1] // times)
    for channel in range(padded.shape[0]):
        sums = result[channel]
        sums[:] = 0.0
        for phase in range(times):
            for sample in range(part.size):
                part[sample] = padded[channel, sample * times + phase]
            # The filter is symmetric: read forwards, it is a convolution.
            for tap in range(0, count, 4):
                a, b, c, d = taps[tap, phase], taps[tap + 1, phase], taps[tap + 2, phase], taps[tap + 3, phase]
                sound = part[tap:]
                for i in range(sums.size):
                    sums[i] = sums[i] + a * sound[i] + b * sound[i + 1] + c * sound[i + 2] + d * sound[i + 3]


class Oversampler:
    """Goes up to a higher rate and back, remembering what came before.

    Args:
        sample_rate: The outer rate in Hz.
        channels: Channels of the sound.

    Attributes:
        factor: How many inner samples an outer one has.
        rate: The inner rate in Hz.
        latency: How many outer samples up and down together are late.
    """

    def __init__(self, sample_rate: float, channels: int) -> None:
        self.factor = factor(sample_rate)
        self.rate = sample_rate * self.factor
        self.latency = TAPS - 1
        self._taps = lowpass(self.factor)
        self._before_up = np.zeros((channels, TAPS - 1))
        self._before_down = np.zeros((channels, (TAPS - 1) * self.factor))

    def up(self, audio: NDArray[np.float32]) -> NDArray[np.float64]:
        """``(channels, n)`` to ``(channels, n * factor)``."""
        padded = np.concatenate([self._before_up, audio], axis=1)
        result = np.empty((len(audio), audio.shape[1] * self.factor))
        _up(padded, self._taps, result)
        self._before_up = padded[:, audio.shape[1] :]
        return result

    def down(self, inner: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(channels, n * factor)`` to ``(channels, n)``."""
        padded = np.concatenate([self._before_down, inner], axis=1)
        result = np.empty((len(inner), inner.shape[1] // self.factor))
        _down(padded, self._taps, result)
        self._before_down = padded[:, inner.shape[1] :]
        return result


class Oversampled(ABC):
    """An effect whose :meth:`distort` runs at the inner rate of an :class:`Oversampler`.

    Args:
        sample_rate: The outer rate in Hz.
        channels: Channels of the sound.
    """

    def __init__(self, sample_rate: float, channels: int) -> None:
        self._oversampler = Oversampler(sample_rate, channels)
        self.inner_rate = self._oversampler.rate
        self.latency = self._oversampler.latency

    @abstractmethod
    def distort(self, inner: NDArray[np.float64]) -> None:
        """Process ``(channels, n * factor)`` in place, going on from the call before."""

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece ``(channels, n)`` and give as much."""
        result = np.empty(audio.shape, dtype=np.float32)
        # Pieces that fit the processor's cache.
        for first in range(0, audio.shape[1], 2048):
            inner = self._oversampler.up(audio[:, first : first + 2048])
            self.distort(inner)
            result[:, first : first + 2048] = self._oversampler.down(inner)
        return result
