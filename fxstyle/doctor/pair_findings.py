"""What an examination of a dry and a wet recording tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fxstyle.errors import InputError

Severity = Literal["ok", "repaired", "warn", "refuse"]


@dataclass(frozen=True)
class PairFinding:
    """One thing that was looked at.

    Attributes:
        code: What was looked at, such as ``lag`` or ``clipping``.
        severity: ``ok``; ``repaired`` in the sounds of the examination; ``warn`` for what was left as it is and should
            be known; ``refuse`` where nothing can be learnt or scored from the pair.
        sentence: What was found and, where something is to be done, what.
    """

    code: str
    severity: Severity
    sentence: str


@dataclass(frozen=True)
class PairExamination:
    """All that was found, and the pair as it was repaired.

    Where a pair is refused before it could be aligned, numbers are ``nan`` and the sounds are as they came.

    Attributes:
        findings: In the order of the examination.
        dry: ``(1, samples)``, repaired; as long as the wet sound unless the pair was refused.
        wet: ``(1, samples)``, repaired.
        sample_rate: That of the dry sound, in Hz.
        lag: By how many whole samples the wet sound was late; it was shifted by as much.
        exact_lag: What was measured, to a hundredth of a sample.
        drift_ppm: By how many samples in a million the lag grows.
        inverted: Whether the wet sound is upside down.
        gain_db: Level of the gain that brings the dry sound nearest to the wet one.
        noise_db: Level of the wet sound where the dry one is quiet, in dBFS RMS; ``nan`` where it nowhere is.
        esr_unaligned: Error-to-signal ratio that the best gain leaves before the shift.
        esr_gain: The same after it.
        esr_fir: What the best causal FIR filter of 512 taps leaves, fitted on the pair itself.
    """

    findings: tuple[PairFinding, ...]
    dry: NDArray[np.float32]
    wet: NDArray[np.float32]
    sample_rate: int
    lag: int = 0
    exact_lag: float = float("nan")
    drift_ppm: float = float("nan")
    inverted: bool = False
    gain_db: float = float("nan")
    noise_db: float = float("nan")
    esr_unaligned: float = float("nan")
    esr_gain: float = float("nan")
    esr_fir: float = float("nan")

    @property
    def refused(self) -> tuple[PairFinding, ...]:
        """What makes the pair unusable."""
        return tuple(finding for finding in self.findings if finding.severity == "refuse")


def require_sound(examination: PairExamination) -> None:
    """Let a usable pair pass.

    Raises:
        InputError: The pair is refused; the message is the first refusing sentence.
    """
    if examination.refused:
        raise InputError(examination.refused[0].sentence)
