"""The model beside its baselines: one small chart per metric, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fxstyle.plots.numbers import short_number
from fxstyle.plots.style import BASELINE, INK, MODEL, MUTED, caption, literal, plain_axes

Better = Literal["lower", "higher"]
_COLUMNS = 3


@dataclass(frozen=True)
class Bar:
    """One arm's value of one metric.

    Attributes:
        metric: Its name.
        arm: ``model`` or a baseline.
        value: The value; ``nan`` is written out, not left out.
        low: Lower end of the interval; ``nan`` where there is none.
        high: Upper end of the interval; ``nan`` where there is none.
    """

    metric: str
    arm: str
    value: float
    low: float = math.nan
    high: float = math.nan


def baseline_bars_figure(
    rows: Sequence[Bar],
    better: Mapping[str, Better] | None = None,
    interval: str = "95 % bootstrap interval over recordings",
) -> Figure:
    """Draw horizontal bars per metric, the arm ``model`` first and coloured, every baseline grey.

    Args:
        rows: What to draw, at most one per metric and arm.
        better: Which direction is better, by metric; nothing is said of a metric it lacks.
        interval: What the whiskers are, for the caption.

    Raises:
        ValueError: No rows, or two for the same metric and arm.
    """
    if not rows:
        raise ValueError("baseline_bars_figure needs at least one row")
    metrics = list(dict.fromkeys(row.metric for row in rows))
    arms = sorted(dict.fromkeys(row.arm for row in rows), key=lambda arm: arm != "model")
    cells = {(row.metric, row.arm): row for row in rows}
    if len(cells) != len(rows):
        raise ValueError("baseline_bars_figure takes one row per metric and arm")

    columns = min(_COLUMNS, len(metrics))
    lines = math.ceil(len(metrics) / columns)
    size = (3.1 * columns + 1.4, lines * (0.34 * len(arms) + 1.0) + 0.3)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    panels = figure.subplots(lines, columns, squeeze=False).flatten()
    for place, axes in enumerate(panels):
        if place >= len(metrics):
            axes.remove()
            continue
        metric = metrics[place]
        _draw(axes, metric, [cells.get((metric, arm)) for arm in arms])
        if better and metric in better:
            axes.set_xlabel(f"{better[metric]} is better", fontsize=9.5, color=MUTED)
        axes.set_yticks(range(len(arms)), [literal(arm) for arm in arms] if place % columns == 0 else [])
    notes = [f"Whiskers: {interval}."]
    if without := sum(1 for row in rows if not _has_interval(row)):
        notes.append(f"No interval for {without} of {len(rows)} bars.")
    if missing := sum(1 for row in rows if not math.isfinite(row.value)):
        notes.append(f"{missing} of {len(rows)} values are not finite.")
    caption(figure, notes)
    return figure


def _has_interval(row: Bar) -> bool:
    return math.isfinite(row.low) and math.isfinite(row.high) and math.isfinite(row.value)


def _draw(axes: Axes, title: str, rows: Sequence[Bar | None]) -> None:
    plain_axes(axes, title)
    axes.grid(False, axis="y")
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    for place, row in enumerate(rows):
        value = row.value if row is not None and math.isfinite(row.value) else None
        label = "–" if row is None else short_number(row.value)
        edge = 0.0
        if row is not None and value is not None:
            axes.barh(place, value, height=0.62, color=MODEL if row.arm == "model" else BASELINE)
            edge = max(value, 0.0)
            if _has_interval(row):
                edge = max(edge, row.high)
                axes.plot([row.low, row.high], [place, place], color=INK, linewidth=1.4, solid_capstyle="butt")
                axes.plot([row.low, row.high], [place, place], "|", color=INK, markersize=7)
        axes.annotate(
            label, (edge, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9.5, color=INK
        )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.margins(x=0.22)
    axes.tick_params(axis="y", length=0)
