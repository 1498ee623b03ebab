"""How every figure looks: one colour and one marker per effect, dark ink on white."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2430"
MUTED = "#5c6370"
GRID = "#dfe2e8"
CLEAN = "#a3a8b1"
MODEL = "#0072b2"
BASELINE = "#b4b9c3"

# Okabe and Ito's colours that carry on white, then three of Paul Tol's "muted" set. Markers differ too, so that no
# effect is told from another by colour alone.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#999933", "#332288")
_MARKERS = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    ("P", "cross"),
    ("X", "x"),
)


@dataclass(frozen=True)
class EffectStyle:
    """How one effect is drawn.

    Attributes:
        colour: Hexadecimal colour.
        marker: Matplotlib's marker.
        symbol: Plotly's name of the same marker.
    """

    colour: str
    marker: str
    symbol: str


def effect_styles(effects: Iterable[str]) -> dict[str, EffectStyle]:
    """Give each effect its colour and marker, by its place among the distinct names in the order given.

    Pass the whole study's effects in a fixed order and an effect looks the same in every figure.
    """
    styles = {}
    for index, effect in enumerate(dict.fromkeys(effects)):
        marker, symbol = _MARKERS[index % len(_MARKERS)]
        styles[effect] = EffectStyle(_COLOURS[index % len(_COLOURS)], marker, symbol)
    return styles


def plain_axes(axes: Axes, title: str = "") -> None:
    """Draw an axes with dark ink, a light grid and no box."""
    axes.set_title(literal(title), fontsize=11, fontweight="bold", color=INK, loc="left")
    axes.grid(True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9.5, length=3)
    axes.xaxis.label.set(color=INK, fontsize=10)
    axes.yaxis.label.set(color=INK, fontsize=10)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)


def caption(figure: Figure, sentences: Iterable[str]) -> None:
    """Write sentences below the figure: what it counts and what it leaves out."""
    characters = max(30, round(13.5 * figure.get_figwidth()))
    text = "\n".join(textwrap.wrap(" ".join(sentences), characters))
    figure.supxlabel(literal(text), x=0.01, ha="left", fontsize=9, color=MUTED)


def literal(text: str) -> str:
    """Keep matplotlib from reading dollar signs in a name as the start of a formula."""
    return text.replace("$", r"\$")
