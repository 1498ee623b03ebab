"""Bring a dry and a wet recording to one length without losing the tail of an effect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.resample import fit_length
from fxstyle.doctor.pair_findings import PairFinding

SHORTEST_SECONDS = 0.25
"""Of what both recordings have in common."""
_END_SECONDS = 0.05
_ENDS_LOUD = 0.01
_UNDIMINISHED = 0.5


def fit_lengths(
    dry: NDArray[np.float32],
    wet: NDArray[np.float32],
    lag: int,
    sample_rate: int,
    tail_seconds: float,
    names: tuple[str, str],
) -> tuple[NDArray[np.float32], NDArray[np.float32], PairFinding]:
    """Shift the wet sound by its lag and cut or prolong both to one length.

    Args:
        dry: ``(1, samples)``.
        wet: ``(1, samples)``.
        lag: By how many samples the wet sound is late.
        sample_rate: In Hz.
        tail_seconds: How much of the wet sound to keep after the dry one has ended.
        names: What the finding calls the two.

    Returns:
        The dry and the wet sound, ``(1, samples)`` each, and what was done.
    """
    lengths = dry.shape[-1], wet.shape[-1]
    dry, wet = dry[:, max(-lag, 0) :], wet[:, max(lag, 0) :]
    common = min(dry.shape[-1], wet.shape[-1])
    if common < SHORTEST_SECONDS * sample_rate:
        sentence = (
            f"{names[0]} and {names[1]} have {common / sample_rate:.2f} s in common: record at least "
            f"{SHORTEST_SECONDS:g} s."
        )
        return dry, wet, PairFinding("length", "refuse", sentence)
    more = wet.shape[-1] - dry.shape[-1]
    seconds = f"{abs(more) / sample_rate:.2f} s"
    if lengths[0] == lengths[1]:
        # Only the shift has left ends without a counterpart.
        sentence = f"Both have {lengths[0] / sample_rate:.2f} s; {common / sample_rate:.2f} s are used."
        return dry[:, :common], wet[:, :common], PairFinding("length", "ok", sentence)
    if more == 0:
        return dry, wet, PairFinding("length", "ok", f"Both have {common / sample_rate:.2f} s once they are aligned.")
    if more < 0:
        sentence = f"{names[0]} ends {seconds} after {names[1]}: it was cut."
        return dry[:, :common], wet, PairFinding("length", "repaired", sentence)
    if _plays_on(dry, wet, sample_rate):
        sentence = (
            f"{names[1]} plays on for {seconds} after {names[0]} has ended: it was cut, since its input is unknown."
        )
        return dry, wet[:, :common], PairFinding("length", "warn", sentence)
    kept = min(more, round(tail_seconds * sample_rate))
    sentence = (
        f"{names[1]} rings {seconds} after {names[0]} has ended: {kept / sample_rate:.2f} s were kept over silence."
    )
    return fit_length(dry, common + kept), wet[:, : common + kept], PairFinding("length", "repaired", sentence)


def _plays_on(dry: NDArray[np.float32], wet: NDArray[np.float32], sample_rate: int) -> bool:
    """Whether what the wet sound has more is no tail: the dry one ends loud and the wet one does not get softer."""
    common = dry.shape[-1]
    extra = wet[:, common:]
    end = dry[:, -round(_END_SECONDS * sample_rate) :]
    loud = _rms(end) > _ENDS_LOUD * _rms(dry)
    return loud and _rms(extra[:, extra.shape[-1] // 2 :]) > _UNDIMINISHED * _rms(wet[:, :common])


def _rms(sound: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))
