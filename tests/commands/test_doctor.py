"""``fxstyle doctor`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from fxstyle.audio.generate import generate_files
from fxstyle.effects.parse import parse_effect
from tests.commands.conftest import Run

pytestmark = pytest.mark.unit


def test_a_healthy_effect_passes_in_tables_and_json(run: Run, tmp_path: Path) -> None:
    out, target = tmp_path / "found.json", tmp_path / "my_gain.yaml"
    code, text, _ = run("doctor", "plugin", "gain", "--quick", "--out", out, "--write", target)
    assert code == 0
    assert "gain: gain_db" in text
    assert "gain can be used: no FAIL, 1 WARN" in text
    assert max(map(len, text.splitlines())) <= 80
    found = json.loads(out.read_text())
    assert found["passed"]
    assert found["warnings"] == ["gain: gain_db"]
    assert found["parameters"][0]["reach_db"] > -1
    held = parse_effect("my_gain", yaml.safe_load(target.read_text())["my_gain"])
    assert held.warnings == ("gain: gain_db",)
    assert held.reset == "exact"
    for taken in (("--out", out), ("--write", target)):
        code, _, error = run("doctor", "plugin", "gain", "--quick", *taken)
        assert code == 2
        assert "already there: add --overwrite" in error


def test_speed_and_safety_are_measured(run: Run) -> None:
    code, text, _ = run("doctor", "plugin", "invert", "--json")
    assert code == 0
    facts = json.loads(text)["facts"]
    assert facts["thread_safe"] is True
    assert facts["process_safe"] is True
    assert facts["realtime_factor"] > 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no_such_effect",), "no_such_effect"),
        (("no/such.lv2",), "does not exist"),
        (("gain", "--recordings", "no/such/folder"), "is not a folder"),
        (("gain", "--write", "my-gain.yaml"), "ends in .yaml"),
        (("mda_weekly",), "is a set"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, arguments: tuple[str, ...], words: str) -> None:
    code, text, error = run("doctor", "plugin", *arguments)
    assert code == 2
    assert words in error
    assert not text
    assert len(error.strip().splitlines()) == 1


def test_identifiability_writes_a_page_and_a_table(run: Run, tmp_path: Path) -> None:
    folder, out = tmp_path / "recordings", tmp_path / "page.md"
    assert len(list(generate_files(folder, 4, 1.0, 24000))) == 4
    few = ("--clips", "2", "--bases", "2", "--seconds", "0.5", "--recordings", folder, "--out", out)
    code, text, _ = run("doctor", "identifiability", "six_plus_three", "gain", *few)
    assert code == 0
    assert "10 effects on 2 recordings" in text
    assert "| gain | 1 | 1 | - | gain_db | - |" in out.read_text()
    assert str(tmp_path) not in out.read_text()
    code, _, error = run("doctor", "identifiability", "gain", *few)
    assert code == 2
    assert "already there: add --overwrite" in error
