"""What can be wrong with one recording of a pair: channels, clipping, coarse values, an offset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import is_silent, peak, to_db
from fxstyle.doctor.pair_findings import PairFinding, Severity

REFUSED_CLIPPING = 0.01
"""Share of samples at full scale from which a recording is refused."""
WARNED_CLIPPING = 1e-4
WARNED_OFFSET = 0.03
"""Offset, as a share of the RMS level, that is worth knowing."""
WARNED_ROUNDING = 1e-5
"""Error-to-signal ratio of rounding that is worth knowing: good models come near it."""

_FULL_SCALE = 0.999
_FLAT = 2.0**-14
_SAME_CHANNELS_DB = -80.0
_FLAT_RUN = 3
# A hard clipper leaves few samples just below its maximum; a soft one, such as tanh, crowds them there.
_SHOULDER, _CROWDED = 2e-3, 0.05
_INTEGER_BITS = 24
# Half precision has 11 significant bits: so many steps of a fine grid fit into its coarsest values.
_HALF_STEPS, _LEAST_EVIDENCE = 2**11, 64


def to_mono(sound: NDArray[np.float32], name: str) -> tuple[NDArray[np.float32], PairFinding]:
    """One channel ``(1, samples)`` of a recording ``(channels, samples)``, and why that one."""
    count = len(sound)
    if count == 1:
        return sound, PairFinding("channels", "ok", f"{name} is mono.")
    difference = peak(sound[1:] - sound[:1])
    if difference <= peak(sound) * 10 ** (_SAME_CHANNELS_DB / 20):
        sentence = f"{name} holds the same sound in all of its {count} channels: one is used."
        return sound[:1], PairFinding("channels", "repaired", sentence)
    loud = [place for place, channel in enumerate(sound) if not is_silent(channel)]
    if len(loud) == 1:
        sentence = f"{name} has sound in channel {loud[0] + 1} of {count} only: that one is used."
        return sound[loud[0] : loud[0] + 1], PairFinding("channels", "repaired", sentence)
    sentence = (
        f"{name} is true stereo (its channels differ) and only its channel 1 is used, since a mix would cancel what "
        "differs: give each channel as a file of its own to learn the others."
    )
    return sound[:1], PairFinding("channels", "warn", sentence)


def flat_share(sound: NDArray[np.float32]) -> tuple[float, bool]:
    """Share of the samples of ``(1, samples)`` that lie flat at an extreme value, and whether a hard clip made them.

    Only runs of three and more count, since every wave has a highest sample.
    """
    wave = sound[0]
    tolerance = _FLAT * peak(sound)
    top, bottom = float(wave.max()), float(wave.min())
    flat = np.zeros(len(wave), dtype=bool)
    shoulder = 0.0
    for side, extreme in ((wave, top), (-wave, -bottom)):
        if extreme <= 0:
            continue
        at = side >= extreme - tolerance
        runs = at[:-2] & at[1:-1] & at[2:]
        held = np.zeros_like(at)
        for shift in range(_FLAT_RUN):
            held[shift : len(at) - _FLAT_RUN + 1 + shift] |= runs
        flat |= held
        if held.any():
            shoulder += float(np.mean((side < extreme - tolerance) & (side >= extreme * (1 - _SHOULDER))))
    share = float(flat.mean())
    return share, shoulder <= _CROWDED * share


def clipping(sound: NDArray[np.float32], name: str, is_wet: bool) -> PairFinding:
    """Whether a recording ``(1, samples)`` was too loud for its converter."""
    share, hard = flat_share(sound)
    if share < WARNED_CLIPPING:
        return PairFinding("clipping", "ok", f"{name} is not clipped.")
    level = f"{share:.2%} of {name} lies flat at its maximum, {to_db(peak(sound)):.1f} dBFS"
    at_full_scale = _FULL_SCALE <= peak(sound) <= 2 - _FULL_SCALE
    if at_full_scale and hard:
        severity: Severity = "refuse" if share >= REFUSED_CLIPPING else "warn"
        remedy = "record it again with less gain"
        if is_wet:
            remedy += ", or lower the file by 1 dB if the effect itself clips exactly there"
        return PairFinding("clipping", severity, f"{level}, which is clipping: {remedy}.")
    if is_wet:
        return PairFinding("clipping", "ok", f"{level}, which is the effect's own limit and not the converter's.")
    remedy = "record it again with less gain unless that is what was played into the effect"
    return PairFinding("clipping", "warn", f"{level}, as if it had been clipped and lowered: {remedy}.")


def resolution(sound: NDArray[np.float32], name: str) -> PairFinding:
    """On which grid of values a recording ``(1, samples)`` lies, and the error that rounding to it has left."""
    wave = sound[0].astype(np.float64)
    power = float(np.mean(wave**2))
    scaled = wave * 2.0**_INTEGER_BITS
    whole = bool(np.all(scaled == np.round(scaled)))
    if whole:
        used = int(np.bitwise_or.reduce(np.abs(scaled).astype(np.int64)))
        fraction_bits = _INTEGER_BITS - ((used & -used).bit_length() - 1)
    if _is_half(sound[0], 2.0**-fraction_bits if whole else 0.0):
        exponents = np.floor(np.log2(np.maximum(np.abs(wave), 2.0**-14)))
        error = float(np.mean((2.0 ** (exponents - 10)) ** 2)) / 12 / power
        sentence = (
            f"{name} was rounded to 16-bit floating point: its rounding noise lies {-10 * np.log10(error):.0f} dB "
            f"below the sound, at {10 * np.log10(error * power):.0f} dBFS, so that no ESR below {error:.0e} can be "
            "reached: export it as 24-bit or 32-bit float."
        )
        return PairFinding("resolution", "warn", sentence)
    if not whole:
        return PairFinding("resolution", "ok", f"{name} has the resolution of 32-bit floating point.")
    error = 4.0**-fraction_bits / 12 * float(np.mean(wave != 0)) / power
    sentence = f"{name} has {fraction_bits + 1} bits, whose rounding is an ESR of {error:.0e}"
    if error < WARNED_ROUNDING:
        return PairFinding("resolution", "ok", f"{sentence}.")
    return PairFinding("resolution", "warn", f"{sentence} at its level: no model can do better; record it louder.")


def _is_half(wave: NDArray[np.float32], step: float) -> bool:
    """Whether values lie on the grid of half precision although a uniform grid of their finest step would be finer."""
    fine = np.abs(wave) > step * _HALF_STEPS
    if np.count_nonzero(fine) < _LEAST_EVIDENCE or peak(wave) > np.finfo(np.float16).max:
        return False
    return bool(np.array_equal(wave.astype(np.float16).astype(np.float32), wave))


def offset(sound: NDArray[np.float32], name: str, remove: bool) -> tuple[NDArray[np.float32], PairFinding]:
    """The constant part of a recording ``(1, samples)``, which is removed only where that is asked for."""
    mean, rms = float(np.mean(sound, dtype=np.float64)), float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))
    level = f"{name} has a DC offset of {mean:+.1e} ({to_db(abs(mean)):.0f} dBFS)"
    if abs(mean) < WARNED_OFFSET * rms:
        return sound, PairFinding("dc", "ok", f"{name} has no DC offset.")
    if remove:
        return sound - np.float32(mean), PairFinding("dc", "repaired", f"{level}: it was removed.")
    return sound, PairFinding("dc", "warn", f"{level}: a model will learn it; remove it unless the effect makes it.")
