from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from fxstyle.effects.hosts import lv2_host
from fxstyle.effects.lv2_presets import read_lv2_preset, read_lv2_presets, write_lv2_preset
from fxstyle.effects.parse import parse_effect
from fxstyle.effects.preset import Preset
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from tests.effects.lv2.bundles import AUDIO, PREFIXES, URI, bundle, knob

pytestmark = pytest.mark.unit

POINTS = "lv2:scalePoint [ rdfs:label 'Low' ; rdf:value 0.2 ] , [ rdfs:label 'High' ; rdf:value 0.7 ]"
PORTS = (
    *AUDIO,
    knob(2, "gain", 0, 1, 0.5),
    knob(3, "mode", 0, 1, 0.2, f"lv2:portProperty lv2:enumeration ; {POINTS}"),
    knob(4, "share", 0, 0.5, 0.1, "lv2:portProperty lv2:sampleRate"),
    knob(5, "unnamed", 0, 8, 3),
)


def preset_turtle(name: str, gain: float, mode: float, plugin: str = "my:thing") -> str:
    values = {"gain": gain, "mode": mode, "share": 440, "unnamed": 5, "absent": 1}
    ports = " , ".join(f'[ lv2:symbol "{symbol}" ; pset:value {value} ]' for symbol, value in values.items())
    return f'my:{name} a pset:Preset ; lv2:appliesTo {plugin} ; rdfs:label "{name}" ; lv2:port {ports} .\n'


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EffectSpec:
    """A plugin on the search path, its gain in dB."""
    path = bundle(tmp_path / "plugins", PORTS)
    manifest = path / "manifest.ttl"
    manifest.write_text(
        f"{manifest.read_text()}\n my:own a pset:Preset ; lv2:appliesTo my:thing ; rdfs:seeAlso <own.ttl> ."
    )
    (path / "own.ttl").write_text(PREFIXES + preset_turtle("own", 0.25, 0.68))
    monkeypatch.setenv("LV2_PATH", str(tmp_path / "plugins"))
    parameters = {
        "level_db": {"low": -20, "high": 20, "default": 0, "unit": "dB", "symbol": "gain", "native": [0, 1]},
        "mode": {"labels": ["Low", "High"], "native": [0.2, 0.7], "default": 0},
        "share": {"low": 0, "high": 0.5, "default": 0.1},
    }
    return parse_effect("mine", {"host": "lv2", "plugin": URI, "parameters": parameters})


def test_presets_of_the_plugin_are_in_units(spec: EffectSpec, tmp_path: Path) -> None:
    (found,) = read_lv2_presets(spec)
    # A share of the sample rate cannot be told from a frequency without the rate.
    assert found == Preset("own", (("level_db", -10.0), ("mode", "High")), str(tmp_path / "plugins" / "thing.lv2"))
    assert spec.preset_positions(found)[:2] == pytest.approx([0.25, 0.75])


def test_a_discovered_plugin_has_its_presets(spec: EffectSpec) -> None:
    (found,) = lv2_host.discover("mine", URI, {}).presets
    assert dict(found.values) == {"gain": 0.25, "mode": "High", "unnamed": 5.0}


def test_presets_in_other_bundles_are_found(spec: EffectSpec, tmp_path: Path) -> None:
    for name, content in {
        "a": preset_turtle("extra", 1.0, 0.2) + preset_turtle("own", 0.0, 0.2),
        "b": preset_turtle("foreign", 1.0, 0.2, "my:another"),
        "c": "my:thing a pset:Preset ( broken",
    }.items():
        (tmp_path / "plugins" / f"{name}.lv2").mkdir()
        (tmp_path / "plugins" / f"{name}.lv2" / "manifest.ttl").write_text(PREFIXES + content)
    found = {preset.name: dict(preset.values) for preset in read_lv2_presets(spec)}
    assert found == {"extra": {"level_db": 20.0, "mode": "Low"}, "own": {"level_db": -10.0, "mode": "High"}}


@settings(max_examples=25, deadline=None)
@given(
    name=some.text(some.characters(exclude_categories=("Cs", "Cc")), min_size=1),
    level=some.floats(-20, 20, width=32, allow_subnormal=False),
    mode=some.sampled_from(["Low", "High"]),
)
def test_what_is_written_is_read_again(
    name: str, level: float, mode: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("presets")
    path = bundle(folder, PORTS)
    spec = lv2_host.discover("mine", URI, {"bundle": str(path)})
    written = Preset(name, (("gain", (level + 20) / 40), ("mode", mode)))
    write_lv2_preset(folder / "mine.lv2", spec, written)
    # The manifest only says where the preset is.
    for place in (folder / "mine.lv2", folder / "mine.lv2" / "preset.ttl", folder / "mine.lv2" / "manifest.ttl"):
        read = read_lv2_preset(place, spec)
        assert read.name == name
        assert read.source == str(place)
        values = dict(read.values)
        assert np.float32(values["gain"]) == np.float32((level + 20) / 40)
        assert (values["mode"], values["unnamed"]) == (mode, 3.0)


def test_a_written_preset_can_be_moved_and_written_again(spec: EffectSpec, tmp_path: Path) -> None:
    preset = Preset("Mine", (("level_db", 5.0),))
    write_lv2_preset(tmp_path / "a.lv2", spec, preset)
    write_lv2_preset(tmp_path / "a.lv2", spec, Preset("Mine", (("level_db", 6.0),)))
    (tmp_path / "a.lv2").rename(tmp_path / "plugins" / "b.lv2")
    assert {p.name: p.values[0] for p in read_lv2_presets(spec)} == {
        "own": ("level_db", -10.0),
        "Mine": ("level_db", pytest.approx(6.0)),
    }
    assert sorted(file.name for file in (tmp_path / "plugins" / "b.lv2").iterdir()) == ["manifest.ttl", "preset.ttl"]


def test_other_content_is_not_written_over(spec: EffectSpec, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is the bundle of a plugin: give a new folder for the preset"):
        write_lv2_preset(tmp_path / "plugins" / "thing.lv2", spec, Preset("Mine", ()))
    write_lv2_preset(tmp_path / "a.lv2", spec, Preset("Mine", ()))
    with pytest.raises(InputError, match="holds another preset: give a new folder for this one"):
        write_lv2_preset(tmp_path / "a.lv2", spec, Preset("Yours", ()))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file cannot be written \(.*\): give another place"):
        write_lv2_preset(tmp_path / "file", spec, Preset("Mine", ()))


def test_a_preset_that_does_not_fit_is_refused(spec: EffectSpec, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="level_db must lie between -20 and 20 dB, not 30"):
        write_lv2_preset(tmp_path / "a.lv2", spec, Preset("Mine", (("level_db", 30.0),)))
    assert not (tmp_path / "a.lv2").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (preset_turtle("a", 0, 0.2) + preset_turtle("b", 0, 0.2), "but it holds 'a', 'b'; give a file with just one"),
        (preset_turtle("a", 0, 0.2, "my:other"), "but it holds none; it is for urn:fxstyle:test:other"),
        ("", "but it holds none; give a file with just one"),
        ("my:a a ( pset", r"x.ttl is not valid Turtle"),
    ],
)
def test_files_without_one_preset_are_refused(content: str, message: str, spec: EffectSpec, tmp_path: Path) -> None:
    (tmp_path / "x.ttl").write_text(PREFIXES + content)
    with pytest.raises(InputError, match=message):
        read_lv2_preset(tmp_path / "x.ttl", spec)


def test_paths_that_are_no_preset_are_refused(spec: EffectSpec, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.ttl cannot be read: give a preset bundle or its .ttl file"):
        read_lv2_preset(tmp_path / "gone.ttl", spec)
    with pytest.raises(InputError, match=r"is no LV2 bundle: there is no manifest.ttl in it"):
        read_lv2_preset(tmp_path, spec)
    with (tmp_path / "large.ttl").open("wb") as file:
        file.truncate(1_000_001)
    with pytest.raises(InputError, match="is too large for a preset"):
        read_lv2_preset(tmp_path / "large.ttl", spec)
