from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fxstyle.effects.preset import Preset
from fxstyle.effects.preset_files import complete_values, read_preset, write_preset
from fxstyle.errors import InputError
from tests.effects.catalogue import effect

pytestmark = pytest.mark.unit

RESAMPLE = effect("resample")
GOOD: dict[str, Any] = {
    "format": "fxstyle preset",
    "version": 1,
    "effect": "resample",
    "host": "pedalboard",
    "plugin": "Resample",
    "name": "telephone",
    "values": {"target_sample_rate": 8000.5, "quality": "Linear"},
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    preset = Preset("Téléphone ../x", (("quality", "Lagrange"), ("target_sample_rate", 2345.678)))
    write_preset(tmp_path / "new" / "a.json", RESAMPLE, preset)
    assert read_preset(tmp_path / "new" / "a.json", RESAMPLE) == replace(
        preset, source=str(tmp_path / "new" / "a.json")
    )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.json", "new"]


def test_the_format_stays_as_it_is(tmp_path: Path) -> None:
    write_preset(tmp_path / "a.json", RESAMPLE, Preset("telephone", tuple(GOOD["values"].items())))
    assert json.loads((tmp_path / "a.json").read_text()) == GOOD


def test_plugins_may_lie_elsewhere(tmp_path: Path) -> None:
    here, there = (replace(RESAMPLE, plugin=f"{folder}/Some.vst3") for folder in ("/here", "/there"))
    write_preset(tmp_path / "a.json", here, Preset("a", ()))
    assert read_preset(tmp_path / "a.json", there).name == "a"


def test_held_controls_may_be_in_a_preset(tmp_path: Path) -> None:
    held = replace(RESAMPLE, parameters=tuple(replace(p, held=True) for p in RESAMPLE.parameters))
    write_preset(tmp_path / "a.json", held, Preset("a", (("quality", "Linear"),)))
    assert read_preset(tmp_path / "a.json", held).values == (("quality", "Linear"),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, 'with "format": "fxstyle preset"'),
        ({"version": 2}, "of version 1, not 2"),
        ({"version": None}, "the key 'version' is missing|of version 1, not None"),
        ({"colour": "red"}, "unknown key 'colour'; a preset has format, version"),
        ({"name": 3}, "'name' must be a text, not 3"),
        ({"effect": "reverb"}, r"is for effect 'reverb' \(pedalboard, Resample\), not for 'resample'"),
        ({"host": "lv2"}, "not for 'resample'"),
        ({"plugin": "Reverb"}, "not for 'resample'"),
        ({"values": [1]}, "'values' must be an object"),
        ({"values": {"quality": True}}, "the value of 'quality' must be a number or a label, not True"),
        ({"values": {"quality": None}}, "the value of 'quality' must be"),
        ({"values": {"quality": [1]}}, "the value of 'quality' must be"),
        ({"values": {"quality": "Best"}}, "quality must be one of ZeroOrderHold"),
        ({"values": {"target_sample_rate": 1e9}}, "must lie between 2000 and 16000 Hz"),
        ({"values": {"wetness": 1}}, "no parameter 'wetness'; choose from target_sample_rate, quality"),
    ],
)
def test_wrong_content_is_refused_by_key(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(InputError, match=words) as caught:
        read_preset(path, RESAMPLE)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["effect", "host", "plugin", "name", "values"])
def test_missing_keys_are_named(tmp_path: Path, key: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps({name: value for name, value in GOOD.items() if name != key}))
    with pytest.raises(InputError, match=f"the key '{key}' is missing"):
        read_preset(tmp_path / "a.json", RESAMPLE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a preset in JSON"),
        (b"{", "not a preset in JSON"),
        (b"[1]", "must be a JSON object"),
        (b"\xff\xfe\x00", "not readable as text"),
        (b"[" * 100_000, "not readable as text"),
        (json.dumps(GOOD).replace("8000.5", "NaN").encode(), "NaN is no number"),
        (json.dumps(GOOD).replace("8000.5", "Infinity").encode(), "Infinity is no number"),
        (json.dumps(GOOD).replace("8000.5", "1e999").encode(), "must lie between"),
        (b'{"values": 1, "values": 2}', "'values' stands twice"),
        (b" " * 1_000_001, "too large for a preset"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_preset(tmp_path / "a.json", RESAMPLE)


def test_places_that_are_no_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_preset(tmp_path / "a.json", RESAMPLE)
    with pytest.raises(InputError, match="cannot be read"):
        read_preset(tmp_path, RESAMPLE)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_preset(tmp_path / "file" / "a.json", RESAMPLE, Preset("a", ()))


@pytest.mark.parametrize(
    ("name", "words"), [("a.txt", "ends in .json, or in .lv2"), ("a", "ends in .json"), ("a.lv2", "no LV2 plugin")]
)
def test_other_endings_are_not_written(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        write_preset(tmp_path / name, RESAMPLE, Preset("a", ()))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.ttl", "a.lv2"])
def test_lv2_presets_are_for_lv2_plugins(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=r"is an LV2 preset, but effect 'resample' is no LV2 plugin: use a \.json"):
        read_preset(tmp_path / name, RESAMPLE)


def test_only_what_fits_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must lie between"):
        write_preset(tmp_path / "a.json", RESAMPLE, Preset("a", (("target_sample_rate", 1.0),)))
    assert not list(tmp_path.iterdir())


def test_complete_values() -> None:
    assert complete_values(RESAMPLE) == {"target_sample_rate": 8000.0, "quality": "ZeroOrderHold"}
    chosen = complete_values(RESAMPLE, {"quality": "Linear", "target_sample_rate": "3e3"}, {"quality": 3})
    assert chosen == {"target_sample_rate": 3000.0, "quality": 3.0}
    held = replace(RESAMPLE, parameters=tuple(replace(p, held=True) for p in RESAMPLE.parameters))
    assert complete_values(held, {"quality": "Linear"}) == {"quality": "Linear"}
    with pytest.raises(InputError, match="must lie between"):
        complete_values(held, {"target_sample_rate": 0.0})
    amp = complete_values(effect("amp"), {"preamp.bypass": "on"})
    assert amp == {
        "tight.cutoff_frequency_hz": 120.0,
        "preamp.drive_db": 25.0,
        "cabinet.cutoff_frequency_hz": 3500.0,
        "preamp.bypass": "on",
    }
