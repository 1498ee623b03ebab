"""The HTML report: one file that opens from disk, with its pictures and sounds beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fxstyle.report.files import inside
from fxstyle.report.media import AudioFile, Picture
from fxstyle.report.tables import Table
from fxstyle.writing import write_text

_TEMPLATES = Path(__file__).with_name("templates")
_NUMBER = re.compile(r"(NaN|–|-?∞|[-+]?[\d.,]+(e[-+]?\d+)?)(\s*%)?")


@dataclass(frozen=True)
class AudioRow:
    """The same sound in several states, which a listener can switch between at the same time position.

    Attributes:
        label: What it is, such as the effect and the recording.
        files: Dry, wet, reconstruction: in the order to be shown.
        note: A sentence about it, such as the parameters in units.
    """

    label: str
    files: tuple[AudioFile, ...]
    note: str = ""


@dataclass(frozen=True)
class Link:
    """A page beside the report, such as the interactive map.

    Attributes:
        path: POSIX path relative to the report.
        label: Text of the link.
        note: A sentence beside it.
    """

    path: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """One part of a report; what it has is shown in the order of the attributes.

    Attributes:
        heading: Its heading.
        paragraphs: Plain text.
        tables: Tables.
        pictures: Pictures.
        links: Pages beside the report.
        audio: Sounds to compare.
    """

    heading: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    links: tuple[Link, ...] = ()
    audio: tuple[AudioRow, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a report says; every text is plain and is escaped.

    Attributes:
        title: Its title.
        summary: Sentences for someone who reads no further.
        headline: The table with baselines and intervals.
        sections: The body.
        notes: Caveats: what was left out, clipped, not finite, or not independent.
        reproduce: Commands that make these numbers again.
        config: The resolved configuration as YAML.
        environment: Versions, machine, commit.
    """

    title: str
    summary: tuple[str, ...] = ()
    headline: Table | None = None
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    reproduce: tuple[str, ...] = ()
    config: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def write_report(folder: Path, report: Report) -> Path:
    """Write ``report.html``, whole or not at all, after checking that all it refers to is in the folder.

    The page needs no network: styles and script are inside, and its content security policy forbids every request but
    for pictures and sounds from where it lies.

    Args:
        folder: Where the report goes; its pictures and sounds are already there (``save_picture``, ``save_audio``).
        report: What it says.

    Returns:
        The path of the page.

    Raises:
        ValueError: A picture, sound or link is missing, or its path is not safely inside the folder.
    """
    for section in report.sections:
        paths = [picture.path for picture in section.pictures] + [link.path for link in section.links]
        for path in paths + [file.path for row in section.audio for file in row.files]:
            inside(folder, path)
    page = folder / "report.html"
    write_text(page, templates().get_template("report.html").render(report=report))
    return page


def templates() -> Environment:
    """The templates of pages, which escape every text that is put into them."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["number"] = lambda text: _NUMBER.fullmatch(text) is not None
    return environment
