"""Examine a dry and a wet recording of one performance, and repair what can be repaired."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.alignment import LONGEST_LAG_SECONDS, Alignment, find_alignment
from fxstyle.audio.content import align, compare_content
from fxstyle.audio.levels import SILENCE_DB, is_silent, peak_db, to_db
from fxstyle.audio.linear_fit import error_ratio, filter_error, fit_gain
from fxstyle.doctor.pair_faults import clipping, offset, resolution, to_mono
from fxstyle.doctor.pair_findings import PairExamination, PairFinding, require_sound
from fxstyle.doctor.pair_length import SHORTEST_SECONDS, fit_lengths
from fxstyle.doctor.pair_noise import find_quiet, hum, noise_floor

__all__ = ["PairExamination", "PairFinding", "examine_pair", "require_sound"]

FIR_TAPS = 512
TAIL_SECONDS = 10.0

_COMPARED_SECONDS = 60.0
# Of sounds that have nothing in common, less than a fifth of the windows have the same lag.
_SAME_WINDOWS = 0.25
# Up to here the phase alone may say that a wet sound comes before the dry one: a steep filter does that.
_PHASE_ONLY = 8
_NO_WORSE = 1.05
_DISAGREES = 3.0
_ECHO_SECONDS = 0.02


def examine_pair(
    dry: NDArray[np.float32],
    wet: NDArray[np.float32],
    dry_rate: int,
    wet_rate: int,
    names: tuple[str, str] = ("dry", "wet"),
    known_lag: int | None = None,
    *,
    invert: bool = False,
    remove_dc: bool = False,
    tail_seconds: float = TAIL_SECONDS,
) -> PairExamination:
    """Examine a pair and repair its channels, its lag and its lengths.

    Args:
        dry: ``(channels, samples)``.
        wet: ``(channels, samples)``, of any length.
        dry_rate: In Hz.
        wet_rate: In Hz.
        names: What findings call the two.
        known_lag: By how many samples the wet sound is late, where that is known; it is measured otherwise.
        invert: Turn a wet sound that is upside down.
        remove_dc: Take the wet sound's offset away.
        tail_seconds: How much of the wet sound to keep after the end of the dry one, which silence then prolongs.
    """
    findings = _refusals(dry, wet, dry_rate, wet_rate, names)
    if any(finding.severity == "refuse" for finding in findings):
        return PairExamination(tuple(findings), dry, wet, dry_rate)
    mono_dry, dry_channels = to_mono(dry, names[0])
    mono_wet, wet_channels = to_mono(wet, names[1])
    findings += [dry_channels, wet_channels]
    silent = [_silence(sound, name) for sound, name in zip((mono_dry, mono_wet), names, strict=True)]
    findings += silent
    if any(finding.severity == "refuse" for finding in silent):
        return PairExamination(tuple(findings), mono_dry, mono_wet, dry_rate)
    findings += [clipping(mono_dry, names[0], is_wet=False), clipping(mono_wet, names[1], is_wet=True)]
    findings += [resolution(mono_dry, names[0]), resolution(mono_wet, names[1])]
    findings.append(offset(mono_dry, names[0], remove=False)[1])
    mono_wet, wet_offset = offset(mono_wet, names[1], remove_dc)
    findings.append(wet_offset)

    found = find_alignment(mono_dry[0], mono_wet[0], dry_rate)
    lag, lag_finding = _lag(mono_dry, mono_wet, dry_rate, found, known_lag, names)
    findings += [lag_finding, _drift(found, names[1])]
    one, two, length_finding = fit_lengths(mono_dry, mono_wet, lag, dry_rate, tail_seconds, names)
    findings.append(length_finding)
    if any(finding.severity == "refuse" for finding in findings[-3:]):
        return PairExamination(tuple(findings), mono_dry, mono_wet, dry_rate, exact_lag=found.exact)

    gain = fit_gain(one[0], two[0])
    inverted = gain < 0 and found.negative
    if inverted and invert:
        two, gain = -two, -gain
    findings.append(_polarity(inverted, invert, found.trusted, names[1]))
    findings.append(PairFinding("gain", "ok", f"The best gain is {to_db(abs(gain)):+.1f} dB."))
    quiet = find_quiet(one, dry_rate)
    noise_db, noise = noise_floor(one, two, quiet, dry_rate, names[1])
    findings += [noise, hum(one, quiet, dry_rate, names[0]), hum(two, quiet, dry_rate, names[1])]
    before, after = align(mono_dry, mono_wet, 0)
    return PairExamination(
        findings=tuple(findings),
        dry=one,
        wet=two,
        sample_rate=dry_rate,
        lag=lag,
        exact_lag=found.exact,
        drift_ppm=found.drift_ppm,
        inverted=inverted,
        gain_db=to_db(abs(gain)),
        noise_db=noise_db,
        esr_unaligned=error_ratio(before[0] * fit_gain(before[0], after[0]), after[0]),
        esr_gain=error_ratio(one[0] * gain, two[0]),
        esr_fir=filter_error(one[0], two[0], FIR_TAPS),
    )


def _refusals(
    dry: NDArray[np.float32], wet: NDArray[np.float32], dry_rate: int, wet_rate: int, names: tuple[str, str]
) -> list[PairFinding]:
    """What can be said before listening."""
    for sound, name in zip((dry, wet), names, strict=True):
        if not np.isfinite(sound).all():
            return [PairFinding("nan", "refuse", f"{name} holds NaN or infinite samples: export it again.")]
    if dry_rate != wet_rate:
        sentence = f"{names[0]} has {dry_rate} Hz and {names[1]} has {wet_rate} Hz: resample one to the other's rate."
        return [PairFinding("rate", "refuse", sentence)]
    for sound, name in zip((dry, wet), names, strict=True):
        if sound.shape[-1] < SHORTEST_SECONDS * dry_rate:
            sentence = f"{name} has {sound.shape[-1] / dry_rate:.2f} s: record at least {SHORTEST_SECONDS:g} s."
            return [PairFinding("length", "refuse", sentence)]
    return [PairFinding("rate", "ok", f"Both have {dry_rate} Hz.")]


def _silence(sound: NDArray[np.float32], name: str) -> PairFinding:
    level = peak_db(sound)
    if is_silent(sound):
        heard = "digital silence" if level == float("-inf") else f"silent (its peak is {level:.0f} dBFS)"
        return PairFinding("silence", "refuse", f"{name} is {heard}: record it again above {SILENCE_DB:g} dBFS.")
    return PairFinding("silence", "ok", f"{name} has sound, its peak is {level:.1f} dBFS.")


def _lag(
    dry: NDArray[np.float32],
    wet: NDArray[np.float32],
    sample_rate: int,
    found: Alignment,
    known_lag: int | None,
    names: tuple[str, str],
) -> tuple[int, PairFinding]:
    """The lag to take away, in samples, and what to say of it."""
    measured = f"{abs(found.exact):.2f} samples {'late' if found.exact >= 0 else 'early'}"
    if known_lag is not None:
        if found.trusted and abs(found.exact - known_lag) > _DISAGREES:
            sentence = f"{names[1]} is {measured} although its lag is given as {known_lag}: check the lag."
            return known_lag, PairFinding("lag", "warn", sentence)
        sentence = f"The lag of {names[1]} is given: {known_lag} samples (measured: {measured})."
        return known_lag, PairFinding("lag", "repaired" if known_lag else "ok", sentence)
    if not found.trusted:
        few = round(_COMPARED_SECONDS * sample_rate)
        elsewhere = not found.agreement >= _SAME_WINDOWS
        if elsewhere and not compare_content(dry[:, :few], wet[:, :few], sample_rate).same:
            sentence = (
                f"{names[0]} and {names[1]} do not hold the same performance within {LONGEST_LAG_SECONDS:g} s of each "
                "other: check that they belong together and trim both to start together."
            )
            return 0, PairFinding("lag", "refuse", sentence)
        sentence = (
            f"{names[1]} holds no direct sound by which its lag could be trusted (the best guess is {measured}) and "
            "was not shifted: give the lag if it is known."
        )
        return 0, PairFinding("lag", "warn", sentence)
    lag = found.lag
    if -_PHASE_ONLY <= lag < 0:
        still, shifted = (_filter_error_at(dry, wet, one) for one in (0, lag))
        if still <= _NO_WORSE * shifted + 1e-6:
            sentence = f"{names[1]} is {measured} by its phase only, as filters make it, and was not shifted."
            return 0, PairFinding("lag", "ok", sentence)
    if lag == 0:
        return 0, PairFinding("lag", "ok", f"{names[1]} is aligned (measured: {measured}).")
    milliseconds = abs(lag) / sample_rate * 1000
    sentence = f"{names[1]} is {measured} ({milliseconds:.1f} ms) and was shifted by {abs(lag)}"
    if lag > _ECHO_SECONDS * sample_rate:
        sentence += "; if that is the effect's own delay without direct sound, give the lag as 0"
    return lag, PairFinding("lag", "repaired", f"{sentence}.")


def _filter_error_at(dry: NDArray[np.float32], wet: NDArray[np.float32], lag: int) -> float:
    one, two = align(dry, wet, lag)
    return filter_error(one[0], two[0], FIR_TAPS)


def _drift(found: Alignment, name: str) -> PairFinding:
    if not found.drift_ppm:
        return PairFinding("drift", "ok", f"Nothing says that {name} drifts.")
    sentence = (
        f"{name} drifts by {found.drift_ppm:+.1f} ppm, {abs(found.drift_samples):.1f} samples over the recording: "
        f"record both with one clock, or change its length by a factor of {1 / (1 + found.drift_ppm * 1e-6):.6f}."
    )
    return PairFinding("drift", "warn", sentence)


def _polarity(inverted: bool, turned: bool, trusted: bool, name: str) -> PairFinding:
    if inverted and turned:
        return PairFinding("polarity", "repaired", f"{name} was upside down and was turned.")
    if inverted:
        sentence = f"{name} is upside down, which a pedal may do and a model can learn: it was left so."
        return PairFinding("polarity", "warn", sentence)
    known = "has the polarity of the dry sound" if trusted else "is not surely upside down"
    return PairFinding("polarity", "ok", f"{name} {known}.")
