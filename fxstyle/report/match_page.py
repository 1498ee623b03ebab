"""The page of one match: what was asked, what came out, and everything to listen to and to look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fxstyle.report.files import inside
from fxstyle.report.html import AudioRow, templates
from fxstyle.report.media import Picture
from fxstyle.report.tables import Table
from fxstyle.writing import write_text

Certainty = Literal["sure", "rough", "open"]

_TURN_DEGREES = 270.0
_RADIUS = 38.0
_MOST_DOTS = 12


@dataclass(frozen=True)
class Knob:
    """One control as it is drawn.

    Attributes:
        name: Its name.
        value: The setting as a person reads it, such as ``-18 dB``.
        place: Where it points, from 0 to 1.
        steps: Number of positions of a switch; 0 for a continuous control.
        certainty: How well the sounds settle it.
        heard: What moving it changes, such as ``1.3 dB``; empty where it was not tried.
    """

    name: str
    value: str
    place: float
    steps: int = 0
    certainty: Certainty = "rough"
    heard: str = ""

    @property
    def label(self) -> str:
        """Everything about it for someone who does not see it."""
        return ", ".join(part for part in (f"{self.name}: {self.value}", self.certainty, self.heard) if part)

    @property
    def pointer(self) -> str:
        """SVG path of its pointer, in a square of 100."""
        (x0, y0), (x1, y1) = _on_circle(self.place, 16.0), _on_circle(self.place, 30.0)
        return f"M{x0:.2f} {y0:.2f}L{x1:.2f} {y1:.2f}"

    @property
    def arc(self) -> str:
        """SVG path from its lowest position to where it points."""
        return _arc(self.place)

    @property
    def track(self) -> str:
        """SVG path of its whole range."""
        return _arc(1.0)

    @property
    def dots(self) -> tuple[tuple[float, float], ...]:
        """Centres of the dots of a switch with few positions."""
        if not 2 <= self.steps <= _MOST_DOTS:
            return ()
        return tuple(_on_circle(step / (self.steps - 1), 46.0) for step in range(self.steps))


@dataclass(frozen=True)
class MatchPage:
    """What the page says; every text is plain and is escaped.

    Attributes:
        title: Its title.
        accepted: False where the dry sound was returned as it is.
        summary: Sentences for someone who reads no further.
        listen: Before, after and reference.
        knobs: The settings, or the best that was found.
        pictures: Spectra and the course of the search.
        candidates: What else was found.
        decision: What was decided and why.
        files: What lies beside the page: file name and what it is.
        reproduce: Commands that make this again.
        facts: Rates, lengths, numbers of renders, versions.
    """

    title: str
    accepted: bool
    summary: tuple[str, ...]
    listen: AudioRow
    knobs: tuple[Knob, ...]
    pictures: tuple[Picture, ...]
    candidates: Table
    decision: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    reproduce: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def write_match_page(folder: Path, page: MatchPage) -> Path:
    """Write ``report.html``, whole or not at all, after checking that all it refers to is in the folder.

    It works from disk and needs no network, as :func:`fxstyle.report.html.write_report`.

    Raises:
        ValueError: A picture or sound is missing, or its path is not safely inside the folder.
    """
    for path in [picture.path for picture in page.pictures] + [sound.path for sound in page.listen.files]:
        inside(folder, path)
    target = folder / "report.html"
    write_text(target, templates().get_template("match.html").render(page=page))
    return target


def _on_circle(place: float, radius: float) -> tuple[float, float]:
    """The point of a knob's turn in a square of 100: 0 is at half past seven, 1 at half past four."""
    angle = math.radians(_TURN_DEGREES * (min(max(place, 0.0), 1.0) - 0.5))
    return 50.0 + radius * math.sin(angle), 50.0 - radius * math.cos(angle)


def _arc(place: float) -> str:
    (x0, y0), (x1, y1) = _on_circle(0.0, _RADIUS), _on_circle(place, _RADIUS)
    large = int(_TURN_DEGREES * place > 180.0)
    return f"M{x0:.2f} {y0:.2f}A{_RADIUS:g} {_RADIUS:g} 0 {large} 1 {x1:.2f} {y1:.2f}"
