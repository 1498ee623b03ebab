"""What the doctor advises, and the file that holds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from fxstyle.doctor.advice import advised, check_target, write_effect
from fxstyle.doctor.findings import ControlStudy, Examination, Finding, differing_records
from fxstyle.effects.parse import parse_effect
from fxstyle.effects.preset import Preset
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from tests.configs.test_configs import leaves
from tests.effects.catalogue import built_in, effect

pytestmark = pytest.mark.unit

FACTS: dict[str, Any] = {
    "reset": "exact",
    "block": 512,
    "streams": True,
    "thread_safe": True,
    "process_safe": True,
    "tail_seconds": 0.31,
    "longest_tail_seconds": 1.234,
    "tail_ends": True,
}
FOUND = (
    Finding("dead", "ratio changes nothing", ("ratio",)),
    Finding("one_sided", "attack_ms acts on the right side only", ("attack_ms",)),
    Finding("tail", "it sounds longer"),
    Finding("latency", "it is late", strength=0.6),
)
CONTROLS = (
    ControlStudy("threshold_db", "continuous", -3.2, -3.3, 5),
    ControlStudy("ratio", "continuous", float("-inf"), float("-inf"), 29),
    ControlStudy("attack_ms", "continuous", -12.0, float("-inf"), 5),
    ControlStudy("release_ms", "continuous", -12.0, -12.0, 5),
)


def examined(spec: EffectSpec | None = None, **facts: Any) -> Examination:
    spec = spec or replace(effect("compressor"), isolated=True)
    return Examination(spec, FOUND, CONTROLS, {**FACTS, **facts})


def test_findings_become_the_spec() -> None:
    spec = advised(examined())
    assert (spec.reset, spec.block, spec.tail_seconds, spec.isolated) == ("exact", 512, 1.3, False)
    assert [p.name for p in spec.parameters if p.held] == ["ratio"]
    assert [p.name for p in spec.parameters if p.one_sided] == ["attack_ms"]
    # The tail is now in the spec, and what lies below its threshold is no warning.
    assert spec.warnings == ("dead: ratio", "one_sided: attack_ms")


@pytest.mark.parametrize("facts", [{"thread_safe": False}, {"process_safe": None}])
def test_what_is_not_shown_to_be_safe_stays_in_its_own_process(facts: dict[str, Any]) -> None:
    assert advised(examined(**facts)).isolated


def test_a_tail_without_end_keeps_its_warning() -> None:
    spec = advised(examined(longest_tail_seconds=30.0, tail_ends=False))
    assert spec.tail_seconds == 0.4
    assert "tail" in spec.warnings


@pytest.mark.parametrize("name", built_in())
def test_a_written_effect_is_read_back_the_same(name: str, tmp_path: Path) -> None:
    """Chains, presets, labels and settings among them; and every key has a comment."""
    path = tmp_path / f"my_{name}.yaml"
    held = write_effect(path, Examination(effect(name), FOUND[2:3], (), {}), date(2026, 11, 24), "fxstyle doctor")
    assert parse_effect(path.stem, yaml.safe_load(path.read_text())[path.stem]) == held
    assert held == replace(effect(name), name=path.stem, warnings=("tail",))
    assert path.read_text().splitlines()[1] == f"# python train.py effects=my_{name}"
    assert all(leaves(path).values()), leaves(path)


def test_presets_of_the_plugin_s_maker_are_written(tmp_path: Path) -> None:
    """Where they came from is not."""
    spec = replace(effect("delay"), presets=(Preset("Slap", (("mix", 0.4),), source="a preset bundle"),))
    held = write_effect(tmp_path / "mine.yaml", Examination(spec, (), (), {}), date(2026, 11, 24), "fxstyle doctor")
    assert dict(held.preset("Slap").values) == {"mix": 0.4}
    assert "Slap" in (tmp_path / "mine.yaml").read_text()


def test_a_written_effect_says_what_was_found(tmp_path: Path) -> None:
    write_effect(tmp_path / "mine.yaml", examined(), date(2026, 11, 24), "fxstyle doctor plugin x")
    text = (tmp_path / "mine.yaml").read_text()
    for part in (
        "2026-11-24",
        "WARN: ratio changes nothing.",
        "by -3 dB",
        "changes nothing",
        "fxstyle doctor plugin x",
    ):
        assert part in text


def test_files_that_are_there_are_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("x")
    check_target(tmp_path / "mine.yaml", overwrite=True)
    with pytest.raises(InputError, match="already there: add --overwrite"):
        check_target(tmp_path / "mine.yaml", overwrite=False)
    for name in ("mine.yml", "my-own.yaml", "1.yaml"):
        with pytest.raises(InputError, match=r"ends in \.yaml"):
            check_target(tmp_path / name, overwrite=False)


def test_records_are_compared_both_ways_with_some_slack() -> None:
    def differing(strength: float, *recorded: str) -> tuple[list[str], list[str]]:
        spec = replace(effect("gain"), warnings=recorded)
        return differing_records(Examination(spec, (Finding("tail", "...", strength=strength),)))

    assert differing(3.0) == (["tail"], [])
    assert differing(3.0, "tail") == ([], [])
    assert differing(1.2) == differing(0.9) == ([], [])
    assert differing(0.9, "tail") == ([], [])
    assert differing(0.5, "tail") == ([], ["tail"])
    assert differing(3.0, "tail", "dead: gain_db") == ([], ["dead: gain_db"])
