"""Figures of the style benchmark: what more renders buy, and each effect against doing nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fxstyle.plots.style import BASELINE, INK, MODEL, MUTED, caption, effect_styles, literal, plain_axes


@dataclass(frozen=True)
class Point:
    """One arm's score relative to doing nothing.

    Attributes:
        panel: Which panel it belongs to, such as ``matched content``.
        arm: The arm.
        row: The effect, in :func:`effects_figure`; else empty.
        renders: Renders used, in :func:`quality_figure`.
        value: Relative change; -0.2 is a fifth better than doing nothing.
        low: Lower end of the interval; ``nan`` where there is none.
        high: Upper end of the interval; ``nan`` where there is none.
    """

    panel: str
    arm: str
    row: str
    renders: int
    value: float
    low: float
    high: float


def quality_figure(points: Sequence[Point], score: str = "spectral distance against doing nothing") -> Figure:
    """Draw the score over the renders used, a panel for each content and a line for each arm.

    Args:
        points: What to draw.
        score: What the score is.

    Raises:
        ValueError: There are no points.
    """
    figure, panels = _panels(points, (4.2, 3.6))
    styles = effect_styles(point.arm for point in points)
    budgets = sorted({point.renders for point in points})
    for axes, panel in zip(panels, _names(points), strict=True):
        plain_axes(axes, panel)
        axes.axhline(0.0, color=INK, linewidth=1)
        for arm, style in styles.items():
            line = sorted((p for p in points if p.panel == panel and p.arm == arm), key=lambda p: p.renders)
            if line:
                places = [budgets.index(point.renders) for point in line]
                values = [point.value for point in line]
                axes.plot(places, values, color=style.colour, marker=style.marker, linewidth=1.6, label=literal(arm))
                known = [(place, p.low, p.high) for place, p in zip(places, line, strict=True) if math.isfinite(p.low)]
                for place, low, high in known:
                    axes.plot([place, place], [low, high], color=style.colour, linewidth=1.2, alpha=0.6)
        axes.set_xticks(range(len(budgets)), [f"{budget:,}" for budget in budgets])
        axes.set_xlabel("renders a pair")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    panels[0].set_ylabel(score)
    _legend(panels[-1])
    caption(figure, ["Whiskers: 95 % bootstrap interval over recordings. Below 0: better than the dry sound."])
    return figure


def effects_figure(points: Sequence[Point], ours: str) -> Figure:
    """Draw each effect's score for several arms, a panel for each content, with intervals.

    Args:
        points: What to draw.
        ours: The arm that is drawn in colour.

    Raises:
        ValueError: There are no points.
    """
    rows = list(dict.fromkeys(point.row for point in points))
    arms = list(dict.fromkeys(point.arm for point in points))
    figure, panels = _panels(points, (4.2, 0.5 * len(rows) + 1.4))
    styles = effect_styles(arms)
    for axes, panel in zip(panels, _names(points), strict=True):
        plain_axes(axes, panel)
        axes.axvline(0.0, color=INK, linewidth=1)
        for number, arm in enumerate(arms):
            colour = MODEL if arm == ours else MUTED if number % 2 else BASELINE
            shift = 0.6 * (number - (len(arms) - 1) / 2) / max(len(arms), 1)
            for point in (p for p in points if p.panel == panel and p.arm == arm):
                place = rows.index(point.row) + shift
                axes.plot([point.low, point.high], [place, place], color=colour, linewidth=1.3)
                axes.plot(point.value, place, marker=styles[arm].marker, color=colour, markersize=5, linestyle="none")
            axes.plot([], [], marker=styles[arm].marker, color=colour, linestyle="none", label=literal(arm))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [literal(row) for row in rows])
        axes.tick_params(axis="y", labelleft=axes is panels[0], length=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    _legend(panels[-1])
    caption(figure, ["Whiskers: 95 % bootstrap interval over recordings. Left of 0: better than the dry sound."])
    return figure


def _names(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(point.panel for point in points))


def _panels(points: Sequence[Point], size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    names = _names(points)
    if not names:
        raise ValueError("there are no points to draw")
    figure = Figure(figsize=(size[0] * len(names) + 1.6, size[1]), layout="constrained", facecolor="white")
    return figure, list(figure.subplots(1, len(names), sharey=True, squeeze=False).flatten())


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=9.5, labelcolor=INK, borderaxespad=0
    )
