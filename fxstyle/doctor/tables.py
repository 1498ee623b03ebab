"""An examination as tables of 80 columns and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fxstyle.doctor.findings import Examination
from fxstyle.effects.parse import as_config


def as_json(examination: Examination) -> dict[str, Any]:
    """All that was found, as plain data; a number that is not finite is ``None``."""
    return {
        "effect": examination.spec.name,
        "passed": not examination.fails,
        "findings": [
            {"level": f.level, "record": f.record, **_plain(asdict(f))}
            for f in (*examination.fails, *examination.warns)
        ],
        "warnings": list(examination.records),
        "parameters": [_plain(asdict(control)) for control in examination.controls],
        "facts": _plain(dict(examination.facts)),
        "spec": as_config(examination.spec),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_examination(examination: Examination) -> None:
    """Print what was found, the proof for each control, and plain facts."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    findings = Table("", "finding", "what was measured", box=SIMPLE_HEAD, pad_edge=False)
    for finding in (*examination.fails, *examination.warns):
        style = "bold red" if finding.level == "FAIL" else "yellow"
        findings.add_row(Text(finding.level, style), Text(finding.record), Text(finding.sentence))
    if findings.row_count:
        console.print(findings)
    if examination.controls:
        controls = Table(box=SIMPLE_HEAD, pad_edge=False)
        for name in ("control", "kind"):
            controls.add_column(name)
        for name in ("reach", "mono", "dB per range", "its own"):
            controls.add_column(name, justify="right")
        for c in examination.controls:
            controls.add_row(
                Text(c.name),
                c.kind,
                _level(c.reach_db),
                _level(c.reach_mono_db),
                "" if c.sensitivity_db is None else f"{c.sensitivity_db:.2f}",
                "" if c.identifiable is None or math.isnan(c.identifiable) else f"{c.identifiable:.0%}",
            )
        console.print(controls)
    for line in _facts(examination.facts):
        console.print(Text(line))
    name, count = examination.spec.name, len(examination.warns)
    if examination.fails:
        console.print(Text(f"{name} cannot be used: {len(examination.fails)} FAIL, {count} WARN", "bold red"))
    else:
        console.print(Text(f"{name} can be used: no FAIL, {count} WARN"))


def _level(level_db: float | None) -> str:
    if level_db is None:
        return ""
    return "nothing" if level_db == float("-inf") else f"{round(level_db)} dB"


def _facts(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    if "reset" in facts:
        block = facts.get("block")
        lines.append(
            f"reset {facts['reset']}, block {'whole clip' if block is None else block}, "
            f"streams {'yes' if facts.get('streams') else 'no'}, "
            f"tail {facts.get('tail_seconds', 0):g} s at the default, up to {facts.get('longest_tail_seconds', 0):g} s"
        )
    if facts.get("realtime_factor"):
        threads = f"{facts['thread_speed_up']} times as fast" if facts.get("thread_safe") else "not safe"
        lines.append(
            f"{facts['realtime_factor']:.0f} x real time, two threads {threads}, in another process "
            f"{'the same bits' if facts.get('process_safe') else 'other bits'}, denormals "
            f"{facts['denormal_slow_down']} times as slow"
        )
    lines.append(f"{facts.get('renders', 0)} renders on {', '.join(facts.get('clips', ())[:3]) or 'no sound'}, ...")
    return lines
