"""Bundles whose Turtle is written by a test."""

from __future__ import annotations

from pathlib import Path

PREFIXES = """\
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix atom: <http://lv2plug.in/ns/ext/atom#> .
@prefix bufsz: <http://lv2plug.in/ns/ext/buf-size#> .
@prefix pprops: <http://lv2plug.in/ns/ext/port-props#> .
@prefix pset: <http://lv2plug.in/ns/ext/presets#> .
@prefix pg: <http://lv2plug.in/ns/ext/port-groups#> .
@prefix units: <http://lv2plug.in/ns/extensions/units#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix my: <urn:fxstyle:test:> .
"""
URI = "urn:fxstyle:test:thing"


def port(index: int, kinds: str, symbol: str, more: str = "") -> str:
    """One port in Turtle; ``kinds`` such as ``Input Control``."""
    names = ", ".join("atom:AtomPort" if kind == "Atom" else f"lv2:{kind}Port" for kind in kinds.split())
    return f'[ a {names} ; lv2:index {index} ; lv2:symbol "{symbol}" ; lv2:name "{symbol}" ; {more} ]'


AUDIO = (port(0, "Input Audio", "in"), port(1, "Output Audio", "out"))


def knob(index: int, symbol: str, low: object, high: object, default: object, more: str = "") -> str:
    """A control input in Turtle."""
    bounds = f"lv2:minimum {low} ; lv2:maximum {high} ; lv2:default {default}"
    return port(index, "Input Control", symbol, f"{bounds} ; {more}")


def bundle(folder: Path, ports: tuple[str, ...] = AUDIO, more: str = "", binary: bytes | None = None) -> Path:
    """Write a bundle with one plugin, whose manifest uses a prefix and whose ports are in a file of their own."""
    path = folder / "thing.lv2"
    path.mkdir(parents=True)
    (path / "manifest.ttl").write_text(
        f"{PREFIXES} my:thing a lv2:Plugin ; lv2:binary <thing.so> ; rdfs:seeAlso <thing%20one.ttl> ."
    )
    (path / "thing one.ttl").write_text(f"{PREFIXES} my:thing {more} lv2:port {' , '.join(ports)} .")
    (path / "thing.so").write_bytes(shared_library() if binary is None else binary)
    return path


def shared_library(machine: int | None = None) -> bytes:
    """The head of a shared library of this machine, or of another one."""
    with Path("/proc/self/exe").open("rb") as file:
        head = bytearray(file.read(64))
    if machine is not None:
        head[18:20] = machine.to_bytes(2, "little")
    return bytes(head)
