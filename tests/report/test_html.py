import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from fxstyle.report import html
from fxstyle.report.html import AudioRow, Link, Report, Section, write_report
from fxstyle.report.media import AudioFile, Picture, save_audio, save_picture
from fxstyle.report.tables import Cell, Table, plain_table
from fxstyle.writing import write_text

pytestmark = pytest.mark.unit

_HOSTILE = """</title></style></script><script>alert('x')</script><img src=x onerror=alert(1)>"'&{{ 7 * 7 }}"""


class _Page(HTMLParser):
    """Elements with their attributes, and whether every element that opens is closed in order."""

    _VOID = frozenset({"meta", "img", "link", "br", "input"})

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.texts = []
        self._open = []
        self.feed(text)
        assert not self._open, self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def _report(folder, text="plain"):
    sound = np.zeros((1, 240), np.float32)
    states = tuple(
        save_audio(folder, f"{text} {state}", state, sound, 24_000) for state in ("dry", "wet", "reconstruction")
    )
    picture = save_picture(folder, text, Figure(figsize=(1, 1)), text, text)
    write_text(folder / "latent_map.html", "<!doctype html>")
    return Report(
        title=text,
        summary=(text,),
        headline=Table(text, ("metric", "model", text), ((Cell("r2"), Cell("0.900", "[0.85, 0.95]"), Cell("NaN")),)),
        sections=(
            Section(
                text,
                (text,),
                (plain_table(text, [text, "n"], [[text, math.nan]]),),
                (picture,),
                (Link("latent_map.html", text, text),),
                (AudioRow(text, states, text),),
            ),
        ),
        notes=(text,),
        reproduce=(text,),
        config=text,
        environment={text: text},
    )


def _written(folder, report):
    return write_report(folder, report).read_text(encoding="utf-8")


def test_nothing_is_asked_of_the_network(tmp_path):
    text = _written(tmp_path, _report(tmp_path))
    assert not re.findall(r"(?:https?|wss?|ftp):|url\(|@import|//[a-z]+\.", text)
    page = _Page(text)
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            value = attributes.get(name)
            if value and not value.startswith("#"):
                assert (tag, name) in {("img", "src"), ("audio", "src"), ("a", "href")}
                assert (tmp_path / value).resolve().is_relative_to(tmp_path.resolve())
                assert (tmp_path / value).is_file()
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert set(directives["img-src"].split()) == set(directives["media-src"].split()) == {"'self'", "file:", "data:"}
    assert directives["form-action"] == directives["base-uri"] == "'none'"


def test_hostile_text_is_shown_and_never_run(tmp_path):
    folder = tmp_path / "eval"
    text = _written(folder, _report(folder, _HOSTILE))
    page = _Page(text)
    assert len(page.all("script")) == 1
    assert len(page.all("style")) == 1
    assert len(page.all("img")) == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "".join(page.texts).count(_HOSTILE) >= 15
    assert page.all("img")[0]["alt"] == _HOSTILE
    assert all(path.is_relative_to(folder) for path in tmp_path.rglob("*") if path.is_file())


def test_tables_name_rows_and_columns_and_keep_nan(tmp_path):
    text = _written(tmp_path, _report(tmp_path))
    page = _Page(text)
    tables = len(page.all("table"))
    assert tables == text.count("<caption>") == 3
    assert all(head["scope"] in ("row", "col") for head in page.all("th"))
    assert text.count(">NaN</td>") == 2
    assert '<span class="interval">[0.85, 0.95]</span>' in text


def test_sound_works_without_script_and_pictures_have_words(tmp_path):
    text = _written(tmp_path, _report(tmp_path))
    page = _Page(text)
    players = page.all("audio")
    assert [player["data-state"] for player in players] == ["dry", "wet", "reconstruction"]
    assert all("controls" in player and player["preload"] == "none" and "hidden" not in player for player in players)
    assert all(player["aria-label"] for player in players)
    (picture,) = page.all("img")
    assert (picture["alt"], picture["width"], picture["height"]) == ("plain", "150", "150")


def test_every_link_of_the_contents_leads_somewhere(tmp_path):
    page = _Page(_written(tmp_path, _report(tmp_path)))
    places = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    targets = [link["href"][1:] for link in page.all("a") if link["href"].startswith("#")]
    assert len(places) == len(set(places))
    assert set(targets) <= set(places)
    assert {"headline", "section-1", "notes", "reproduce", "setup", "content"} <= set(targets)


def test_notes_of_the_sound_are_said(tmp_path):
    loud = save_audio(tmp_path, "loud", "wet", np.full((1, 10), 2.0, np.float32), 24_000)
    report = Report("t", sections=(Section("s", audio=(AudioRow("row", (loud,)),)),))
    assert "10 of 10 samples are beyond full scale" in _written(tmp_path, report)


def test_an_empty_report_is_a_page(tmp_path):
    page = _Page(_written(tmp_path / "eval", Report("Nothing yet")))
    assert not page.all("table")
    assert not page.all("section")


@pytest.mark.parametrize("path", ["../secret.png", "javascript:alert(1)", "https://example.org/x.png", "absent.png"])
def test_what_a_report_refers_to_must_be_in_its_folder(tmp_path, path):
    Path(tmp_path / "secret.png").write_bytes(b"")
    folder = tmp_path / "eval"
    for section in (
        Section("s", pictures=(Picture(path, "", "", 1, 1),)),
        Section("s", links=(Link(path, "map"),)),
        Section("s", audio=(AudioRow("r", (AudioFile(path, "dry"),)),)),
    ):
        with pytest.raises(ValueError, match=re.escape(path)):
            write_report(folder, Report("t", sections=(section,)))
    assert not (folder / "report.html").exists()


def test_a_write_that_fails_half_way_leaves_the_old_report(tmp_path, monkeypatch):
    write_report(tmp_path, Report("old"))
    whole = Path.write_text

    def broken(path, text, **settings):
        whole(path, text[: len(text) // 2], **settings)
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", broken)
    with pytest.raises(OSError, match="disk full"):
        write_report(tmp_path, Report("new"))
    assert "<title>old</title>" in (tmp_path / "report.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_templates_ship_beside_the_module():
    folder = Path(html.__file__).with_name("templates")
    assert {path.name for path in folder.iterdir()} == {
        *("report.html", "parts.html", "report.css", "player.js"),
        *("match.html", "match.css", "match.js"),
    }
