"""Many emulations in one table, for the terminal and for a page of the documentation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fxstyle.plots.numbers import short_number
from fxstyle.report.tables import MACRO, MODEL, Result, Table, plain_table

_BESIDE = ("identity", "gain_oracle", "fir", "fir_oracle")
_HEADER = (
    "effect", "model", "ESR", "95 %", "skill", "MR-STFT", "identity", "best gain", "FIR (train)", "FIR (test clip)",
    "parameters", "steps", "audio s", "train s",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        effect: The effect or device.
        model: The choice of model.
        parameters: Its trainable numbers.
        results: Its table.
    """

    effect: str
    model: str
    parameters: int
    results: Sequence[Result]

    def value(self, metric: str, arm: str = MODEL, preset: str | None = None) -> Result | None:
        """A result of the mean over presets, or of one preset."""
        for result in self.results:
            same = result.metric == metric and result.arm == arm
            if same and (result.effect == MACRO if preset is None else result.preset == preset):
                return result
        return None

    def cost(self, metric: str) -> float:
        """What training took."""
        found = [result.value for result in self.results if result.metric == metric and not result.preset]
        return found[0] if found else math.nan

    @property
    def presets(self) -> list[str]:
        """Presets in their order."""
        return list(dict.fromkeys(result.preset for result in self.results if result.preset))


def overview(rows: Sequence[Row]) -> Table:
    """One line for each run: the mean over its presets beside the baselines, and what it cost."""
    body = []
    for row in sorted(rows, key=lambda row: (row.effect, row.model)):
        esr = row.value("esr")
        body.append(
            [
                row.effect,
                row.model,
                *_numbers([row.value("esr")]),
                f"{short_number(esr.ci_low)} – {short_number(esr.ci_high)}" if esr else "–",
                *_numbers([row.value("skill"), row.value("mrstft")]),
                *_numbers([row.value("esr", arm) for arm in _BESIDE]),
                f"{row.parameters:,}",
                *(f"{row.cost(name):,.0f}" for name in ("steps", "audio_seconds", "seconds")),
            ]
        )
    return plain_table("Test recordings, mean over presets; ESR unless it says otherwise", _HEADER, body)


def by_preset(rows: Sequence[Row], metric: str = "esr") -> list[Table]:
    """For each effect, one line for each preset, with all models and the baselines as columns."""
    tables = []
    for effect in sorted({row.effect for row in rows}):
        group = sorted((row for row in rows if row.effect == effect), key=lambda row: row.model)
        presets = list(dict.fromkeys(preset for row in group for preset in row.presets))
        body = []
        for preset in presets:
            own = [row.value(metric, MODEL, preset) for row in group]
            beside = [group[0].value(metric, arm, preset) for arm in _BESIDE]
            body.append([preset, *_numbers(own), *_numbers(beside)])
        header = ("preset", *(row.model for row in group), "identity", "best gain", "FIR (train)", "FIR (test clip)")
        tables.append(plain_table(f"{effect}: {metric.upper() if metric == 'esr' else metric}", header, body))
    return tables


def _numbers(found: Sequence[Result | None]) -> list[str]:
    return ["–" if result is None else short_number(result.value).replace("NaN", "undefined") for result in found]


def markdown(table: Table) -> str:
    """A table as Markdown, its caption above it in bold."""
    lines = [f"**{_plain(table.caption)}**", "", "| " + " | ".join(map(_plain, table.header)) + " |"]
    lines.append("|" + "|".join("---" if place < 1 else "---:" for place in range(len(table.header))) + "|")
    lines += ["| " + " | ".join(_plain(cell.text) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text that Markdown and HTML leave alone, whatever somebody called a preset."""
    for mark in "\\`*_{}[]<>|#!":
        text = text.replace(mark, "\\" + mark if mark not in "<>|" else {"<": "&lt;", ">": "&gt;", "|": "&#124;"}[mark])
    return " ".join(text.split())
