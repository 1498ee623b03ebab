"""What an examination finds, in words that stay the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fxstyle.effects.spec import EffectSpec

FAILS = {
    "load": "does not load",
    "crash": "takes its process down",
    "hang": "does not come back",
    "memory": "takes more memory than allowed",
    "error": "raises an error",
    "not_finite": "gives NaN or infinity for finite sound",
    "not_repeatable": "gives other samples from a new instance",
}
"""Findings that make an effect unusable, by code."""

WARNS = {
    "state_left": "its reset leaves something behind",
    "block_dependent": "the size of its processing calls matters",
    "streams": "in pieces it gives other samples than at once",
    "dead": "the control changes nothing",
    "gain": "the control is nothing but a gain",
    "confounded": "the two controls do the same",
    "stepped": "the control is continuous in name only",
    "same_steps": "two steps of the switch give the same sound",
    "one_sided": "the control acts on one side, or on the difference of the sides, only",
    "silent_or_clipped": "too many settings are silent or clipped",
    "latency": "its output comes late",
    "tail": "it sounds longer than its spec says",
}
"""Findings to know about, by code."""


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        code: A key of :data:`FAILS` or :data:`WARNS`.
        sentence: What was found, with numbers.
        parameters: The controls it is about.
        strength: What was measured over the threshold; findings below 1 are not reported.
    """

    code: str
    sentence: str
    parameters: tuple[str, ...] = ()
    strength: float = float("inf")

    @property
    def level(self) -> Literal["FAIL", "WARN"]:
        """Whether the effect is unusable."""
        return "FAIL" if self.code in FAILS else "WARN"

    @property
    def record(self) -> str:
        """The form kept in :attr:`EffectSpec.warnings`, such as ``confounded: low_width, speed``."""
        return f"{self.code}: {', '.join(self.parameters)}" if self.parameters else self.code


@dataclass(frozen=True)
class ControlStudy:
    """What is known about one control.

    Attributes:
        name: Its name in the spec.
        kind: ``continuous``, ``stepped`` or ``fixed``.
        reach_db: Largest change of the output between two of its positions, in dB relative to the louder of the two:
            the proof that it reaches the plugin. ``-inf`` where nothing changed by a bit.
        reach_mono_db: The same with mono sound; ``None`` where it was not tried.
        bases: Settings of the other controls that were tried.
        sensitivity_db: Median change of the log-mel levels for its full range, in dB; ``None`` for switches.
        identifiable: Median share of its effect that no combination of the others can imitate, 0..1.
    """

    name: str
    kind: str
    reach_db: float
    reach_mono_db: float | None = None
    bases: int = 0
    sensitivity_db: float | None = None
    identifiable: float | None = None


@dataclass(frozen=True)
class Examination:
    """All that is known about one effect.

    Attributes:
        spec: The effect as it was examined.
        findings: Everything measured near or beyond a threshold, failures first.
        controls: One entry for each control.
        facts: Plain numbers by name, such as ``realtime_factor``.
    """

    spec: EffectSpec
    findings: tuple[Finding, ...]
    controls: tuple[ControlStudy, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fails(self) -> tuple[Finding, ...]:
        """What makes it unusable."""
        return tuple(finding for finding in self.findings if finding.level == "FAIL")

    @property
    def warns(self) -> tuple[Finding, ...]:
        """What is to be known about it."""
        return tuple(f for f in self.findings if f.level == "WARN" and f.strength >= 1)

    @property
    def records(self) -> tuple[str, ...]:
        """The warnings in the form a spec keeps them, in the order of :data:`WARNS` and of the controls."""
        order = list(WARNS)
        return tuple(f.record for f in sorted(self.warns, key=lambda finding: order.index(finding.code)))


def differing_records(examination: Examination, slack: float = 1.5) -> tuple[list[str], list[str]]:
    """Warnings that the spec does not record, and records that were not found again.

    Other sounds and machines move a number a little; what lies within ``slack`` of its threshold may be recorded or
    not.
    """
    recorded = set(examination.spec.warnings)
    strengths = {f.record: f.strength for f in examination.findings if f.level == "WARN"}
    missing = [record for record, strength in strengths.items() if strength >= slack and record not in recorded]
    stale = [record for record in examination.spec.warnings if strengths.get(record, 0.0) < 1 / slack]
    return missing, stale
