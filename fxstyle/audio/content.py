"""Whether two sounds are the same performance, and by how much one is late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fxstyle.audio.resample import resample, to_channels

LONGEST_LAG_SECONDS = 1.0
SAME_FROM = 1.5
"""Score from which two sounds are one performance. Of sounds from 1 s on through all effects of ``conf/effects`` at
random settings, 4 % lie below (5 % of shorter ones); of pairs of different recordings 0.3 % lie above (4 %)."""
LAG_COST = 0.5
"""What a lag of one second takes from the score: bars that repeat are alike at a lag, and few files start that late."""
SHORT_COST = 1.2
"""What each second that is missing to one takes from it: all single notes are alike."""
WHITENED_WEIGHT = 3.0
"""The whitened cross-correlation is low where much lies between two sounds, and near 0 where they are not the same."""

_RATE = 16_000
_WINDOW, _HOP = 512, 160
_BANDS = 24
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 7200.0
_RANGE_DB = 60.0
_LEAST_OVERLAP = 0.5
# Allpass and equalising effects smear the direct sound by less than this; it is no delay to take away.
_SMEAR_SECONDS = 0.001


@dataclass(frozen=True)
class Likeness:
    """How alike two sounds are in what is played, whatever effect lies between them.

    Attributes:
        score: Up to 5: the correlation of their band levels over time, that of the rises of these levels, and
            :data:`WHITENED_WEIGHT` times the peak of their whitened cross-correlation; less :data:`LAG_COST` and
            :data:`SHORT_COST`.
        lag: By how many samples the second is later than the first, at their sample rate.
    """

    score: float
    lag: int

    @property
    def same(self) -> bool:
        """Whether they are one performance."""
        return self.score >= SAME_FROM


def compare_content(first: NDArray[np.float32], second: NDArray[np.float32], sample_rate: int) -> Likeness:
    """Compare two sounds that start together up to 1 s, such as a dry one and what an effect made of it.

    Band levels survive distortion, their rises survive reverberation, and the whitened cross-correlation survives
    everything linear; neither equalisation nor level matters. A lag of 0 is preferred where there is a peak, so that
    the echo of a delay is not taken for lateness.

    Args:
        first: ``(channels, samples)``.
        second: ``(channels, samples)``, of any length; both are cut to the shorter one.
        sample_rate: Of both, in Hz.

    Source: Knapp and Carter 1976 (generalised cross-correlation with phase transform).
    """
    length = min(first.shape[1], second.shape[1])
    one, two = (resample(to_channels(sound[:, :length], 1), sample_rate, _RATE)[0] for sound in (first, second))
    whitened = _whitened_correlation(one, two)
    middle = len(whitened) // 2
    levels, rises = _correlations(_band_levels(one), _band_levels(two), middle // _HOP)
    shared = levels + rises
    candidates = (int(np.argmax(whitened)) - middle, (int(np.argmax(shared)) - len(shared) // 2) * _HOP)
    scores = [_at(shared, round(lag / _HOP), 1) + WHITENED_WEIGHT * _at(whitened, lag, _HOP) for lag in candidates]
    score, lag = max(zip(scores, candidates, strict=True))
    near = np.arange(max(lag - _HOP, -middle), min(lag + _HOP, middle) + 1)
    lag = int(near[np.argmax(whitened[near + middle])])
    smear = round(_SMEAR_SECONDS * _RATE)
    if _at(whitened, 0, smear) >= 0.5 * _at(whitened, lag, smear) and _at(shared, 0, 1) >= 0.5 * shared.max():
        lag = 0
    cost = LAG_COST * abs(lag) / _RATE + SHORT_COST * max(1.0 - length / sample_rate, 0.0)
    return Likeness(float(score) - cost, round(lag * sample_rate / _RATE))


def align(
    first: NDArray[np.float32], second: NDArray[np.float32], lag: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut ``(channels, any)`` both to their common part, where the second is later by ``lag`` samples."""
    first, second = first[:, max(-lag, 0) :], second[:, max(lag, 0) :]
    length = min(first.shape[1], second.shape[1])
    return first[:, :length], second[:, :length]


def _at(values: NDArray[np.floating], lag: int, around: int) -> float:
    """The highest of values by lag, the middle one being lag 0, near one lag."""
    place = len(values) // 2 + lag
    return float(values[max(place - around, 0) : place + around + 1].max(initial=0.0))


def _whitened_correlation(one: NDArray[np.float32], two: NDArray[np.float32]) -> NDArray[np.float64]:
    """Magnitude of the cross-correlation of all frequencies at one level, by lag; 1 for a mere delay."""
    longest = min(round(LONGEST_LAG_SECONDS * _RATE), int(_LEAST_OVERLAP * len(one)))
    size = 1 << (len(one) + longest).bit_length()
    cross = np.conj(np.fft.rfft(one, size)) * np.fft.rfft(two, size)
    magnitude = np.abs(cross)
    cross /= magnitude + 1e-9 * magnitude.max() + np.finfo(np.float64).tiny
    correlation = np.abs(np.fft.irfft(cross, size))
    return np.concatenate([correlation[-longest:], correlation[: longest + 1]]) if longest else correlation[:1]


def _band_levels(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Levels in dB ``(frames, bands)``, limited to the 60 dB below the loudest."""
    padded = np.pad(sound, (0, max(_WINDOW - len(sound), 0)))
    frames = sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32))) ** 2
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / _RATE)
    inside = (bins >= edges[:-1, None]) & (bins < edges[1:, None])
    nearest = bins == bins[np.argmin(np.abs(bins - edges[:-1, None]), axis=1)][:, None]
    bank = np.where(inside.any(axis=1, keepdims=True), inside, nearest).T.astype(np.float64)
    banded = power @ bank
    return 10 * np.log10(banded + max(banded.max() * 10 ** (-_RANGE_DB / 10), 1e-12))


def _correlations(
    one: NDArray[np.float64], two: NDArray[np.float64], longest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation over time of levels, and of their rises, by lag in frames: each band's own, weighed by its power."""
    found = []
    for first, second in ((one, two), tuple(np.maximum(np.diff(part, axis=0), 0) for part in (one, two))):
        found.append(np.array([_correlation(first, second, lag) for lag in range(-longest, longest + 1)]))
    return found[0], found[1]


def _correlation(one: NDArray[np.float64], two: NDArray[np.float64], lag: int) -> float:
    first, second = one[max(-lag, 0) :], two[max(lag, 0) :]
    length = min(len(first), len(second))
    if length < 2:
        return 0.0
    first, second = (part[:length] - part[:length].mean(axis=0) for part in (first, second))
    spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    shared = (first * second).sum(axis=0) / np.maximum(spread, 1e-9)
    weight = np.sqrt(spread)
    return float((shared * weight).sum() / max(float(weight.sum()), 1e-9))
