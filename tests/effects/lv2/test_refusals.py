from __future__ import annotations

import platform
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from fxstyle.effects.hosts import lv2_host
from fxstyle.effects.parse import parse_effect
from fxstyle.errors import InputError
from tests.effects.lv2.bundles import AUDIO, URI, bundle, knob, port, shared_library

pytestmark = pytest.mark.unit

OPTIONAL = "lv2:portProperty lv2:connectionOptional"
X86, ARM = 62, 183
GAIN = knob(2, "gain", -20, 20, 0)


@pytest.mark.parametrize(
    ("ports", "more", "message"),
    [
        ((port(0, "Output Audio", "out"),), "", "is an instrument or generator, it has no audio input: choose an eff"),
        ((port(0, "Input Audio", "in"),), "", "is an analyser, it has no audio output: choose an effect"),
        ((port(0, "Input Atom", "midi"),), "", r"has no audio ports \(MIDI or control only\): choose an audio effect"),
        ((*AUDIO, port(2, "Input CV", "cv")), "", r"needs port cv of control voltage \(CV\): choose another plugin"),
        ((*AUDIO, port(2, "Input Strange", "what")), "", "needs port what of an unknown kind: choose another plugin"),
        (
            AUDIO,
            "lv2:requiredFeature <http://lv2plug.in/ns/ext/worker#schedule> ; ",
            "needs the host feature http://lv2plug.in/ns/ext/worker#schedule, which fxstyle does not have",
        ),
    ],
)
def test_what_is_no_effect_or_needs_too_much(ports: tuple[str, ...], more: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^effects.mine: {URI} {message}"):
        lv2_host.discover("mine", str(bundle(tmp_path, ports, more)), {})


@pytest.mark.parametrize(
    ("binary", "message"),
    [
        (shared_library(ARM if platform.machine() == "x86_64" else X86), "was built for another kind of processor"),
        (b"MZ\x90\x00" + bytes(60), "is no Linux shared library: install the plugin's Linux build"),
        (b"", "is no Linux shared library"),
        (b"\x7fELF", "is no Linux shared library"),
    ],
    ids=["architecture", "windows", "empty", "short"],
)
def test_foreign_binaries(binary: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^effects.mine: .*thing.so {message}"):
        lv2_host.discover("mine", str(bundle(tmp_path, binary=binary)), {})


def test_a_missing_binary(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    (path / "thing.so").unlink()
    with pytest.raises(InputError, match=r"thing.so is missing: reinstall the plugin"):
        lv2_host.discover("mine", str(path), {})


def test_a_broken_library_is_refused_when_it_is_built(tmp_path: Path) -> None:
    spec = lv2_host.discover("mine", str(bundle(tmp_path)), {})
    with pytest.raises(InputError, match=r"thing.so does not load: .*; reinstall the plugin"):
        lv2_host.build(spec)


@pytest.mark.parametrize(
    ("feature", "block", "message"),
    [
        ("fixedBlockLength", None, "set block: 512"),
        ("powerOf2BlockLength", None, "set block to a power of two, such as 512"),
        ("powerOf2BlockLength", 500, "set block to a power of two, such as 512"),
        ("fixedBlockLength", 500, None),
        ("powerOf2BlockLength", 512, None),
        ("boundedBlockLength", None, None),
    ],
)
def test_calls_of_one_length(feature: str, block: int | None, message: str | None, tmp_path: Path) -> None:
    path = bundle(tmp_path, (*AUDIO, GAIN), f"lv2:requiredFeature bufsz:{feature} ; ")
    config = {
        "host": "lv2",
        "plugin": URI,
        "block": block,
        "settings": {"bundle": str(path)},
        "parameters": {"gain": {"low": -20, "high": 20, "default": 0}},
    }
    if message is None:
        assert parse_effect("mine", config).block == block
    else:
        with pytest.raises(InputError, match=f"needs calls of one length: {message}"):
            parse_effect("mine", config)


def test_what_is_optional_does_not_matter(tmp_path: Path) -> None:
    ports = (*AUDIO, port(2, "Input CV", "cv", OPTIONAL), port(3, "Input Strange", "x", OPTIONAL))
    spec = lv2_host.discover("mine", str(bundle(tmp_path, (*ports, port(4, "Input Atom", "events")))), {})
    assert spec.parameters == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"parameters": {"gian": {"low": 0, "high": 1, "default": 0}}},
            r"parameters.gian: \S+ has no control 'gian'; choose from gain",
        ),
        (
            {"parameters": {"gain": {"low": -30, "high": 1, "default": 0}}},
            "takes gain from -20 to 20, not from -30 to 1; narrow the range, or give 'native'",
        ),
        (
            {"parameters": {"level": {"low": 0, "high": 1, "default": 0, "symbol": "gain", "native": [-20, 21]}}},
            "takes gain from -20 to 20, not from -20 to 21",
        ),
        (
            {
                "parameters": {
                    "gain": {"low": 0, "high": 1, "default": 0},
                    "level": {"low": 0, "high": 1, "default": 0, "symbol": "gain"},
                }
            },
            "parameters.level: 'gain' is already set by 'gain'; remove one of the two",
        ),
        ({"settings": {"bundel": "x"}}, "settings: unknown key 'bundel'; an LV2 plugin takes only 'bundle'"),
        ({"plugin": ""}, "plugin: give the URI of an LV2 plugin, or the folder of its bundle"),
    ],
)
def test_parameters_and_settings(options: dict[str, object], message: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, (*AUDIO, GAIN))
    config = {"host": "lv2", "plugin": URI, "settings": {"bundle": str(path)}, "parameters": {}, **options}
    with pytest.raises(InputError, match=f"^effects.mine.*{message}"):
        parse_effect("mine", config)


@pytest.mark.parametrize("where", ["plugin", "bundle"])
@example("~nobody/x.lv2")
@example("/" + "x" * 5000)
@example(".\0")
@example("http://[")
@given(text=some.text(min_size=1))
@settings(max_examples=30, deadline=None)
def test_any_text_is_refused_in_one_sentence(where: str, text: str) -> None:
    plugin, bundles = (text, {}) if where == "plugin" else (URI, {"bundle": text})
    with pytest.raises(InputError, match=r"^effects\.mine"):
        lv2_host.discover("mine", plugin, bundles)


def test_a_discovered_effect_says_what_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path, (*AUDIO, GAIN))
    monkeypatch.chdir(tmp_path)
    for spec in (lv2_host.discover("mine", "thing.lv2", {}), lv2_host.discover("mine", URI, {"bundle": "thing.lv2"})):
        assert (spec.plugin, spec.settings) == (URI, (("bundle", str(path)),))
        assert (spec.isolated, spec.reset, spec.block) == (True, "rebuild", 512)
    monkeypatch.setenv("LV2_PATH", str(tmp_path))
    assert lv2_host.discover("mine", URI, {}).settings == ()
