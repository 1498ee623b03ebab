"""By how much a wet recording is later than its dry one, and whether that changes, whatever effect lies between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from fxstyle.audio.linear_fit import explained

LONGEST_LAG_SECONDS = 1.0

_CHUNK = 1 << 18
_MOST_CHUNKS = 16
_COMPARED = 1 << 20
# Sounds that are cut out of longer ones begin and end with steps, and all frequencies of these steps agree on lag 0.
_FADE = 2048
# Where the dry sound has nothing (above what an MP3 or another rate left), the phase is that of rounding errors.
_EMPTY = 1e-12
# A path counts as one where the correlation is this high against its highest peak, and an early one where it explains
# this much of what later ones do not: the phase transform shows echoes before the direct sound as well as after it.
_PATH = 0.2
_PATH_SHARE = 0.05
_PATHS = 6
_APART_SECONDS = 0.003
_TAPS, _BEFORE = 64, 8
# A peak is believed where sound at its lag explains a fifth of the wet one, or half of the windows have it too; but
# not for windows alone: two recordings of one converter share its idle tones.
_BELIEVED_SHARE, _LEAST_SHARE = 0.2, 0.03
_BELIEVED_WINDOWS = 0.5
_WINDOW_SECONDS = 0.25
_REACH_SECONDS = 0.02
_MOST_DRIFT = 200e-6
_MOST_WINDOWS = 96
_LEAST_WINDOWS = 6
_NEAR = 3.0
_QUIET_WINDOW = 1e-4


@dataclass(frozen=True)
class Alignment:
    """By how much a wet sound is later than its dry one.

    Attributes:
        lag: In whole samples; negative where the wet sound is early. That of the middle where it drifts.
        exact: The same to a hundredth of a sample.
        trusted: Whether the direct sound was found; where not, the lag is only the best guess.
        negative: Whether the direct sound is upside down.
        drift_ppm: By how many samples in a million the lag grows; 0 where nothing speaks for a drift.
        drift_samples: By how much it grows over the recording.
        agreement: Share of short windows that have the lag, ``nan`` where none has sound.
    """

    lag: int
    exact: float
    trusted: bool
    negative: bool
    drift_ppm: float
    drift_samples: float
    agreement: float


def find_alignment(dry: NDArray[np.floating], wet: NDArray[np.floating], sample_rate: int) -> Alignment:
    """Find the direct sound of a dry recording in a wet one, within one second.

    The direct sound is the earliest path: where an echo, a modulated or a reverberated copy is stronger, an earlier
    peak is taken that explains something of the wet sound that the later ones do not.

    Args:
        dry: ``(samples,)``.
        wet: ``(samples,)``, of any length.
        sample_rate: Of both, in Hz.
    """
    longest = min(round(LONGEST_LAG_SECONDS * sample_rate), max(min(len(dry), len(wet)) // 2, 1))
    correlation = phase_correlation(dry, wet, longest)
    # Differences balance bass and treble: the loudest partial of a note explains copies at any delay.
    length = min(len(dry), len(wet))
    part = slice(max(length - _COMPARED, 0) // 2, max(length - _COMPARED, 0) // 2 + _COMPARED)
    sharp = np.diff(dry[part].astype(np.float64)), np.diff(wet[part].astype(np.float64))
    lag = _direct(correlation, *sharp, round(_APART_SECONDS * sample_rate))
    share = explained(*sharp, np.arange(lag - _BEFORE, lag - _BEFORE + _TAPS))
    times, lags = _window_lags(dry, wet, lag, sample_rate)
    slope, start, agreement = _line(times, lags, float(lag))
    if not slope and agreement < _BELIEVED_WINDOWS:
        # What drifts has no one peak, and the highest one may lie so far off that windows find a period of the tone.
        again = _line(*_window_lags(dry, wet, round(float(np.median(lags))), sample_rate), float(lag))
        slope, start, agreement = again if again[0] else (slope, start, agreement)
    if slope:
        exact = start + slope * (length / 2)
        lag = round(exact)
    else:
        exact = lag + _peak_offset(correlation, longest + lag)
    return Alignment(
        lag=round(exact) if abs(exact - lag) <= 1 else lag,
        exact=exact,
        trusted=share >= _BELIEVED_SHARE or (agreement >= _BELIEVED_WINDOWS and (share >= _LEAST_SHARE or slope != 0)),
        negative=bool(correlation[longest + lag] < 0),
        drift_ppm=slope * 1e6,
        drift_samples=slope * length,
        agreement=agreement,
    )


def phase_correlation(dry: NDArray[np.floating], wet: NDArray[np.floating], longest: int) -> NDArray[np.float64]:
    """Cross-correlation of all frequencies at one level, by lag: 1 at the lag of a mere delay, -1 if upside down.

    Args:
        dry: ``(samples,)``.
        wet: ``(samples,)``, of any length; of long sounds, parts spread over their length are averaged.
        longest: Longest lag in samples.

    Returns:
        ``(2 * longest + 1,)``, lag 0 in the middle.

    Source: Knapp and Carter 1976 (generalised cross-correlation with phase transform).
    """
    length = min(len(dry), len(wet))
    chunk = min(length, _CHUNK)
    count = min(-(-length // chunk), _MOST_CHUNKS)
    total = np.zeros(2 * longest + 1)
    for start in np.linspace(0, length - chunk, count).astype(int):
        low = max(start - longest, 0)
        part = wet[low : start + chunk + longest]
        total += _whitened(dry[start : start + chunk], part, longest, start - low, min(_FADE, chunk // 4))
    return total / count


def _whitened(
    dry: NDArray[np.floating], wet: NDArray[np.floating], longest: int, before: int, fade: int
) -> NDArray[np.float64]:
    """One phase correlation; the wet sound starts ``before`` samples before the dry one, and both are faded."""
    size = next_fast_len(max(len(dry), len(wet)) + 2 * longest + 1, real=True)
    own = rfft(_faded(dry, fade), size)
    cross = np.conj(own) * rfft(_faded(wet, fade), size)
    power, magnitude = np.abs(own) ** 2, np.abs(cross)
    heard = (power > _EMPTY * power.max()) & (magnitude > 0)
    if not heard.any():
        return np.zeros(2 * longest + 1)
    phases = np.where(heard, cross / np.where(heard, magnitude, 1), 0)
    correlation = irfft(phases, size) / heard.mean()
    return correlation[(np.arange(-longest, longest + 1) + before) % size]


def _faded(sound: NDArray[np.floating], fade: int) -> NDArray[np.float64]:
    """A sound whose first and last samples rise from and fall to silence."""
    faded = sound.astype(np.float64)
    ramp = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / max(fade, 1)) ** 2
    faded[:fade] *= ramp
    faded[len(faded) - fade :] *= ramp[::-1]
    return faded


def _direct(correlation: NDArray[np.float64], dry: NDArray[np.float64], wet: NDArray[np.float64], apart: int) -> int:
    """Lag of the earliest path."""
    heights = np.abs(correlation)
    middle = len(heights) // 2
    left, top = heights.copy(), float(heights.max())
    paths: list[int] = []
    while len(paths) < _PATHS and left.max() > _PATH * top:
        place = int(np.argmax(left))
        paths.append(place - middle)
        left[max(place - apart, 0) : place + apart + 1] = 0
    if not paths:
        return 0
    direct = paths[0]
    for early in sorted((path for path in paths if path < direct), key=lambda path: -heights[path + middle]):
        later = [_taps_at(path) for path in paths if path > early]
        alone = explained(dry, wet, np.concatenate(later))
        if early < direct and explained(dry, wet, np.concatenate([*later, _taps_at(early)])) - alone >= _PATH_SHARE:
            direct = early
    return direct


def _taps_at(lag: int) -> NDArray[np.int64]:
    return np.arange(lag - _BEFORE, lag - _BEFORE + _TAPS)


def _peak_offset(correlation: NDArray[np.float64], place: int) -> float:
    """Where between the samples the peak lies, within one of the highest sample, by interpolation."""
    reach = 24
    near = correlation[max(place - reach, 0) : place + reach + 1]
    offsets = np.arange(max(place - reach, 0), max(place - reach, 0) + len(near)) - place
    fine = np.linspace(-1, 1, 201)
    distance = fine[:, None] - offsets[None, :]
    window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / (reach + 1), -1, 1))
    return float(fine[np.argmax(np.abs((np.sinc(distance) * window) @ near))])


def _window_lags(
    dry: NDArray[np.floating], wet: NDArray[np.floating], lag: int, sample_rate: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle of short windows with sound, in samples, and their own lags near a lag."""
    length = round(_WINDOW_SECONDS * sample_rate)
    count = min(len(dry) // length, _MOST_WINDOWS)
    reach = round(_REACH_SECONDS * sample_rate + _MOST_DRIFT * min(len(dry), len(wet)))
    times, lags, energies = [], [], []
    for start in np.linspace(0, len(dry) - length, count).astype(int) if count else ():
        if not 0 <= start + lag <= len(wet) - length:
            continue
        one, two = dry[start : start + length], wet[start + lag : start + lag + length]
        if np.any(one) and np.any(two):
            near = _whitened(one, two, min(reach, length // 2), 0, length // 2)
            place = int(np.argmax(np.abs(near)))
            times.append(start + length / 2)
            lags.append(lag + place - len(near) // 2 + _peak_offset(near, place))
            energies.append(float(np.dot(one, one)))
    loud = np.array(energies) >= _QUIET_WINDOW * max(energies, default=0.0)
    return np.array(times)[loud], np.array(lags)[loud]


def _line(times: NDArray[np.float64], lags: NDArray[np.float64], lag: float) -> tuple[float, float, float]:
    """Slope and start of the line on which the windows' lags lie, and the share that does; slope 0 without a drift.

    Source: Theil 1950, Sen 1968 (the median of all slopes).
    """
    if not len(times):
        return 0.0, lag, float("nan")
    still = float(np.mean(np.abs(lags - lag) <= _NEAR))
    if len(times) < _LEAST_WINDOWS:
        return 0.0, lag, still
    first, second = np.triu_indices(len(times), 1)
    slope = float(np.median((lags[second] - lags[first]) / (times[second] - times[first])))
    start = float(np.median(lags - slope * times))
    residuals = np.abs(lags - start - slope * times)
    moves = abs(slope) * float(times[-1] - times[0])
    spread = float(np.median(np.abs(lags - np.median(lags))))
    on_line = float(np.mean(residuals <= _NEAR))
    if moves >= 1 and abs(slope) <= _MOST_DRIFT and on_line >= _BELIEVED_WINDOWS and np.median(residuals) < spread / 2:
        return slope, start, on_line
    return 0.0, lag, still
