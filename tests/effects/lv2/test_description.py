from __future__ import annotations

import math
from pathlib import Path

import pytest

from fxstyle.effects.lv2.description import describe
from fxstyle.errors import InputError
from tests.effects.lv2.bundles import AUDIO, PREFIXES, URI, bundle, knob, port

pytestmark = pytest.mark.unit


def test_ports_as_their_turtle_says(tmp_path: Path) -> None:
    points = "lv2:scalePoint [ rdfs:label 'Two' ; rdf:value 2 ] , [ rdfs:label 'One' ; rdf:value 1 ]"
    path = bundle(
        tmp_path,
        (
            knob(2, "gain", -90, 24, "-3.5", "units:unit units:db ; lv2:portProperty pprops:logarithmic"),
            *AUDIO,
            knob(3, "mode", 1, 2, 1, f"lv2:portProperty lv2:enumeration , lv2:integer ; {points}"),
            port(4, "Output Control", "late", "lv2:designation lv2:latency"),
            port(5, "Input Atom", "events", "<http://lv2plug.in/ns/ext/resize-port#minimumSize> 99999"),
            port(6, "Input CV", "voltage", "lv2:portProperty lv2:connectionOptional"),
            knob(7, "odd", "'much'", 1, 0, "units:unit [ units:symbol 'bananas' ]"),
        ),
        "lv2:requiredFeature <urn:need> ; ",
    )
    found = describe(URI, path)
    assert [p.symbol for p in found.ports] == ["in", "out", "gain", "mode", "late", "events", "voltage", "odd"]
    assert [p.kind for p in found.ports] == ["audio"] * 2 + ["control"] * 3 + ["atom", "cv", "control"]
    assert [p.is_input for p in found.ports] == [True, False, True, True, False, True, True, True]
    gain, mode, odd = found.controls["gain"], found.controls["mode"], found.controls["odd"]
    assert (gain.low, gain.high, gain.default, gain.unit) == (-90, 24, -3.5, "dB")
    assert gain.hints == {"logarithmic"}
    assert mode.points == (("One", 1.0), ("Two", 2.0))
    assert mode.hints == {"enumeration", "integer"}
    assert math.isnan(odd.low)
    assert odd.unit == "bananas"
    assert found.latency_port is not None
    assert found.latency_port.symbol == "late"
    assert found.ports[5].bytes == 99999
    assert found.required == {"urn:need"}
    assert (found.bundle, found.binary) == (path, path / "thing.so")


def test_side_chains_come_last(tmp_path: Path) -> None:
    group = "my:key pg:sideChainOf my:main ."
    path = bundle(
        tmp_path,
        (
            port(0, "Input Audio", "key", "pg:group my:key"),
            port(1, "Input Audio", "side", "lv2:portProperty lv2:isSideChain"),
            port(2, "Input Audio", "in"),
            port(3, "Output Audio", "out"),
        ),
    )
    file = path / "thing one.ttl"
    file.write_text(f"{file.read_text()} {group}")
    assert [p.symbol for p in describe(URI, path).select("audio", is_input=True)] == ["in", "key", "side"]


def test_a_path_stands_for_the_plugin_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path)
    monkeypatch.chdir(tmp_path)
    for way in (str(path), f"{path}/", "thing.lv2", "./thing.lv2"):
        assert describe(way).uri == URI
        assert describe(way).bundle == path


def test_a_path_must_hold_exactly_one(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    (path / "manifest.ttl").write_text(f"{PREFIXES} my:a a lv2:Plugin . my:b a lv2:Plugin .")
    with pytest.raises(InputError, match=r"holds 2 LV2 plugins: give the URI of one of them \(urn:fxstyle:test:a, "):
        describe(str(path))
    with pytest.raises(InputError, match="holds no LV2 plugin urn:other; it holds: urn:fxstyle:test:a, "):
        describe("urn:other", path)
    with pytest.raises(InputError, match=r"no LV2 bundle at /nowhere/x.lv2"):
        describe("/nowhere/x.lv2")


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ((AUDIO[0], port(2, "Output Audio", "out")), "are not numbered from 0 on; reinstall the bundle"),
        ((AUDIO[0], "[ a lv2:InputPort ; lv2:index 1 ]"), "a port has no lv2:symbol or lv2:index"),
        (("( ;",), r"thing one.ttl is not valid Turtle \(line \d+\): repair or reinstall the bundle"),
    ],
)
def test_broken_turtle_is_one_sentence(ports: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        describe(URI, bundle(tmp_path, ports))


def test_a_plugin_without_binary_is_refused(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    (path / "manifest.ttl").write_text(f"{PREFIXES} my:thing a lv2:Plugin ; rdfs:seeAlso <thing%20one.ttl> .")
    with pytest.raises(InputError, match="has no lv2:binary; reinstall the bundle"):
        describe(URI, path)
    (path / "manifest.ttl").write_text(
        f"{PREFIXES} my:thing a lv2:Plugin ; lv2:binary <thing.so> ; rdfs:seeAlso <gone.ttl> ."
    )
    with pytest.raises(InputError, match=r"gone.ttl cannot be read \(No such file or directory\)"):
        describe(URI, path)
