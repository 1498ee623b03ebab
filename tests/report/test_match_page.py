"""The page of a match: everything escaped, nothing from elsewhere, and knobs that say what they show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from fxstyle.report.html import AudioRow
from fxstyle.report.match_page import Knob, MatchPage, write_match_page
from fxstyle.report.media import save_audio, save_picture
from fxstyle.report.tables import plain_table
from tests.report.test_html import _HOSTILE, _Page

pytestmark = pytest.mark.unit


def page(folder: Path, text: str = "plain") -> MatchPage:
    sound = np.zeros((1, 240), np.float32)
    files = tuple(
        save_audio(folder, f"{text} {state}", state, sound, 24_000) for state in ("before", "after", "reference")
    )
    return MatchPage(
        title=text,
        accepted=True,
        summary=(text,),
        listen=AudioRow(text, files, text),
        knobs=(Knob(text, text, 0.25, heard=text), Knob("mode", "on", 1.0, steps=3, certainty="open")),
        pictures=(save_picture(folder, text, Figure(figsize=(1, 1)), text, text),),
        candidates=plain_table(text, (text, "score"), [(text, 0.5)]),
        decision=(text,),
        files={text: text},
        reproduce=(text,),
        facts={text: text},
    )


def test_every_text_is_escaped_and_everything_is_local(tmp_path: Path) -> None:
    written = write_match_page(tmp_path, page(tmp_path, _HOSTILE)).read_text(encoding="utf-8")
    parsed = _Page(written)
    tags = [tag for tag, _ in parsed.elements]
    assert tags.count("script") == 1
    assert tags.count("img") == 1
    assert _HOSTILE in "".join(parsed.texts)
    for attributes in (element for _, element in parsed.elements):
        for name in ("src", "href"):
            assert not attributes.get(name, "").startswith(("http", "//", "/", "data:", "javascript"))
    assert [audio["data-state"] for audio in parsed.all("audio")] == ["before", "after", "reference"]


def test_it_says_whether_the_settings_are_used(tmp_path: Path) -> None:
    used = page(tmp_path)
    assert ">Matched<" in write_match_page(tmp_path, used).read_text(encoding="utf-8")
    left = write_match_page(tmp_path, replace(used, accepted=False)).read_text(encoding="utf-8")
    assert "Bypassed" in left
    assert "not used" in left
    assert ">Matched<" not in left


def test_knobs_have_a_text_for_those_who_do_not_see_them(tmp_path: Path) -> None:
    parsed = _Page(write_match_page(tmp_path, page(tmp_path)).read_text(encoding="utf-8"))
    drawn = parsed.all("svg")
    assert [knob["aria-label"] for knob in drawn] == ["plain: plain, rough, plain", "mode: on, open"]
    assert all(knob["role"] == "img" for knob in drawn)


@pytest.mark.parametrize(
    ("place", "x", "y"), [(0.0, 28.79, 71.21), (0.5, 50.0, 20.0), (1.0, 71.21, 71.21), (2.0, 71.21, 71.21)]
)
def test_a_knob_turns_from_lower_left_to_lower_right(place: float, x: float, y: float) -> None:
    assert Knob("a", "b", place).pointer.endswith(f"L{x:.2f} {y:.2f}")


def test_switches_have_a_dot_for_each_step() -> None:
    assert len(Knob("a", "b", 0.5, steps=3).dots) == 3
    assert Knob("a", "b", 0.5, steps=0).dots == ()
    assert Knob("a", "b", 0.5, steps=100).dots == ()


def test_what_is_missing_is_refused(tmp_path: Path) -> None:
    whole = page(tmp_path)
    (tmp_path / whole.pictures[0].path).unlink()
    with pytest.raises(ValueError, match="is not in"):
        write_match_page(tmp_path, whole)
    assert not (tmp_path / "report.html").exists()
