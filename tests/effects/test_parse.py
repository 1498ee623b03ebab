from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import yaml

from fxstyle.effects.parse import as_config, parse_effect, parse_effects
from fxstyle.errors import InputError
from tests.effects.catalogue import built_in, configs

pytestmark = pytest.mark.unit

DRIVE: dict[str, Any] = {
    "host": "pedalboard",
    "plugin": "Distortion",
    "parameters": {"drive_db": {"low": 10, "high": 45, "default": 25, "unit": "dB"}},
}


def changed(path: str, value: object) -> dict[str, Any]:
    """A distortion with one setting changed."""
    config = copy.deepcopy(DRIVE)
    node = config
    *parents, last = path.split("/")
    for key in parents:
        node = node[key]
    node[last] = value
    return config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed("host", "vst9"), "effects.drive.host: unknown host 'vst9'; choose one of .*pedalboard"),
        (changed("plugin", "Distorsion"), "no effect 'Distorsion'; choose one of .*Distortion"),
        (changed("colour", "red"), "effects.drive: unknown key 'colour'; choose from .*plugin.*tail_seconds"),
        (
            changed("parameters/drive", {"low": 0, "high": 1, "default": 0}),
            "Distortion has no 'drive'; choose from drive_db",
        ),
        (changed("settings", {"drive": 1}), "Distortion has no 'drive'; choose from drive_db"),
        (changed("parameters/drive_db/hihg", 1), "drive_db: unknown key 'hihg'; choose from .*high"),
        (changed("parameters/drive_db", {"low": 0, "high": 1}), "drive_db: give 'default'"),
        (changed("parameters/drive_db", {}), "drive_db: give 'low'"),
        (changed("parameters/drive_db", 25), "drive_db.*mapping"),
        (changed("parameters", ["drive_db"]), "effects.drive.parameters.*mapping"),
        (changed("parameters/drive_db/low", "loud"), "drive_db"),
        (changed("parameters/drive_db/low", 50), "low must be below high"),
        (changed("channels", "quad"), "channels.*any, mono.*stereo"),
        (changed("block", -1), "block"),
        (changed("tail_seconds", -1), "tail_seconds"),
        ("Distortion", "effect 'drive' must be a mapping"),
        ({"host": "chain"}, "no links"),
        ({"host": "chain", "links": {"a": DRIVE}, "block": 5}, "unknown key 'block'; choose from host, links"),
    ],
)
def test_mistakes_are_named_with_the_choices(config: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        parse_effect("drive", config)
    assert "\n" not in str(refused.value)


def test_labels_are_checked_against_the_plugin() -> None:
    config = copy.deepcopy(configs()["ladder"])
    config["parameters"]["mode"]["labels"][1] = "HPF13"
    with pytest.raises(InputError, match=r"parameters.mode: unknown label 'HPF13'; choose from .*HPF12"):
        parse_effect("ladder", config)


def test_labels_number_their_own_steps() -> None:
    config = copy.deepcopy(configs()["ladder"])
    config["parameters"]["mode"] |= {"low": 3, "high": 8, "default": 3}
    with pytest.raises(InputError, match=r"parameters\.mode"):
        parse_effect("ladder", config)


def test_an_unknown_choice_in_the_settings_is_refused() -> None:
    config = copy.deepcopy(configs()["resample"])
    del config["parameters"]["quality"]
    config["settings"] = {"quality": "Excellent"}
    with pytest.raises(InputError, match=r"quality.*'Excellent'.*WindowedSinc8"):
        parse_effect("resample", config)


def test_a_missing_impulse_response_is_refused_at_once() -> None:
    config = copy.deepcopy(configs()["convolution"])
    config["settings"]["impulse_response_filename"] = "no_such_room.wav"
    with pytest.raises(InputError, match=re.escape("no_such_room.wav")):
        parse_effect("convolution", config)


def test_a_label_gives_its_range() -> None:
    mode = parse_effect("ladder", configs()["ladder"]).parameters[0]
    assert (mode.low, mode.high, mode.steps, mode.kind) == (0, 5, 6, "stepped")


def test_sets_and_single_effects() -> None:
    one = parse_effects({"drive": DRIVE}, 1)
    assert [spec.name for spec in one.train] == ["drive"]
    both = parse_effects({"train": {"drive": DRIVE, "more": DRIVE}, "unseen": {"other": DRIVE}}, 1)
    assert [spec.name for spec in both.all] == ["drive", "more", "other"]
    assert [spec.name for spec in both.unseen] == ["other"]
    assert parse_effects({"train": {"drive": DRIVE}, "unseen": None}, 1).unseen == ()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "no effect to train on"),
        ({"train": {}, "unseen": {"drive": DRIVE}}, "no effect to train on"),
        ({"train": {"drive": DRIVE}, "unseen": {"drive": DRIVE}}, "drive cannot be trained on and unseen"),
        ({"train": {"drive": {**DRIVE, "channels": "stereo"}}}, "'drive' is stereo"),
    ],
)
def test_impossible_sets_are_refused(config: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_effects(config, 1)


def test_mono_sound_holds_the_width_of_the_reverb() -> None:
    reverb = {"reverb": configs()["reverb"]}
    width = [p.name for p in parse_effects(reverb, 1).train[0].parameters if p.held]
    assert width == ["width"]
    assert not any(p.held for p in parse_effects(reverb, 2).train[0].parameters)


@pytest.mark.parametrize("name", built_in())
def test_an_effect_and_its_config_are_the_same(name: str) -> None:
    spec = parse_effect(name, configs()[name])
    written = yaml.safe_load(yaml.safe_dump(as_config(spec), sort_keys=False))
    assert parse_effect(name, written) == spec


def test_what_is_at_its_default_is_not_written() -> None:
    assert as_config(parse_effect("drive", DRIVE)) == DRIVE
    chained = {"host": "chain", "links": {"a": DRIVE, "b": DRIVE}, "bypassable": ["b"]}
    assert as_config(parse_effect("both", chained)) == chained


def test_presets_and_findings_come_from_the_config() -> None:
    config = {**DRIVE, "presets": {"hot": {"drive_db": 40}}, "sampling": "presets", "warnings": ["gain: drive_db"]}
    spec = parse_effect("drive", config)
    assert spec.preset("hot").values == (("drive_db", 40),)
    assert spec.warnings == ("gain: drive_db",)
    assert as_config(spec) == config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**DRIVE, "presets": {"hot": {"drive": 40}}}, "preset 'hot': effect 'drive' has no parameter 'drive'"),
        ({**DRIVE, "presets": {"hot": 40}}, "effects.drive.presets.hot must be a mapping"),
        ({**DRIVE, "sampling": "presets"}, "there are no presets"),
        (
            {"host": "chain", "links": {"a": DRIVE}, "bypassable": ["b"]},
            "has no link 'b' that could be bypassed; choose from a",
        ),
        (changed("parameters/drive_db/held", "yes"), "drive_db.*held must be true or false, not 'yes'"),
        ({"host": "chain", "links": {"a": DRIVE}, "bypassable": "a"}, "bypassable must be a list of links, not 'a'"),
        ({"host": "lv2", "plugin": ""}, "effects.drive.plugin: give the URI of an LV2 plugin"),
        ({"host": "lv2", "plugin": "urn:nowhere"}, "urn:nowhere"),
        ({"host": "vst3", "plugin": "nowhere.vst3"}, r"nowhere\.vst3"),
    ],
)
def test_more_mistakes_are_named(config: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        parse_effect("drive", config)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"host": "vst9", "path": "x"}, "unknown host 'vst9'"),
        ({"host": "lv2", "uri": "urn:nowhere"}, "urn:nowhere"),
        ({"host": "lv2", "uri": "urn:nowhere", "colour": 1}, "unknown key 'colour'"),
        ({"host": "vst3", "path": "nowhere.vst3", "plugin_name": "Loud"}, r"nowhere\.vst3"),
    ],
)
def test_a_config_may_be_one_plugin(config: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_effects(config, 1)
