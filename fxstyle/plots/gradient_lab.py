"""How good estimates of gradients are, by step and by renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from fxstyle.plots.style import CLEAN, INK, effect_styles, plain_axes


def gradient_lab_figure(
    epsilons: Sequence[float],
    cosines: Mapping[str, Mapping[str, Sequence[float]]],
    costs: Mapping[str, tuple[float, float]],
    costs_title: str,
) -> Figure:
    """Draw the cosine between estimate and exact gradient.

    Args:
        epsilons: Sizes of the steps, as a share of the range.
        cosines: Cosine at each step, by estimator, by panel title.
        costs: Renders and cosine by estimator, for the last panel.
        costs_title: Title of the last panel: what it shows.
    """
    figure = Figure(figsize=(12.0, 4.2), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(cosines) + 1)
    styles = effect_styles([*(name for curves in cosines.values() for name in curves), *costs])
    for axes, (title, curves) in zip(panels, cosines.items(), strict=False):
        plain_axes(axes, title)
        for name, values in curves.items():
            style = styles[name]
            axes.plot(epsilons, values, color=style.colour, marker=style.marker, markersize=5, label=name)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(list(epsilons)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FixedFormatter([f"{epsilon:g}" for epsilon in epsilons]))
        axes.set_xlabel("step, share of the range", color=INK)
        axes.set_ylabel("cosine", color=INK)
        axes.set_ylim(0, 1.04)
    last = panels[-1]
    plain_axes(last, costs_title)
    for name, (renders, cosine) in costs.items():
        style = styles[name]
        last.plot([renders], [cosine], color=style.colour, marker=style.marker, markersize=8, linestyle="none")
    most = max((renders for renders, _ in costs.values()), default=1.0)
    last.axhline(1.0, color=CLEAN, linewidth=1)
    last.set_xlim(0, 1.1 * most)
    last.set_ylim(0, 1.04)
    last.set_xlabel("renders of an item beside its own", color=INK)
    last.set_ylabel("cosine", color=INK)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=max(1, len(names)), frameon=False, fontsize=9.5)
    return figure
