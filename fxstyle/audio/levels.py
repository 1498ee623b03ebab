"""Levels in dB and the one gain that dry sound receives before an effect."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log10
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fxstyle.errors import InputError

SILENCE_DB = -60.0
_LOUDNESS_BLOCK_SECONDS = 0.4
LevelKind = Literal["peak", "lufs", "none"]


def from_db(level_db: float) -> float:
    """Amplitude ratio of a level in dB."""
    return float(10 ** (level_db / 20))


def to_db(amplitude: float) -> float:
    """Level in dB of an amplitude ratio; ``-inf`` for 0."""
    return 20 * log10(amplitude) if amplitude > 0 else float("-inf")


def peak(audio: NDArray[np.float32]) -> float:
    """Largest magnitude in ``(..., samples)``; 0 for no samples."""
    return max(float(audio.max()), -float(audio.min())) if audio.size else 0.0


def peak_db(audio: NDArray[np.float32]) -> float:
    """Peak of ``(..., samples)`` in dBFS; ``-inf`` for digital silence."""
    return to_db(peak(audio))


def is_silent(audio: NDArray[np.float32], threshold_db: float = SILENCE_DB) -> bool:
    """Whether the peak of ``(..., samples)`` lies below ``threshold_db`` dBFS."""
    return peak_db(audio) < threshold_db


def clipped_fraction(audio: NDArray[np.float32]) -> float:
    """Share of the samples of ``(..., samples)`` that lie at full scale (16-bit) or beyond; 0 for no samples."""
    full_scale = 1 - 2.0**-15
    return float(np.mean(np.abs(audio) >= full_scale)) if audio.size else 0.0


def loudness_lufs(audio: NDArray[np.float32], sample_rate: int) -> float:
    """Integrated loudness of ``(channels, samples)`` in LUFS; ``-inf`` where all of it is below the gate.

    Sound shorter than one 0.4 s block is lengthened with silence first.

    Source: ITU-R BS.1770-4, as implemented by pyloudnorm.
    """
    import pyloudnorm

    missing = ceil(_LOUDNESS_BLOCK_SECONDS * sample_rate) - audio.shape[-1]
    padded = np.pad(audio, ((0, 0), (0, max(missing, 0))))
    with np.errstate(divide="ignore"):
        return float(pyloudnorm.Meter(sample_rate).integrated_loudness(padded.T))


@dataclass(frozen=True)
class Level:
    """The level dry sound is brought to, once, before the effect.

    Attributes:
        kind: ``peak`` in dBFS, ``lufs`` in LUFS, or ``none`` to keep the recording's own level.
        target_db: The level to reach.
        jitter_db: A further gain, drawn uniformly from ``-jitter_db`` to ``+jitter_db``.
    """

    kind: LevelKind = "peak"
    target_db: float = -12.0
    jitter_db: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(LevelKind):
            raise InputError(f"level kind '{self.kind}' is unknown: use peak, lufs or none.")
        if not self.jitter_db >= 0:
            raise InputError(f"level jitter_db is {self.jitter_db}: use 0 or more.")

    def gain(self, audio: NDArray[np.float32], sample_rate: int, rng: np.random.Generator) -> float:
        """The factor that brings dry sound ``(channels, samples)`` to this level; 1 for silence (peak below -60 dBFS).

        Nothing is drawn from ``rng`` where ``jitter_db`` is 0.
        """
        gain_db = rng.uniform(-self.jitter_db, self.jitter_db) if self.jitter_db else 0.0
        if self.kind == "none" and not gain_db:
            return 1.0
        level_db = peak_db(audio)
        if level_db < SILENCE_DB:
            return 1.0
        if self.kind == "lufs":
            level_db = loudness_lufs(audio, sample_rate)
        if self.kind != "none" and level_db > float("-inf"):
            gain_db += self.target_db - level_db
        return from_db(gain_db)

    def apply(self, audio: NDArray[np.float32], sample_rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Scale dry sound; what is silent (peak below -60 dBFS) stays as it is.

        Args:
            audio: ``(channels, samples)``; not changed.
            sample_rate: In Hz.
            rng: Gives the jitter; nothing is drawn where ``jitter_db`` is 0.

        Returns:
            The scaled sound ``(channels, samples)``; the input itself where no gain is needed.
        """
        gain = self.gain(audio, sample_rate, rng)
        return audio if gain == 1.0 else audio * np.float32(gain)
