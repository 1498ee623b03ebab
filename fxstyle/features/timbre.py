"""Brightness and depth: perceptual regressions of the AudioCommons project, computed for whole batches.

Source: A. Pearce, T. Brookes and R. Mason, AudioCommons deliverables D5.2 to D5.8 (2017-2019), "timbral models" 0.4.
Their reference implementation is timbral-models 0.4.0 (Andy Pearce, University of Surrey, Apache-2.0), against which
the tests compare; this is an independent implementation of the published formulas and copies none of its code.

What makes it fast and is exact: the front end's loudness normalisation to -24 LUFS is a gain, and both descriptors are
divided by the peak, so that it cancels and is not computed; a power-weighted mean of frame ratios is a ratio of sums;
and a frame's power needs no transform (Parseval).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import butter, get_window, sosfilt

from fxstyle.features.onsets import onsets

ANALYSIS_RATE = 44_100
BRIGHTNESS_WINDOW = 2048
DEPTH_WINDOW = 4096
ENVELOPE_STEP = 256
FRAME_THRESHOLD = 10.0 ** (-60.0 / 20.0)
DECAY_THRESHOLD = 10.0 ** (-40.0 / 20.0)
PEAK_THRESHOLD = 0.01
CENTROID_LIMIT_HZ = 2000.0
FRAMES_AT_ONCE = 16


@dataclass(frozen=True)
class Timbre:
    """Perceptual descriptors of a batch of clips, roughly 0 to 100.

    Attributes:
        brightness: ``(batch,)``, float64; ``nan`` for silence.
        depth: ``(batch,)``, float64; ``nan`` for silence.
    """

    brightness: NDArray[np.float64]
    depth: NDArray[np.float64]


def brightness(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Perceived brightness of each clip; higher is brighter (white noise: about 87, a 220 Hz sine: about 19).

    ``4.6131 log10(ratio) + 17.3789 log10(centroid) + 17.4347``, with the ratio of the power above 2 kHz to all power,
    and the spectral centroid in Hz of what is above 100 Hz.

    Args:
        audio: ``(batch, samples)``, or ``(batch, channels, samples)``, whose channels are summed.
        sample_rate: In Hz; clips below 44.1 kHz are upsampled to it.

    Returns:
        ``(batch,)``; ``nan`` for clips that are silent or hold a value that is not finite.

    Raises:
        ValueError: If the shape is another one, there are no samples or the rate is not positive.
    """
    return np.array([_brightness(clip, rate) for clip, rate in _front_end(audio, sample_rate)], dtype=np.float64)


def depth(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Perceived depth of each clip; higher is deeper (white noise: about 37, a 220 Hz sine: about 63).

    ``66.695 - .00437 m1 + 32.837 m2 + 4.7509 m3 - 14.217 m4 + 3.878 m5 - .8545 m6``: m1 the centroid below 2 kHz in Hz,
    m2 the share of the power below 500 Hz, m3 the log10 of the notes' mean decay time in s, m4 the log10 of the lowest
    spectral peak in Hz, ``m5 = m2 m3``, ``m6 = m3 m2^10 / (m2^10 + 0.2)``.

    Args:
        audio: ``(batch, samples)``, or ``(batch, channels, samples)``, whose channels are summed.
        sample_rate: In Hz; clips below 44.1 kHz are upsampled to it.

    Returns:
        ``(batch,)``; ``nan`` for clips that are silent or hold a value that is not finite.

    Raises:
        ValueError: If the shape is another one, there are no samples or the rate is not positive.
    """
    return np.array([_depth(clip, rate) for clip, rate in _front_end(audio, sample_rate)], dtype=np.float64)


def timbre(audio: NDArray[np.float32], sample_rate: int) -> Timbre:
    """Brightness and depth of each clip, with one front end; see :func:`brightness` and :func:`depth`."""
    both = [(_brightness(clip, rate), _depth(clip, rate)) for clip, rate in _front_end(audio, sample_rate)]
    columns = np.array(both, dtype=np.float64).reshape(-1, 2).T
    return Timbre(brightness=columns[0].copy(), depth=columns[1].copy())


def _front_end(audio: NDArray[np.float32], sample_rate: int) -> Iterator[tuple[NDArray[np.float64], int]]:
    """Each clip as mono at 44.1 kHz or above, high-passed at 20 Hz, with peak 1; a clip without samples if silent."""
    if audio.ndim not in (2, 3) or audio.shape[-1] == 0 or audio.shape[1] == 0:
        raise ValueError(f"audio must be (batch, samples) or (batch, channels, samples), not {audio.shape}")
    if sample_rate <= 0:
        raise ValueError(f"sample_rate must be positive, not {sample_rate}")
    rate = max(sample_rate, ANALYSIS_RATE)
    for item in audio:
        clip = item.sum(axis=0, dtype=np.float64) if item.ndim == 2 else item.astype(np.float64)
        peak = _peak(clip)
        if not (np.isfinite(peak) and peak > 0.0):
            yield np.zeros(0), rate
            continue
        # Before the filters, so that no quiet clip runs into subnormal numbers.
        clip /= peak
        if rate != sample_rate:
            length = -(-len(clip) * rate // sample_rate)
            clip = soxr.resample(clip, sample_rate, rate, quality="HQ")[:length]
            clip = np.pad(clip, (0, length - len(clip)))
        clip = _filter(clip, 20.0, "highpass", rate)
        clip /= _peak(clip)
        yield clip, rate


def _brightness(clip: NDArray[np.float64], rate: int) -> float:
    """Brightness of one clip of the front end."""
    if not len(clip):
        return np.nan
    window = _window(min(len(clip), BRIGHTNESS_WINDOW))
    power = _frame_powers(clip, window)
    if not power.sum() > 0.0:
        return np.nan
    high = _frame_powers(_filter(clip, 2000.0, "highpass", rate), window)
    ratio = high[power > 0.0].sum() / power.sum()
    spectrum = _summed_spectrum(_filter(clip, 100.0, "highpass", rate), window, BRIGHTNESS_WINDOW)
    centroid = spectrum @ np.fft.rfftfreq(BRIGHTNESS_WINDOW, 1.0 / rate) / spectrum.sum()
    with np.errstate(divide="ignore"):
        value = 4.613128018020465 * np.log10(ratio) + 17.378889309312974 * np.log10(centroid) + 17.434733750553022
    return float(value) if np.isfinite(value) else np.nan


def _depth(clip: NDArray[np.float64], rate: int) -> float:
    """Depth of one clip of the front end."""
    if not len(clip):
        return np.nan
    window = _window(min(len(clip), DEPTH_WINDOW))
    frequencies = np.arange(DEPTH_WINDOW // 2 + 1, dtype=np.float64) * rate / DEPTH_WINDOW
    power = _frame_powers(clip, window)
    if not power.sum() > 0.0:
        return np.nan
    # Power as the sum of a 'spectrum'-scaled transform, which is what the threshold of -60 dB refers to.
    heard = power * DEPTH_WINDOW / window.sum() ** 2 > FRAME_THRESHOLD
    low = _frame_powers(_filter(clip, 500.0, "lowpass", rate), window)
    share = low[heard].sum() / power.sum()

    centroids = _centroids(_filter(clip, CENTROID_LIMIT_HZ, "lowpass", rate), window, frequencies)
    centroid = min((power[heard] * centroids[heard]).sum() / power.sum(), CENTROID_LIMIT_HZ)

    spectrum = _summed_spectrum(clip, window, DEPTH_WINDOW)
    lowest = _lowest_peak((spectrum - spectrum.min()) / (spectrum.max() - spectrum.min()), frequencies)
    pitch = np.log10(lowest) if lowest > 0.0 else 0.0

    with np.errstate(divide="ignore", invalid="ignore"):
        decay = np.log10(_decay_times(clip, rate).mean())
        value = (
            66.69534393444391
            - 0.0043703565847874465 * centroid
            + 32.83743202462131 * share
            + 4.750862716905235 * decay
            - 14.217438690256062 * pitch
            + 3.8782339862813924 * share * decay
            - 0.8544826091735516 * share**10 / (share**10 + 0.2) * decay
        )
    return float(value) if np.isfinite(value) else np.nan


def _decay_times(clip: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Seconds each note takes from its maximum to 40 dB below the clip's, or to the next note.

    Notes begin at the onsets; levels are those of consecutive blocks of 256 samples (root mean square, largest = 1).
    """
    squares = np.add.reduceat(clip**2, np.arange(0, len(clip), ENVELOPE_STEP))
    sizes = np.full(len(squares), ENVELOPE_STEP)
    sizes[-1] = len(clip) - ENVELOPE_STEP * (len(squares) - 1)
    level = np.sqrt(squares / sizes)
    level /= level.max()
    starts = onsets(clip, rate) // ENVELOPE_STEP
    blocks = []
    for note in np.split(level, starts)[1:]:
        after = note[note.argmax() :]
        below = after < DECAY_THRESHOLD
        blocks.append(int(below.argmax()) if below.any() else len(after))
    return np.array(blocks) * ENVELOPE_STEP / rate


def _lowest_peak(spectrum: NDArray[np.float64], frequencies: NDArray[np.float64]) -> float:
    """Frequency in Hz of the lowest significant peak of a spectrum scaled to 0 to 1, by parabolic interpolation.

    A local maximum is significant if it rises by 0.01 above the lowest points on both sides, between it and the next
    peak that is considered. Source: MIRtoolbox's ``mirpeaks``, which the timbral models follow.
    """
    padded = np.concatenate([[-2.0], spectrum, [-2.0]])
    slope = np.diff(padded)
    maxima = np.flatnonzero((spectrum >= PEAK_THRESHOLD) & (slope[:-1] > 0.0) & (slope[1:] <= 0.0)).tolist()
    peak, valley_before, valley_after = maxima[0], -2.0, np.inf
    for previous, candidate in pairwise(maxima):
        # The last bin before a maximum is left out of the valley, as in the published model.
        valley_after = min(valley_after, float(spectrum[previous : candidate - 1].min()))
        notch = spectrum[peak] - valley_after >= PEAK_THRESHOLD
        if notch and spectrum[peak] - valley_before >= PEAK_THRESHOLD:
            break
        valley_before = min(valley_before, valley_after)
        if notch or spectrum[candidate] > spectrum[peak]:
            peak, valley_after = candidate, np.inf
    if not 0 < peak < len(spectrum) - 1:
        return float(frequencies[peak])
    below, here, above = spectrum[peak - 1 : peak + 2]
    offset = (above - below) / (2.0 * (2.0 * here - above - below))
    return float(frequencies[peak] + offset * frequencies[1])


def _peak(clip: NDArray[np.float64]) -> float:
    """Largest magnitude."""
    return float(max(clip.max(), -clip.min()))


@lru_cache(maxsize=32)
def _sections(cutoff: float, kind: str, rate: int) -> NDArray[np.float64]:
    """Three second-order Butterworth filters in a row, as second-order sections."""
    return np.tile(butter(2, cutoff, kind, fs=rate, output="sos"), (3, 1))


def _filter(clip: NDArray[np.float64], cutoff: float, kind: str, rate: int) -> NDArray[np.float64]:
    """The clip through the triple Butterworth filter, causally, from rest."""
    return sosfilt(_sections(cutoff, kind, rate), clip)


@lru_cache(maxsize=32)
def _window(size: int) -> NDArray[np.float64]:
    """Periodic Hamming window."""
    return get_window("hamming", size)


def _frame_powers(clip: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windowed energy of each frame after removal of its mean: by Parseval the sum of its power spectrum."""
    size = len(window)
    hop = size // 4 if size % 4 == 0 else size
    count = 1 + (len(clip) - size) // hop
    blocks = clip[: (count - 1) * hop + size].reshape(-1, hop)
    weights = (window**2).reshape(-1, hop)
    parts = len(weights)

    def framed(products: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([products[part : part + count, part] for part in range(parts)]).sum(axis=0)

    mean = framed(np.tile(blocks.sum(axis=1, keepdims=True), parts)) / size
    energy = framed(blocks**2 @ weights.T) - 2.0 * mean * framed(blocks @ weights.T) + mean**2 * weights.sum()
    return np.maximum(energy, 0.0)


def _spectra(clip: NDArray[np.float64], window: NDArray[np.float64], fft_size: int) -> Iterator[NDArray[np.float32]]:
    """Transforms of the windowed frames after removal of their mean, a few frames at a time to stay in the cache.

    Their scale is the clip's own. Yields ``(frames, 2 * (fft_size // 2 + 1))``: real and imaginary parts in turn.
    """
    size = len(window)
    # Single precision is enough once a filtered branch, however faint, has peak 1.
    scaled = np.empty(len(clip), dtype=np.float32)
    np.multiply(clip, 1.0 / (_peak(clip) or 1.0), out=scaled, casting="same_kind")
    single = window.astype(np.float32)
    frames = sliding_window_view(scaled, size)[:: max(size // 4, 1)]
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        part = frames[start : start + FRAMES_AT_ONCE]
        windowed = part - part.mean(axis=1, keepdims=True)
        windowed *= single
        yield rfft(windowed, fft_size).view(np.float32)


def _summed_spectrum(clip: NDArray[np.float64], window: NDArray[np.float64], fft_size: int) -> NDArray[np.float64]:
    """One-sided power spectrum ``(fft_size // 2 + 1,)`` summed over the frames, in an arbitrary unit."""
    total = sum(np.einsum("fk,fk->k", spectra, spectra) for spectra in _spectra(clip, window, fft_size))
    return total.astype(np.float64).reshape(-1, 2).sum(axis=1) * _one_sided(fft_size)


def _centroids(clip: NDArray[np.float64], window: NDArray[np.float64], frequencies: NDArray) -> NDArray[np.float64]:
    """Power-weighted mean frequency ``(frames,)`` of each frame in Hz; ``nan`` where a frame is silent."""
    fft_size = 2 * (len(frequencies) - 1)
    weights = np.stack([_one_sided(fft_size), _one_sided(fft_size) * frequencies], axis=1)
    weights = np.repeat(weights, 2, axis=0).astype(np.float32)
    moments = np.concatenate([spectra**2 @ weights for spectra in _spectra(clip, window, fft_size)])
    with np.errstate(invalid="ignore"):
        return moments[:, 1].astype(np.float64) / moments[:, 0]


@lru_cache(maxsize=4)
def _one_sided(fft_size: int) -> NDArray[np.float64]:
    """What each bin of a one-sided power spectrum stands for: 2, but 1 at 0 Hz and at half the sample rate."""
    weights = np.full(fft_size // 2 + 1, 2.0)
    weights[[0, -1]] = 1.0
    return weights
