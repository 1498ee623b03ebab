"""Effects as tables of 80 columns and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fxstyle.effects.parameter import Parameter
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.run.catalogue import Entry, find_effect
from fxstyle.run.installed import InstalledPlugin

_WIDEST_NAME = 30


def print_entries(entries: Sequence[Entry], as_json: bool) -> None:
    """Print effects with their host, group, counts and whether they can be used here; sets come below."""
    rows = [_entry_row(entry) for entry in entries if entry.kind == "effect"]
    sets = [entry for entry in entries if entry.kind == "set"]
    if as_json:
        content = {
            "effects": rows,
            "sets": [
                {"name": entry.name, "about": entry.about, "train": entry.members[0], "unseen": entry.members[1]}
                for entry in sets
            ],
        }
        print(json.dumps(content, indent=2))
        return
    table = _table("effect", "host", "group", ">controls", ">presets", "usable")
    for row in rows:
        count = "?" if row["parameters"] is None else str(row["parameters"])
        usable = "no" if row["problem"] else "?" if row["parameters"] is None else "yes"
        _add(table, row["name"], row["host"], row["group"], count, str(row["presets"]), usable)
    console = Console()
    console.print(table)
    for row in rows:
        if row["problem"]:
            _line(console, f"{row['name']} cannot be used here: {row['problem']}")
    for entry in sets:
        train, unseen = entry.members
        kept = f"; unseen: {', '.join(unseen)}" if unseen else ""
        _line(console, f"Set {entry.name}: {', '.join(train) or entry.about}{kept}")
    for entry in entries:
        if entry.kind == "any plugin":
            _line(console, f"{entry.name}: {entry.about}")


def print_plugins(plugins: Sequence[InstalledPlugin], as_json: bool) -> None:
    """Print the plugins of this machine by what ``fxstyle effects show`` takes."""
    if as_json:
        print(json.dumps([asdict(plugin) for plugin in plugins], indent=2))
        return
    console = Console()
    if not plugins:
        _line(console, "No LV2 or VST3 plugins were found in the usual folders; LV2_PATH names others.")
        return
    table = _table("format", "name for fxstyle effects show")
    for plugin in plugins:
        _add(table, plugin.host, plugin.name)
    console.print(table)


def print_effect(spec: EffectSpec, as_json: bool) -> None:
    """Print all that is known of an effect, its parameters and its presets."""
    if as_json:
        print(json.dumps(describe(spec), indent=2))
        return
    console = Console()
    _line(console, f"{spec.name} ({spec.host}{': ' + spec.plugin if spec.plugin else ''})", style="bold")
    for title, text in _facts(spec):
        _line(console, f"  {title}: {text}")
    symbols = any(parameter.symbol for parameter in spec.parameters)
    table = _table("parameter", "range", "default", "kind", *(["symbol"] if symbols else []))
    # Long names are kept whole where that leaves room for the rest.
    table.columns[0].min_width = min(max((len(p.name) for p in spec.parameters), default=0), _WIDEST_NAME)
    for parameter in spec.parameters:
        cells = (parameter.name, _range(parameter), _default(parameter), _kind(parameter))
        _add(table, *cells, *([parameter.native_name] if symbols else []))
    if spec.parameters:
        console.print(table)
    for preset in spec.presets:
        values = ", ".join(
            f"{name} {value if isinstance(value, str) else f'{value:g}'}" for name, value in preset.values
        )
        _line(console, f"Preset {preset.name}: {values or 'all at their defaults'}")


def describe(spec: EffectSpec) -> dict[str, Any]:
    """An effect as plain data, links and all."""
    content = asdict(spec)
    for described, parameter in zip(content["parameters"], spec.parameters, strict=True):
        described["kind"] = parameter.kind
        described["symbol"] = parameter.native_name
    content["settings"] = dict(spec.settings)
    content["presets"] = [
        {"name": preset.name, "values": dict(preset.values), "source": preset.source} for preset in spec.presets
    ]
    content["links"] = [describe(link) for link in spec.links]
    return content


def _entry_row(entry: Entry) -> dict[str, Any]:
    """What a table or a program shows of one file; a plugin that would have to be loaded is not asked."""
    config = entry.config
    spec, problem = None, ""
    try:
        if entry.loads_plugins:
            entry.check_bundles()
        else:
            spec = find_effect(entry.name)
    except InputError as error:
        problem = str(error)
    given = config.get("parameters")
    return {
        "name": entry.name,
        "about": entry.about,
        "host": str(config.get("host")),
        "group": str(config.get("group") or ""),
        "parameters": len(spec.parameters) if spec else len(given) if isinstance(given, dict) else None,
        "presets": len(spec.presets) if spec else len(config.get("presets") or ()),
        "problem": problem,
    }


def _facts(spec: EffectSpec) -> Iterable[tuple[str, str]]:
    yield "channels", {"any": "mono and stereo"}.get(spec.channels, f"{spec.channels} only")
    if spec.group:
        yield "group", spec.group
    if spec.links:
        yield "chain", " -> ".join(link.name for link in spec.links)
    if spec.settings:
        yield "settings", ", ".join(f"{name}={value}" for name, value in spec.settings)
    runs = f"in blocks of {spec.block} samples" if spec.block else "in blocks of any size"
    streams = spec.streams and not spec.loudness_match
    yield (
        "renders",
        f"{runs}, {'streamed' if streams else 'the whole sound at once'}"
        + (", in a process of its own" if spec.isolated else ""),
    )
    again = "one instance, reset" if spec.reset == "exact" else "a new instance for each sound"
    yield "starts from silence by", again
    if spec.tail_seconds:
        yield "tail", f"{spec.tail_seconds:g} s"
    if spec.loudness_match:
        yield "loudness", "matched to the dry sound"
    if spec.presets:
        yield "training draws", "uniformly" if spec.sampling == "uniform" else f"presets, jitter {spec.jitter:g}"
    for warning in spec.warnings:
        yield "warning", warning


def _range(parameter: Parameter) -> str:
    if parameter.labels:
        return ", ".join(parameter.labels)
    return f"{parameter.low:g} to {parameter.high:g} {parameter.unit}".rstrip()


def _default(parameter: Parameter) -> str:
    if parameter.labels:
        return parameter.text(float(parameter.to_position(parameter.default)))
    return f"{parameter.default:g}"


def _kind(parameter: Parameter) -> str:
    steps = f"{parameter.steps} steps" if parameter.steps else parameter.scale
    return f"fixed ({steps})" if parameter.held else steps


def _table(*titles: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for title in titles:
        table.add_column(title.lstrip(">"), justify="right" if title.startswith(">") else "left", overflow="fold")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(Text(_plain(cell)) for cell in cells))


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(_plain(text), style=style))


def _plain(text: str) -> str:
    """Names come out of other people's files: nothing in them may steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
