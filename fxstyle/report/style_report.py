"""The report of the style benchmark, and the same tables for the documentation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fxstyle.metrics.style_acceptance import Calibration
from fxstyle.plots.style_bench import Point, effects_figure, quality_figure
from fxstyle.report.html import Report, Section, write_report
from fxstyle.report.media import save_picture
from fxstyle.report.style_records import OURS, EffectRecords
from fxstyle.report.style_study import HEADLINE, Comparison, split_arm
from fxstyle.report.style_tables import (
    CONTENTS,
    acceptance_table,
    arms_table,
    comparison_table,
    controls_table,
    effects_table,
    label,
    markdown,
    metrics_table,
    percent,
    recovery_table,
)
from fxstyle.report.tables import MACRO, MODEL, Result, metrics_json, write_table
from fxstyle.writing import write_text

HEADROOM = 0.1
"""Where oracle parameters beat doing nothing by more than this, there is something to find."""


@dataclass(frozen=True)
class Findings:
    """What the benchmark found.

    Attributes:
        effects: The records of each effect.
        arms: Arms in the order of the tables, with their budgets.
        contents: Contents of the references.
        results: All numbers.
        comparisons: Arms against each other.
        calibrations: By effect (or ``macro``) and content; empty where thresholds were given.
        start: The arm that the hybrid search starts from; ``None`` for none.
        identifiable: By effect, the controls that can be told apart.
    """

    effects: Sequence[EffectRecords]
    arms: Sequence[str]
    contents: Sequence[str]
    results: Sequence[Result]
    comparisons: Sequence[Comparison]
    calibrations: Mapping[tuple[str, str], Calibration]
    start: str | None
    identifiable: Mapping[str, Sequence[str]]

    @property
    def others(self) -> list[str]:
        """Arms that stand beside ours for each effect: controllers and oracle, and the largest search."""
        simple = {"identity", "random", "mid", "mean_preset", "rule_based", "nearest_preset", OURS}
        plain = [arm for arm in self.arms if "@" not in arm and arm not in simple]
        largest = max((arm for arm in self.arms if "@" in arm), key=lambda arm: split_arm(arm)[1] or 0, default=None)
        return [*plain, *([largest] if largest else [])]


def write_findings(folder: Path, findings: Findings, report: Report) -> Path:
    """Write ``table.csv``, ``metrics.json``, ``table.md`` and ``report.html``.

    Args:
        folder: Gets the files.
        findings: What was found.
        report: Title, notes, command, config and environment; the rest is filled in.

    Returns:
        The path of the page.
    """
    write_table(folder / "table.csv", findings.results)
    ours = [replace(row, arm=MODEL) for row in findings.results if row.arm == OURS]
    write_text(folder / "metrics.json", json.dumps(metrics_json(ours), indent=2, sort_keys=True))
    write_text(folder / "table.md", documentation(findings, report.reproduce))
    filled = replace(
        report,
        summary=(*report.summary, *summary(findings)),
        headline=arms_table(findings.results, findings.arms, findings.contents[-1]),
        sections=(*_sections(folder, findings), *report.sections),
    )
    return write_report(folder, filled)


def documentation(findings: Findings, commands: Sequence[str]) -> str:
    """The tables as Markdown, with the command that makes them."""
    names = [records.spec.name for records in findings.effects]
    parts = ["```", *commands, "```", ""]
    for content in findings.contents:
        parts.append(markdown(arms_table(findings.results, findings.arms, content)))
        parts.append(markdown(effects_table(findings.results, names, findings.others, content)))
    for table in (comparison_table(findings.comparisons), acceptance_table(findings.calibrations)):
        if table.rows:
            parts.append(markdown(table))
    for content in findings.contents:
        parts.append(markdown(recovery_table(findings.results, findings.arms, content)))
    return "\n".join(parts)


def summary(findings: Findings) -> list[str]:
    """What someone reads who reads no further."""
    rows = {(label(r), r.effect, r.metric): r for r in findings.results if r.effect != MACRO or r.seen is None}
    sentences = []
    for content in findings.contents:
        row = rows.get((OURS, MACRO, f"{HEADLINE}_{content}_vs_identity"))
        if row is None:
            continue
        worse, passed, promising = [], 0, 0
        for records in findings.effects:
            own = rows.get((OURS, records.spec.name, f"{HEADLINE}_{content}_vs_identity"))
            oracle = rows.get(("oracle", records.spec.name, f"{HEADLINE}_{content}_vs_identity"))
            if own is not None and not own.ci_high <= 0.01:
                worse.append(records.spec.name)
            if own is not None and oracle is not None and oracle.value < -HEADROOM:
                promising += 1
                bypass = rows[OURS, records.spec.name, f"bypass_rate_{content}"].value
                wins = rows[OURS, records.spec.name, f"win_rate_accepted_{content}"].value
                passed += bypass <= 0.5 and wins >= 0.75
        sentences.append(
            f"With {CONTENTS[content]}, ours changes the spectral distance to the hidden target by "
            f"{percent(row.value)} against doing nothing (95 % interval {percent(row.ci_low)} to "
            f"{percent(row.ci_high)}, {row.n} pairs)."
        )
        sentences.append(
            f"Its upper bound is above +1 % for {', '.join(worse) or 'no effect'}; of {promising} effects where the "
            f"true settings beat doing nothing by more than {HEADROOM:.0%}, {passed} are bypassed at most half of the "
            "time and win at least three quarters of what is accepted."
        )
    return sentences


def quality_points(findings: Findings) -> list[Point]:
    """Mean over effects by renders for each searching arm; the hybrid's line begins at its controller."""
    points = []
    for row in findings.results:
        content = next((c for c in findings.contents if row.metric == f"{HEADLINE}_{c}_vs_identity"), None)
        if content is None or row.effect != MACRO or row.seen is not None or not math.isfinite(row.value):
            continue
        name, renders = row.arm, row.budget
        if row.arm == findings.start:
            name, renders = "hybrid", 0
        if renders is not None:
            points.append(Point(CONTENTS[content], name, "", renders, row.value, row.ci_low, row.ci_high))
    return points


def _sections(folder: Path, findings: Findings) -> list[Section]:
    results, names = findings.results, [records.spec.name for records in findings.effects]
    known = {(effect, control) for effect, controls in findings.identifiable.items() for control in controls}
    other = [arms_table(results, findings.arms, content) for content in findings.contents[:-1]]
    sections = []
    if points := quality_points(findings):
        picture = save_picture(folder, "quality", quality_figure(points), "Spectral distance over renders, by arm.")
        sections.append(Section("What more renders buy", pictures=(picture,), tables=tuple(other)))
    elif other:
        sections.append(Section("Arms", tables=tuple(other)))
    tables = tuple(effects_table(results, names, findings.others, content) for content in findings.contents)
    drawn = [
        Point(CONTENTS[content], label(r), r.effect, 0, r.value, r.ci_low, r.ci_high)
        for content in findings.contents
        for r in results
        if r.metric == f"{HEADLINE}_{content}_vs_identity"
        and r.effect in names
        and label(r) in (OURS, *findings.others)
        and math.isfinite(r.value)
    ]
    pictures = (save_picture(folder, "effects", effects_figure(drawn, OURS), "Each effect, by arm."),) if drawn else ()
    sections.append(Section("By effect", tables=tables, pictures=pictures))
    if findings.comparisons:
        sections.append(Section("Arms against each other", tables=(comparison_table(findings.comparisons),)))
    if findings.calibrations:
        sections.append(Section("When an answer is used", tables=(acceptance_table(findings.calibrations),)))
    recovered = [
        table
        for content in findings.contents
        for table in (
            recovery_table(results, findings.arms, content),
            controls_table(results, findings.arms, content, known),
        )
        if table.rows
    ]
    if recovered:
        sections.append(Section("Are the true settings found?", tables=tuple(recovered)))
    every = tuple(metrics_table(results, findings.arms, content) for content in findings.contents)
    return [*sections, Section("All metrics", tables=every)]
