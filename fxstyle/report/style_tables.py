"""Tables of the style benchmark, for its report and for the documentation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from fxstyle.metrics.style import METRICS
from fxstyle.metrics.style_acceptance import NEVER, Calibration
from fxstyle.plots.numbers import short_number
from fxstyle.report.style_records import OURS
from fxstyle.report.style_recovery import TRAIN_MEAN
from fxstyle.report.style_study import HEADLINE, Comparison
from fxstyle.report.tables import MACRO, Cell, Result, Table

CONTENTS = {"same": "matched content", "other": "unmatched content"}
PUBLISHED: Mapping[str, tuple[float, float, float]] = {
    "mda_multiband": (-0.22, -0.29, -0.25),
    "mda_overdrive": (-0.44, -0.49, -0.48),
    "mda_combo": (-0.27, -0.30, -0.35),
    "mda_ringmod": (-0.09, 0.0, 0.65),
    "mda_delay": (0.02, 0.0, 0.09),
    "mda_thruzero": (0.05, -0.01, 0.08),
    "mda_dynamics": (0.14, 0.09, 0.15),
    "mda_ambience": (0.18, 0.06, 0.14),
    "mda_leslie": (0.25, 0.17, 0.17),
}
"""Grant 2023: mean spectral distance relative to doing nothing on VCTK, DAPS and MusDB18, 5,000 pairs each."""


def percent(value: float) -> str:
    """A relative change with its sign, as ``-22.3 %``."""
    if not math.isfinite(value):
        return "–"
    text = f"{100 * value:+.1f} %"
    return "0.0 %" if float(text[:-2]) == 0 else text


def change_cell(value: float, low: float, high: float) -> Cell:
    """A relative change with its interval."""
    interval = f"[{percent(low)}, {percent(high)}]" if math.isfinite(low) and math.isfinite(high) else ""
    return Cell(percent(value), interval)


class Lookup:
    """Results by arm, effect, group and metric."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._rows = {(label(r), r.effect, r.seen if r.effect == MACRO else None, r.metric): r for r in results}

    def find(self, arm: str, effect: str, metric: str, seen: bool | None = None) -> Result | None:
        """One row, or ``None``; ``seen`` chooses among the means over effects."""
        return self._rows.get((arm, effect, seen if effect == MACRO else None, metric))

    def change(self, arm: str, effect: str, metric: str, seen: bool | None = None) -> Cell:
        """A relative change as a cell."""
        row = self.find(arm, effect, metric, seen)
        return Cell("–") if row is None else change_cell(row.value, row.ci_low, row.ci_high)

    def number(self, arm: str, effect: str, metric: str, seen: bool | None = None) -> Cell:
        """A number as a cell."""
        row = self.find(arm, effect, metric, seen)
        return Cell("–" if row is None or not math.isfinite(row.value) else short_number(row.value))

    def share(self, arm: str, effect: str, metric: str, seen: bool | None = None) -> Cell:
        """A share as a cell in percent."""
        row = self.find(arm, effect, metric, seen)
        return Cell("–" if row is None or not math.isfinite(row.value) else f"{row.value:.0%}")


def label(result: Result) -> str:
    """The arm with its budget, as ``cma@32``."""
    return result.arm if result.budget is None else f"{result.arm}@{result.budget}"


def arms_table(results: Sequence[Result], arms: Sequence[str], content: str) -> Table:
    """Every arm: the headline relative to doing nothing, win rate, renders and time."""
    rows, seen_too = Lookup(results), any(r.effect == MACRO and r.seen is not None for r in results)
    metric = f"{HEADLINE}_{content}_vs_identity"
    scopes: list[bool | None] = [None, True, False] if seen_too else [None]
    heads = ["all effects", "seen", "unseen"][: len(scopes)]
    body = []
    for arm in arms:
        first = rows.find(arm, MACRO, metric)
        if first is None:
            continue
        changes = [rows.change(arm, MACRO, metric, seen) for seen in scopes]
        rest = (
            rows.share(arm, MACRO, f"win_rate_{content}"),
            rows.number(arm, MACRO, f"renders_{content}"),
            rows.number(arm, MACRO, f"ms_{content}"),
            Cell(str(first.n)),
        )
        body.append((Cell(arm), *changes, *rest))
    return Table(
        f"Spectral distance to the hidden target against doing nothing, {CONTENTS[content]}, mean over effects "
        "(95 % interval over recordings); a pair is won where the distance is strictly below that of doing nothing",
        ("arm", *heads, "pairs won", "renders a pair", "ms a pair", "pairs"),
        tuple(body),
    )


def effects_table(results: Sequence[Result], effects: Sequence[str], others: Sequence[str], content: str) -> Table:
    """Every effect: ours against doing nothing with its decisions, other arms, and what has been published."""
    rows = Lookup(results)
    metric = f"{HEADLINE}_{content}_vs_identity"
    known = [arm for arm in others if rows.find(arm, MACRO, metric) is not None]
    published = content == "other" and any(effect in PUBLISHED for effect in effects)
    body = []
    for effect in (*effects, MACRO):
        cells = [Cell(effect), rows.change(OURS, effect, metric)]
        cells += [
            rows.share(OURS, effect, f"{name}_{content}") for name in ("bypass_rate", "win_rate_accepted", "win_rate")
        ]
        cells += [rows.change(OURS, effect, f"{name}_{content}_vs_identity") for name in ("mel", "mfcc")]
        cells += [rows.change(arm, effect, metric) for arm in known]
        if published:
            figures = PUBLISHED.get(effect)
            cells.append(
                Cell("–" if figures is None else " / ".join(f"{100 * value:+.0f}" for value in figures) + " %")
            )
        body.append(tuple(cells))
    head = ("effect", OURS, "bypassed", "won of accepted", "won", "mel distance", "MFCC distance", *known)
    return Table(
        f"By effect against doing nothing, {CONTENTS[content]} (95 % interval over recordings)"
        + ("; published: Grant 2023 on VCTK / DAPS / MusDB18, other recordings than these" if published else ""),
        (*head, "published") if published else head,
        tuple(body),
    )


def metrics_table(results: Sequence[Result], arms: Sequence[str], content: str) -> Table:
    """Every metric's mean over effects, by arm."""
    rows = Lookup(results)
    body = [
        (Cell(arm), *(rows.number(arm, MACRO, f"{metric}_{content}") for metric in METRICS))
        for arm in arms
        if rows.find(arm, MACRO, f"{HEADLINE}_{content}") is not None
    ]
    caption = f"All metrics, {CONTENTS[content]}, means over effects; lower is better"
    return Table(caption, ("arm", *METRICS.values()), tuple(body))


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """Arms against each other on the same pairs."""
    body = [
        (
            Cell(f"{c.first} against {c.second}"),
            Cell(CONTENTS[c.content]),
            Cell(c.effects),
            change_cell(c.points.value, c.points.low, c.points.high),
            change_cell(c.ratio.value, c.ratio.low, c.ratio.high),
            Cell(str(c.ratio.n)),
        )
        for c in comparisons
    ]
    return Table(
        "Arms on the same pairs (95 % paired interval over recordings); negative: the first is better. Difference: of "
        "the changes against doing nothing, in points; ratio: of the distances themselves",
        ("arms", "content", "effects", "difference", "ratio", "pairs"),
        tuple(body),
    )


def recovery_table(results: Sequence[Result], arms: Sequence[str], content: str) -> Table:
    """How near the settings come to the true ones, against always answering the training's mean."""
    rows = Lookup(results)
    ratio = f"_{content}_vs_{TRAIN_MEAN}"
    body = []
    for arm in arms:
        if arm == "oracle" or rows.find(arm, MACRO, f"parameter_mae_{content}") is None:
            continue
        cells = [Cell(arm)]
        for kind in ("parameter_mae", "identifiable_mae"):
            cells.append(rows.number(arm, MACRO, f"{kind}_{content}"))
            row = rows.find(arm, MACRO, f"{kind}{ratio}")
            interval = "" if row is None else f"[{short_number(row.ci_low)}, {short_number(row.ci_high)}]"
            cells.append(Cell(rows.number(arm, MACRO, f"{kind}{ratio}").text, interval))
        body.append(tuple(cells))
    return Table(
        f"Mean absolute error of continuous controls in positions 0 to 1, {CONTENTS[content]}, and its ratio to that "
        "of always answering the training's mean (95 % interval over recordings)",
        ("arm", "all controls", "ratio", "identifiable controls", "ratio"),
        tuple(body),
    )


def controls_table(results: Sequence[Result], arms: Sequence[str], content: str, known: set[tuple[str, str]]) -> Table:
    """The ratio of each control's error to that of the training's mean; identifiable ones are marked."""
    rows = Lookup(results)
    ending = f"_{content}_vs_{TRAIN_MEAN}"
    names = dict.fromkeys(
        (r.effect, r.metric[len("mae_") : -len(ending)])
        for r in results
        if r.metric.startswith("mae_") and r.metric.endswith(ending)
    )
    chosen = [arm for arm in arms if arm != "oracle" and rows.find(arm, MACRO, f"parameter_mae_{content}")]
    body = [
        (
            Cell(effect),
            Cell(control + (" *" if (effect, control) in known else "")),
            *(rows.number(arm, effect, f"mae_{control}{ending}") for arm in chosen),
        )
        for effect, control in names
    ]
    return Table(
        f"Error of each control over that of always answering the training's mean, {CONTENTS[content]} (*: "
        "identifiable)",
        ("effect", "control", *chosen),
        tuple(body),
    )


def acceptance_table(calibrations: Mapping[tuple[str, str], Calibration]) -> Table:
    """Thresholds that validation recordings chose."""
    body = [
        (
            Cell(effect),
            Cell(CONTENTS[content]),
            Cell("never" if found.threshold >= NEVER else f"above {found.threshold:.0%}"),
            Cell(f"{found.accepted:.0%}"),
            change_cell(found.change.value, found.change.low, found.change.high),
            Cell(str(found.change.n)),
        )
        for (effect, content), found in calibrations.items()
    ]
    return Table(
        "From which improvement on a search's answer is used, chosen on validation recordings: the lowest upper bound "
        "of the distance against doing nothing",
        ("effect", "content", "used", "of the pairs", "change (95 % interval)", "pairs"),
        tuple(body),
    )


def markdown(table: Table) -> str:
    """A table for the documentation, its caption above it."""
    lines = [
        table.caption + ".",
        "",
        _row(table.header),
        "|" + "|".join(["---", *["---:"] * (len(table.header) - 1)]) + "|",
    ]
    return "\n".join(lines + [_row([f"{c.text} {c.interval}".strip() for c in row]) for row in table.rows]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
