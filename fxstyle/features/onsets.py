"""Note onsets and their envelopes as the AudioCommons timbral models define them.

Candidates come from the spectral flux of a mel spectrogram (Boeck and Widmer 2013, as in librosa), are moved back to
where a peak-hold envelope stops falling, and survive if they stand out of the noise and of their neighbours (Pearce et
al., "Hardness" and "Depth", AudioCommons deliverable D5.6, 2018). Credit: timbral-models 0.4.0 by Andy Pearce,
University of Surrey (Apache-2.0). This is an independent implementation of the published method; no code is copied.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import get_window

from fxstyle.features.mel import mel_filter_bank

FLUX_WINDOW = 2048
FLUX_HOP = 512
MEL_BANDS = 128
FRAMES_AT_ONCE = 16
POWER_FLOOR = 1e-10
DYNAMIC_RANGE_DB = 80.0
PEAK_ABOVE_MEAN = 0.07

HOLD_SECONDS = 0.01
FULL_DECAY_SECONDS = 0.2
LOOK_BACK_SECONDS = 0.02
HYSTERESIS_SECONDS = 0.3
SEPARATION_SECONDS = 0.1
SIGNIFICANT_RISE = 0.1
SIGNIFICANT_FLUX = 3.0


def spectral_flux(audio: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """Mean rise of the mel bands' levels from frame to frame, in dB.

    Frames of 2,048 samples (Hann) every 512, centred, with silence outside; levels in 128 mel bands, limited to the
    80 dB below the loudest. Delayed by the three frames that a rise needs to fill the window.

    Args:
        audio: ``(samples,)``, peak 1.
        sample_rate: In Hz.

    Returns:
        ``(1 + samples // 512,)``.
    """
    padded = np.pad(audio, FLUX_WINDOW // 2)
    frames = sliding_window_view(padded, FLUX_WINDOW)[::FLUX_HOP]
    window = get_window("hann", FLUX_WINDOW)
    filters = mel_filter_bank(sample_rate, FLUX_WINDOW, MEL_BANDS).T
    powers = []
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        parts = rfft(frames[start : start + FRAMES_AT_ONCE] * window).view(np.float64)
        parts *= parts
        powers.append((parts[:, ::2] + parts[:, 1::2]) @ filters)
    level = 10.0 * np.log10(np.maximum(np.concatenate(powers), POWER_FLOOR))
    np.maximum(level, level.max() - DYNAMIC_RANGE_DB, out=level)
    rise = np.maximum(np.diff(level, axis=0), 0.0).mean(axis=1)
    delay = 1 + FLUX_WINDOW // (2 * FLUX_HOP)
    return np.concatenate([np.zeros(delay), rise])[: len(level)]


def flux_peaks(flux: NDArray[np.float64], sample_rate: int) -> NDArray[np.intp]:
    """Frames where the flux peaks, each moved back to the minimum before it.

    A peak is the largest of its last 30 ms, exceeds the mean of 100 ms on either side by 0.07 of the whole range, and
    comes more than 30 ms after the one before.

    Args:
        flux: ``(frames,)`` from :func:`spectral_flux`.
        sample_rate: In Hz.
    """
    span = flux.max() - flux.min()
    if not span > 0.0:
        return np.zeros(0, dtype=np.intp)
    level = (flux - flux.min()) / span
    frames = len(level)
    before, around = int(0.03 * sample_rate // FLUX_HOP), int(0.1 * sample_rate // FLUX_HOP)
    highest = sliding_window_view(np.pad(level, (before, 0)), before + 1).max(axis=1)
    total = np.concatenate([[0.0], np.cumsum(level)])
    first, last = np.maximum(np.arange(frames) - around, 0), np.minimum(np.arange(frames) + around + 1, frames)
    mean = (total[last] - total[first]) / (last - first)
    peaks: list[int] = []
    for frame in np.flatnonzero((level == highest) & (level >= mean + PEAK_ABOVE_MEAN)):
        if not peaks or frame - peaks[-1] > before:
            peaks.append(int(frame))
    minima = 1 + np.flatnonzero((level[1:-1] <= level[:-2]) & (level[1:-1] < level[2:]))
    minima = np.concatenate([[0], minima])
    return minima[np.searchsorted(minima, np.array(peaks, dtype=np.intp), side="right") - 1]


def peak_hold_envelope(audio: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """Rectified level that holds each peak for 10 ms, then falls along a line that takes 0.2 s from full level.

    The definition is a recursion over samples. Here whole stretches are filled at once: a running maximum while a peak
    is held, a line until the signal meets it, and the signal itself where it falls more slowly than the line.

    Args:
        audio: ``(samples,)``.
        sample_rate: In Hz.
    """
    level = np.abs(audio)
    length = len(level)
    hold = math.ceil(HOLD_SECONDS * sample_rate)
    step = level.max() / (FULL_DECAY_SECONDS * sample_rate)
    ramp = step * np.arange(1, 2 * hold + 1)
    # Where the level rises or falls by more than a step; a few places more do no harm.
    change = np.diff(level)
    change += step / 2.0
    leaves = np.abs(change, out=change) >= step / 2.0
    envelope = np.empty(length)
    position = 0
    while position < length:
        # A peak starts here: hold it, or whichever higher one comes before its time is over.
        block = level[position : position + 2 * hold]
        highest = np.maximum.accumulate(block)
        rises = np.flatnonzero(block == highest)
        lonely = np.flatnonzero(np.diff(rises) > hold + 1)
        peak = int(rises[lonely[0]] if len(lonely) else rises[-1])
        stop = peak + hold + 1
        if stop > len(block) and position + len(block) < length and peak > 0:
            # What follows the block may still be higher: look again from this peak.
            envelope[position : position + peak] = highest[:peak]
            position += peak
            continue
        envelope[position : position + stop] = highest[:stop]
        position += stop
        falling_from = highest[min(stop, len(block)) - 1]
        while position < length:
            block = level[position : position + len(ramp)]
            line = falling_from - ramp[: len(block)]
            meets = block >= line
            first = int(meets.argmax())
            if not meets[first]:
                envelope[position : position + len(block)] = line
                position += len(block)
                falling_from = line[-1]
                continue
            envelope[position : position + first] = line[:first]
            position += first
            previous = line[first - 1] if first else falling_from
            if level[position] >= previous:
                break
            ahead = leaves[position : position + hold]
            follows = int(ahead.argmax()) if len(ahead) else 0
            left = position + 1 + (follows if len(ahead) and ahead[follows] else len(ahead))
            envelope[position:left] = level[position:left]
            position = left
            falling_from = level[left - 1]
            if left < length and level[left] >= falling_from:
                break
    return envelope


def _walk_back(position: int, envelope: NDArray[np.float64], sample_rate: int, rise: float) -> int:
    """Move an onset back to where the envelope stops falling; 0 when it comes within 512 samples of the start."""
    look_back, hysteresis = int(LOOK_BACK_SECONDS * sample_rate), int(HYSTERESIS_SECONDS * sample_rate)
    while True:
        here = envelope[position]
        before = envelope[position - look_back - 1 : position] if position > look_back else envelope[: position - 1]
        lowest = int(before.argmin())
        if before[lowest] <= here:
            # Counted from the look-back's start even where the clip starts later, as in the published model.
            position = lowest + position - look_back - 1
            if position <= FLUX_HOP:
                return 0
            continue
        before = envelope[max(position - hysteresis - 1, 0) : position]
        lower = np.flatnonzero(before < here)
        if not len(lower):
            return position
        since = before[lower[-1] :]
        if since.max() - since.min() >= rise:
            return position
        position = position - len(since)
        if position < FLUX_HOP:
            return 0


def _standing_out(onsets: list[int], envelope: NDArray[np.float64], rise: float) -> list[int]:
    """Onsets whose attack, up to the maximum before the next onset kept, spans at least ``rise``."""
    kept = list(onsets)
    for index in reversed(range(len(onsets))):
        segment = envelope[kept[index] : kept[index + 1] if index + 1 < len(kept) else None]
        peak = int(segment.argmax()) if len(segment) > 1 else 0
        if peak == 0 or segment[peak] - segment[:peak].min() < rise:
            del kept[index]
    return kept


def onsets(audio: NDArray[np.float64], sample_rate: int) -> NDArray[np.intp]:
    """Sample positions of the notes' onsets, in order; ``[0]`` where none is found.

    Args:
        audio: ``(samples,)``, peak 1.
        sample_rate: At least 44,100 Hz, for which the thresholds were published.
    """
    start = np.zeros(1, dtype=np.intp)
    flux = spectral_flux(audio, sample_rate)
    candidates = flux_peaks(flux, sample_rate) * FLUX_HOP
    if not len(candidates):
        return start
    envelope = peak_hold_envelope(audio, sample_rate)
    rise = SIGNIFICANT_RISE * (envelope.max() - envelope.min())
    found: list[int] = []
    for order, candidate in enumerate(candidates.tolist()):
        if order and candidate > 0 and candidate + FLUX_HOP - 1 >= len(audio):
            continue
        position = _walk_back(candidate, envelope, sample_rate, rise) if 0 < candidate < len(audio) else 0
        if not found or (position > 0 and position not in found):
            found.append(position)
    if len(found) > 1:
        found = _standing_out(found, envelope, rise)
    separation = SEPARATION_SECONDS * sample_rate
    while True:
        # All that follow another too closely go at once, then the rest is looked at again.
        apart = [later for earlier, later in pairwise(found) if later - earlier >= separation]
        if len(apart) + 1 >= len(found):
            break
        found = found[:1] + apart
    kept: list[int] = []
    end = len(flux)
    for position in reversed(found):
        frame = position // FLUX_HOP
        if flux[frame:end].max() >= SIGNIFICANT_FLUX:
            kept.append(position)
            end = frame
    return np.array(kept[::-1], dtype=np.intp) if kept else start
