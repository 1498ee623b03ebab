from __future__ import annotations

from pathlib import Path

import pytest

from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.run import catalogue
from fxstyle.run.catalogue import Entry, find_effect, list_entries
from tests.effects.catalogue import configs, effect

pytestmark = pytest.mark.unit

OWN = "fuzz:\n  host: pedalboard\n  plugin: Distortion\n  parameters:\n    drive_db: {low: 0, high: 60, default: 50}\n"
CHAIN = """
rig:
  host: chain
  links:
    fuzz: {host: pedalboard, plugin: Distortion, parameters: {drive_db: {low: 0, high: 60, default: 50}}}
    room: {host: pedalboard, plugin: Reverb, parameters: {room_size: {low: 0, high: 1, default: 0.5}}}
"""


def test_every_file_is_an_entry() -> None:
    entries = {entry.name: entry for entry in list_entries()}
    assert {name for name, entry in entries.items() if entry.kind == "effect"} == set(configs())
    six = entries["six_plus_three"]
    assert (six.kind, six.about[:11]) == ("set", "Six effects")
    assert six.members == (
        ("compressor", "distortion", "reverb", "delay", "flanger", "limiter"),
        ("phaser", "amp", "bass_boost"),
    )


def test_effects_are_found_by_name() -> None:
    assert find_effect("amp") == effect("amp")
    assert find_effect("reverb").plugin == "Reverb"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("revreb", "no effect 'revreb': did you mean reverb"),
        ("Delay", "did you mean delay"),
        ("qqqqqq", "see fxstyle effects list"),
        ("", "no effect ''"),
        ("../effects/reverb", "no effect '../effects/reverb'"),
        ("six_plus_three", "is a set of effects: choose one of compressor, .*, amp, bass_boost"),
        ("nowhere/Some.vst3", "nowhere/Some.vst3 does not exist"),
        ("nowhere/some.lv2/", "nowhere/some.lv2 does not exist"),
        ("Nowhere.vst3", r"Nowhere\.vst3"),
        ("mda.lv2#Overdrive", "give the LV2 plugin's URI instead|does not exist"),
        ("nowhere/mine.yaml", "mine.yaml does not exist"),
    ],
)
def test_other_names_are_refused(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        find_effect(name)
    assert "\n" not in str(caught.value)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "any name.yaml").write_text(OWN)
    assert find_effect(str(tmp_path / "any name.yaml")).name == "fuzz"
    (tmp_path / "rig.yml").write_text(CHAIN)
    rig = find_effect(str(tmp_path / "rig.yml"))
    assert [parameter.name for parameter in rig.parameters[:2]] == ["fuzz.drive_db", "room.room_size"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no effect"),
        (b"- 1", "holds no effect"),
        (b"a: [", r"is not valid YAML \(line 1\)"),
        (b"a: !!python/object/apply:os.getcwd []", "is not valid YAML"),
        (b"\xff\xfe\xfa", "cannot be read as text"),
        (b"[" * 2000, "is not valid YAML"),
        (b"#" * 1_000_001, "too large"),
        (OWN.encode() + b"b: {host: chain}", r"holds 2 effects \(fuzz, b\)"),
        (b"host: pedalboard", "is a whole config"),
        (b"defaults: [reverb@train]", "is a whole config"),
        (b"a: 3", "effect 'a' must be a mapping"),
        (b"a: {host: x}", "unknown host 'x'"),
        (b"a: {host: [1]}", "this is no effect|unknown host"),
        (b"a: {host: pedalboard, plugin: Gain, colour: 1}", "unknown key 'colour'"),
        (b"a: {host: pedalboard, plugin: Gain, warnings: 3}", "this is no effect"),
    ],
)
def test_files_without_one_effect_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "own.yaml").write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        find_effect(str(tmp_path / "own.yaml"))
    assert "\n" not in str(caught.value)


def test_a_chain_that_holds_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "knot.yaml").write_text("knot: &knot\n  host: chain\n  links: {again: *knot}\n")
    with pytest.raises(InputError, match=r"knot\.yaml: this is no effect"):
        find_effect(str(tmp_path / "knot.yaml"))


def test_a_bare_file_name_is_looked_up_by_the_vst3_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "parse_effect", lambda name, config: (name, config))
    assert find_effect("ZamComp.vst3") == ("zamcomp", {"host": "vst3", "plugin": "ZamComp.vst3"})


def test_a_file_for_any_plugin_is_no_effect(tmp_path: Path) -> None:
    (tmp_path / "vst3.yaml").write_text("# Any VST3 plugin.\nhost: vst3\npath: null\n")
    (tmp_path / "some.yaml").write_text("# Some VST3 plugin.\nsome: {host: vst3, plugin: Some.vst3}\n")
    some, vst3 = list_entries(tmp_path)
    assert (vst3.kind, vst3.about) == ("any plugin", "Any VST3 plugin.")
    assert (some.kind, some.loads_plugins) == ("effect", True)
    with pytest.raises(InputError, match="stands for any plugin of its format: give the plugin's path or URI"):
        find_effect("vst3", tmp_path)


@pytest.mark.parametrize(
    ("given", "name", "config"),
    [
        ("http://drobilla.net/plugins/mda/Overdrive", "overdrive", {"host": "lv2"}),
        ("urn:zamaudio:ZamComp", "zamcomp", {"host": "lv2"}),
        ("http://example.org/eq#mono-1", "mono_1", {"host": "lv2"}),
        ("Big Room.vst3", "big_room", {"host": "vst3", "plugin": "Big Room.vst3"}),
        ("Big Room.vst3/", "big_room", {"host": "vst3", "plugin": "Big Room.vst3"}),
        (
            "Big Room.vst3#Small Room",
            "small_room",
            {"host": "vst3", "plugin": "Big Room.vst3", "settings": {"plugin_name": "Small Room"}},
        ),
        ("mda.lv2", "mda", {"host": "lv2", "plugin": "mda.lv2"}),
    ],
)
def test_plugins_are_given_by_path_or_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, name: str, config: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for bundle in ("Big Room.vst3", "mda.lv2"):
        (tmp_path / bundle).mkdir()
    asked: list[object] = []

    def parse(*arguments: object) -> EffectSpec:
        asked.extend(arguments)
        return effect("gain")

    monkeypatch.setattr(catalogue, "parse_effect", parse)
    find_effect(given)
    assert asked == [name, {"plugin": given, **config}]


@pytest.mark.parametrize(
    ("config", "loads"),
    [
        ({"host": "pedalboard", "plugin": "Gain"}, False),
        ({"host": "lv2", "plugin": "urn:x"}, True),
        ({"host": "lv2", "plugin": "urn:x", "parameters": {}}, False),
        ({"host": "vst3", "plugin": "x.vst3", "parameters": {}}, True),
        ({"host": "chain", "links": {"a": {"host": "pedalboard"}, "b": {"host": "vst3", "parameters": {}}}}, True),
        ({"host": "chain", "links": {"a": {"host": "pedalboard"}}}, False),
        ({"host": "chain", "links": None}, False),
    ],
)
def test_entries_that_would_load_plugins_are_told(config: dict[str, object], loads: bool) -> None:
    assert Entry("a", "effect", config=config).loads_plugins == loads


def test_a_missing_bundle_is_told_without_loading_it(tmp_path: Path) -> None:
    entry = Entry("a", "effect", config={"host": "chain", "links": {"b": {"host": "vst3", "plugin": "no/where.vst3"}}})
    with pytest.raises(InputError, match=r"no/where\.vst3"):
        entry.check_bundles()
