"""What is heard of a recording where nothing is played: noise and the hum of the mains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from fxstyle.audio.levels import to_db
from fxstyle.audio.linear_fit import fit_filter
from fxstyle.doctor.pair_findings import PairFinding

WARNED_NOISE = 1e-3
"""Error-to-signal ratio of noise that is worth knowing."""

_FRAME_SECONDS = 0.05
_LEAST_FRAMES = 4
_NOTHING_DB = -120.0
_NEIGHBOURS = 20
_NOISY = 0.35
_TAPS = 64
_QUIET = 10 ** (-50 / 20)
_LEAST_HUM_SECONDS = 0.4
_MOST_HUM_SECONDS = 4.0
_MAINS = (50.0, 60.0)
_HARMONICS = 6
_PROMINENT = 10.0
_LEAST_HUM_DB = -100.0


def find_quiet(dry: NDArray[np.float32], sample_rate: int) -> tuple[int, int]:
    """Start and end, in samples, of the longest passage of ``(1, samples)`` that lies 50 dB below its loudest frame."""
    length = round(_FRAME_SECONDS * sample_rate)
    levels = _frame_levels(dry[0], length)
    quiet = levels <= _QUIET * levels.max(initial=0.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(np.int8), [0]])))
    passages = [(int(first) * length, int(last) * length) for first, last in edges.reshape(-1, 2)]
    return max(passages, key=lambda passage: passage[1] - passage[0], default=(0, 0))


def noise_floor(
    dry: NDArray[np.float32], wet: NDArray[np.float32], quiet: tuple[int, int], sample_rate: int, name: str
) -> tuple[float, PairFinding]:
    """Level of the noise of a wet recording, where the dry one is quiet.

    What a short filter makes of the dry sound there is no noise: overdrive lifts the ends of notes. Nor are tones,
    which are echoes, reverberation or hum. Of the rest the calmest quarter counts.

    Args:
        dry: ``(1, samples)``.
        wet: ``(1, samples)``.
        quiet: Start and end of a quiet passage.
        sample_rate: In Hz.
        name: What the finding calls the wet sound.

    Returns:
        The level in dBFS RMS, ``nan`` where no noise can be measured, and the finding.
    """
    frame = round(_FRAME_SECONDS * sample_rate)
    one, two = (sound[0, quiet[0] : quiet[1]].astype(np.float64) for sound in (dry, wet))
    if len(one) < _LEAST_FRAMES * frame:
        sentence = "The dry sound is nowhere quiet: leave a second of silence in a recording to have noise measured."
        return float("nan"), PairFinding("noise", "ok", sentence)
    rest = two - oaconvolve(one, fit_filter(one, two, _TAPS))[: len(two)]
    floor = float(np.quantile(_frame_levels(rest - rest.mean(), frame), 0.25))
    share = floor**2 / float(np.mean(wet.astype(np.float64) ** 2))
    if to_db(floor) < _NOTHING_DB:
        return float("-inf"), PairFinding("noise", "ok", f"{name} has no noise where the dry sound is quiet.")
    if _flatness(rest) < _NOISY:
        sentence = (
            f"What {name} holds where the dry sound is quiet, {to_db(floor):.0f} dBFS, is rather echo or tone than "
            "noise."
        )
        return float("nan"), PairFinding("noise", "ok", sentence)
    level = f"The noise floor of {name} lies at {to_db(floor):.0f} dBFS, an ESR of {share:.0e}"
    if share < WARNED_NOISE:
        return to_db(floor), PairFinding("noise", "ok", f"{level}.")
    sentence = f"{level} that no model can learn: record it louder or with less noise."
    return to_db(floor), PairFinding("noise", "warn", sentence)


def hum(sound: NDArray[np.float32], quiet: tuple[int, int], sample_rate: int, name: str) -> PairFinding:
    """Whether a recording ``(1, samples)`` hums at the mains' 50 or 60 Hz and their multiples in its quiet passage."""
    start, end = quiet
    end = min(end, sound.shape[-1], start + round(_MOST_HUM_SECONDS * sample_rate))
    passage = sound[0, start:end].astype(np.float64)
    if len(passage) < _LEAST_HUM_SECONDS * sample_rate:
        sentence = f"{name} has no quiet passage of {_LEAST_HUM_SECONDS:g} s in which to look for hum."
        return PairFinding("hum", "ok", sentence)
    levels = {mains: _hum_level(passage, sample_rate, mains) for mains in _MAINS}
    mains = max(levels, key=lambda one: levels[one])
    if to_db(levels[mains]) < _LEAST_HUM_DB:
        return PairFinding("hum", "ok", f"{name} does not hum in its quiet passages.")
    sentence = (
        f"{name} hums at {mains:g} Hz and multiples, {to_db(levels[mains]):.0f} dBFS in a quiet passage: change "
        "cables, power supply or place, or a model will learn it."
    )
    return PairFinding("hum", "warn", sentence)


def _hum_level(passage: NDArray[np.float64], sample_rate: int, mains: float) -> float:
    """RMS level of the mains' multiples, 0 where fewer than two of them stand out of what is around them."""
    window = np.hanning(len(passage))
    size = 1 << (4 * len(passage) - 1).bit_length()
    amplitudes = np.abs(np.fft.rfft((passage - passage.mean()) * window, size)) * np.sqrt(2) / window.sum()
    bins = np.fft.rfftfreq(size, 1 / sample_rate)
    width = max(2.0 * sample_rate / len(passage), 1.0)
    found = []
    for frequency in mains * np.arange(1, _HARMONICS + 1):
        near = np.abs(bins - frequency) <= width / 2
        around = (np.abs(bins - frequency) > 1.5 * width) & (np.abs(bins - frequency) <= 25)
        if not near.any() or not around.any():
            continue
        height, at = float(amplitudes[near].max()), float(bins[near][np.argmax(amplitudes[near])])
        inside = abs(at - frequency) < width / 4
        if inside and height > 10 ** (_PROMINENT / 20) * float(np.quantile(amplitudes[around], 0.9)):
            found.append(height)
    return float(np.sqrt(np.sum(np.square(found)))) if len(found) > 1 else 0.0


def _flatness(wave: NDArray[np.float64]) -> float:
    """Geometric over arithmetic mean of the power of neighbouring frequencies: 0.56 for a noise, near 0 for tones.

    What tones leave of an echo or a reverberation lies in few frequencies, however long it rings.
    """
    power = np.abs(np.fft.rfft((wave - wave.mean()) * np.hanning(len(wave)))) ** 2
    groups = power[1 : 1 + (len(power) - 1) // _NEIGHBOURS * _NEIGHBOURS].reshape(-1, _NEIGHBOURS)
    geometric = np.exp(np.log(groups + np.finfo(np.float64).tiny).mean(axis=1))
    return float(geometric.sum() / max(groups.mean(axis=1).sum(), np.finfo(np.float64).tiny))


def _frame_levels(wave: NDArray[np.floating], length: int) -> NDArray[np.float64]:
    count = len(wave) // length
    frames = wave[: count * length].reshape(count, length).astype(np.float64)
    return np.asarray(np.sqrt(np.mean(frames**2, axis=1)))
