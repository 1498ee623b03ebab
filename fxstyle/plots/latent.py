"""The latent map: every clip a point, coloured by effect, brightness and depth."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from fxstyle.plots.numbers import quantity, short_number
from fxstyle.plots.points import LatentPoints, colour_limits, latent_points
from fxstyle.plots.style import CLEAN, INK, MUTED, caption, literal, plain_axes

_PAGE = Path(__file__).with_name("latent_page.html")
# plotly.js 4 puts a "Share chart" button, which uploads the data, on every chart: name the buttons that may be there.
_BUTTONS = [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]]
_COLOUR_MAPS = {"brightness": "viridis", "depth": "plasma"}


def latent_map_figure(
    points: ArrayLike,
    effect_names: Sequence[str],
    brightness: ArrayLike,
    depth: ArrayLike,
    is_wet: ArrayLike,
    *,
    effects: Sequence[str] | None = None,
    axis_name: str = "UMAP",
    title: str = "",
) -> Figure:
    """Draw the latent space three times: by effect, by brightness and by depth.

    Clean points are grey, smaller and behind the others. A point whose descriptor is ``nan`` is drawn hollow, and a
    caption counts them, as it counts points left out because their position is not finite.

    Args:
        points: ``(n, 2)`` positions.
        effect_names: ``(n,)`` effect of the pair that each point belongs to.
        brightness: ``(n,)`` AudioCommons brightness.
        depth: ``(n,)`` AudioCommons depth.
        is_wet: ``(n,)`` whether the point is the effected half of its pair.
        effects: All effects of the study in a fixed order, so that each keeps its colour from figure to figure.
        axis_name: What the axes are, ``UMAP`` or ``PCA``.
        title: Title above the panels.

    Raises:
        ValueError: Arrays of different lengths.
    """
    shown = latent_points(points, effect_names, brightness, depth, is_wet, effects)
    left, bottom, side = _square(shown)
    columns, lines = _legend_size(shown)
    # Square panels leave the height to us: three of them across, then the taller of legend and colour bar.
    height = 4.45 + 0.2 * max(lines, 3) + (0.3 if title else 0.0)
    figure = Figure(figsize=(10.8, height), layout="constrained", facecolor="white")
    panels = figure.subplots(1, 3)
    by_effect, *by_descriptor = panels
    for axes, name in zip(panels, ("Effect", "Brightness", "Depth"), strict=True):
        plain_axes(axes, name)
        axes.set(xticks=[], yticks=[], xlabel=literal(f"{axis_name} 1"))
        axes.set(xlim=(left, left + side), ylim=(bottom, bottom + side), box_aspect=1, anchor="N")
    by_effect.set_ylabel(literal(f"{axis_name} 2"))
    size = float(np.clip(14_000 / max(len(shown.is_wet), 1), 7, 36))
    _draw_effects(by_effect, shown, size, columns)
    for axes, (name, values) in zip(by_descriptor, shown.descriptors.items(), strict=True):
        _draw_descriptor(figure, axes, shown, name, values, size)
    if title:
        figure.suptitle(literal(title), fontsize=12, color=INK, x=0.01, ha="left")
    caption(figure, shown.notes())
    return figure


def latent_map_html(
    points: ArrayLike,
    effect_names: Sequence[str],
    brightness: ArrayLike,
    depth: ArrayLike,
    is_wet: ArrayLike,
    *,
    recordings: Sequence[str],
    parameters: Sequence[Mapping[str, tuple[float, str]]],
    effects: Sequence[str] | None = None,
    axis_name: str = "UMAP",
    title: str = "Latent map",
) -> str:
    """Make a page that needs no network: the same points to hover over, with buttons that switch the colouring.

    Args:
        points: ``(n, 2)`` positions.
        effect_names: ``(n,)`` effect of the pair that each point belongs to.
        brightness: ``(n,)`` AudioCommons brightness.
        depth: ``(n,)`` AudioCommons depth.
        is_wet: ``(n,)`` whether the point is the effected half of its pair.
        recordings: ``(n,)`` recording that each clip was cut from.
        parameters: ``(n,)`` value and unit of each parameter by name, such as ``{"threshold": (-18.0, "dB")}``; empty
            for a clean point.
        effects: All effects of the study in a fixed order, so that each keeps its colour from figure to figure.
        axis_name: What the axes are, ``UMAP`` or ``PCA``.
        title: Title of the page.

    Returns:
        A complete HTML document with plotly.js inside (about 5 MB).

    Raises:
        ValueError: Arrays of different lengths.
    """
    import plotly.graph_objects as go

    shown = latent_points(points, effect_names, brightness, depth, is_wet, effects)
    if len(recordings) != len(shown.kept) or len(parameters) != len(shown.kept):
        raise ValueError("recordings and parameters need one entry per point")
    places = np.flatnonzero(shown.kept).tolist()
    texts = [_hover_text(shown, row, recordings[place], parameters[place]) for row, place in enumerate(places)]

    def markers(rows: NDArray[np.bool_], colouring: str, name: str, **marker: object) -> go.Scatter:
        return go.Scatter(
            x=shown.positions[rows, 0],
            y=shown.positions[rows, 1],
            mode="markers",
            name=html.escape(name),
            marker={"line": {"width": 0}, **marker},
            hovertext=[texts[row] for row in np.flatnonzero(rows)],
            hoverinfo="text",
            visible=colouring == "effect",
        )

    traces, colourings = [], []
    if (clean := ~shown.is_wet).any():
        traces.append(markers(clean, "effect", "clean", size=5, color=CLEAN))
    for name, style in shown.styles.items():
        if (rows := shown.is_wet & (shown.effects == name)).any():
            traces.append(markers(rows, "effect", name, size=8, color=style.colour, symbol=style.symbol, opacity=0.85))
    colourings += ["effect"] * len(traces)
    for name, values in shown.descriptors.items():
        finite = np.isfinite(values)
        low, high = colour_limits(values)
        if (~finite).any():
            traces.append(
                markers(~finite, name, f"no {name} (NaN)", size=8, color=MUTED, symbol="circle-open", line={"width": 1})
            )
            colourings.append(name)
        if finite.any():
            scale = {
                "colorscale": _COLOUR_MAPS[name].capitalize(),
                "cmin": low,
                "cmax": high,
                "colorbar": {"title": name},
            }
            sizes = np.where(shown.is_wet[finite], 8, 5)
            traces.append(markers(finite, name, name, size=sizes, color=values[finite], showscale=True, **scale))
            traces[-1].showlegend = False
            colourings.append(name)
    plot = go.Figure(traces)
    plot.update_layout(
        template="plotly_white",
        margin={"l": 50, "r": 20, "t": 30, "b": 50},
        # Below the plot, where it meets neither the colour bar nor the buttons.
        legend={"orientation": "h", "yanchor": "top", "y": -0.09},
        hoverlabel={"align": "left"},
    )
    axis = {"showticklabels": False, "zeroline": False}
    plot.update_xaxes(title_text=html.escape(f"{axis_name} 1"), **axis)
    plot.update_yaxes(title_text=html.escape(f"{axis_name} 2"), scaleanchor="x", **axis)
    body = plot.to_html(
        full_html=False,
        include_plotlyjs=True,
        div_id="latent-map",
        default_height="80vh",
        config={"displaylogo": False, "responsive": True, "scrollZoom": True, "modeBarButtons": _BUTTONS},
    )
    page = Environment(autoescape=True).from_string(_PAGE.read_text(encoding="utf-8"))
    return page.render(
        title=title, note=" ".join(shown.notes()), plot=Markup(body), colourings=Markup(json.dumps(colourings))
    )


def _square(shown: LatentPoints) -> tuple[float, float, float]:
    """Give left, bottom and side of the square that holds every point: neither axis is stretched against the other."""
    if len(shown.positions) == 0:
        return -1.0, -1.0, 2.0
    low, high = shown.positions.min(axis=0), shown.positions.max(axis=0)
    side = 1.08 * float((high - low).max()) or 1.0
    left, bottom = (low + high - side) / 2
    return float(left), float(bottom), side


def _legend_size(shown: LatentPoints) -> tuple[int, int]:
    names = ["clean", *dict.fromkeys(shown.effects[shown.is_wet].tolist())]
    columns = 3 if max(map(len, names)) <= 10 else 2
    return columns, math.ceil(len(names) / columns)


def _draw_effects(axes: Axes, shown: LatentPoints, size: float, columns: int) -> None:
    clean = ~shown.is_wet
    if clean.any():
        axes.scatter(
            shown.positions[clean, 0],
            shown.positions[clean, 1],
            s=size * 0.45,
            color=CLEAN,
            linewidths=0,
            label="clean",
        )
    for name, style in shown.styles.items():
        if (rows := shown.is_wet & (shown.effects == name)).any():
            label = literal(name)
            colour, marker = style.colour, style.marker
            axes.scatter(
                shown.positions[rows, 0],
                shown.positions[rows, 1],
                s=size,
                color=colour,
                marker=marker,
                linewidths=0,
                alpha=0.85,
                label=label,
            )
    if len(shown.positions):
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.1),
            ncols=columns,
            frameon=False,
            fontsize=9,
            labelcolor=INK,
            handletextpad=0.2,
            columnspacing=0.8,
            markerscale=max(1.0, math.sqrt(30 / size)),
        )


def _draw_descriptor(
    figure: Figure, axes: Axes, shown: LatentPoints, name: str, values: NDArray[np.float64], size: float
) -> None:
    finite = np.isfinite(values)
    sizes = np.where(shown.is_wet, size, size * 0.45)
    if (~finite).any():
        axes.scatter(
            shown.positions[~finite, 0],
            shown.positions[~finite, 1],
            s=sizes[~finite],
            facecolors="none",
            edgecolors=MUTED,
            linewidths=0.7,
        )
    if not finite.any():
        text = f"no point has a finite {name}"
        axes.text(0.5, -0.14, text, transform=axes.transAxes, ha="center", va="top", fontsize=9, color=MUTED)
        return
    low, high = colour_limits(values)
    # Clean points first, as in the first panel, so that the three panels can be read against each other.
    order = np.flatnonzero(finite)[np.argsort(shown.is_wet[finite], kind="stable")]
    drawn = axes.scatter(
        shown.positions[order, 0],
        shown.positions[order, 1],
        s=sizes[order],
        c=values[order],
        cmap=_COLOUR_MAPS[name],
        vmin=low,
        vmax=high,
        linewidths=0,
    )
    below, above = bool(values[finite].min() < low), bool(values[finite].max() > high)
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max"}.get((below, above), "both")
    bar = figure.colorbar(
        drawn, cax=axes.inset_axes((0.03, -0.16, 0.94, 0.035)), orientation="horizontal", extend=extend
    )
    bar.set_label(name, fontsize=9.5, color=INK)
    bar.ax.tick_params(labelsize=9, colors=INK)
    bar.outline.set_edgecolor(MUTED)


def _hover_text(shown: LatentPoints, row: int, recording: str, parameters: Mapping[str, tuple[float, str]]) -> str:
    effect = str(shown.effects[row]) if shown.is_wet[row] else f"clean ({shown.effects[row]} pair)"
    lines = [f"<b>{html.escape(effect)}</b>", html.escape(recording)]
    lines += [f"{name} {short_number(values[row])}" for name, values in shown.descriptors.items()]
    lines += [html.escape(f"{name}: {quantity(value, unit)}") for name, (value, unit) in parameters.items()]
    return "<br>".join(lines)
