"""What an LV2 plugin says about itself in Turtle: its ports, its needs and its binary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fxstyle.effects.lv2 import vocabulary as names
from fxstyle.effects.lv2.bundles import as_path, find_bundle, plugins_of, read_manifest, read_turtle, see_also
from fxstyle.errors import InputError

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

PortKind = Literal["audio", "control", "cv", "atom", "other"]


@dataclass(frozen=True)
class Port:
    """One port of a plugin.

    Attributes:
        index: Its place in the plugin's C interface.
        symbol: Its identifier.
        name: What people call it.
        is_input: False for an output.
        kind: What is connected to it.
        default: Where it starts; not a number where the plugin does not say.
        low: Its lowest value; not a number where the plugin does not say.
        high: Its highest value; not a number where the plugin does not say.
        unit: As people read it, such as ``dB``.
        hints: Last words of its properties and designations, such as ``toggled``, ``logarithmic`` or ``latency``.
        points: Labels of values, in the order of the values.
        bytes: Least size of an atom port's buffer.
    """

    index: int
    symbol: str
    name: str
    is_input: bool
    kind: PortKind
    default: float = math.nan
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    hints: frozenset[str] = frozenset()
    points: tuple[tuple[str, float], ...] = ()
    bytes: int = 0


@dataclass(frozen=True)
class Description:
    """A plugin as its bundle describes it.

    Attributes:
        uri: Its name in the world.
        bundle: The folder it lies in.
        binary: The shared library.
        ports: In the order of their index.
        required: URIs of the host features it cannot do without.
    """

    uri: str
    bundle: Path
    binary: Path
    ports: tuple[Port, ...]
    required: frozenset[str] = frozenset()

    def select(self, kind: PortKind, *, is_input: bool) -> tuple[Port, ...]:
        """The ports of one kind and direction; side-chain inputs come last."""
        chosen = [port for port in self.ports if port.kind == kind and port.is_input == is_input]
        return tuple(sorted(chosen, key=lambda port: "isSideChain" in port.hints))

    @property
    def controls(self) -> dict[str, Port]:
        """Control inputs by symbol."""
        return {port.symbol: port for port in self.select("control", is_input=True)}

    @property
    def latency_port(self) -> Port | None:
        """The control output that says how many samples the plugin is late."""
        outputs = self.select("control", is_input=False)
        return next((port for port in outputs if {"reportsLatency", "latency"} & port.hints), None)


def describe(plugin: str, bundle: str | Path | None = None) -> Description:
    """Read the description of a plugin, by URI or as the folder of a bundle that holds exactly one.

    Raises:
        InputError: When it is missing, or its Turtle cannot be read.
    """
    if bundle is None and _is_path(plugin):
        bundle = _folder(plugin)
        if not _is_folder(bundle):
            raise InputError(f"no LV2 bundle at {plugin}: give the folder that ends in .lv2, or the plugin's URI")
        uris = plugins_of(bundle)
        if len(uris) != 1:
            listed = ", ".join(uris) or "none"
            raise InputError(f"{plugin} holds {len(uris)} LV2 plugins: give the URI of one of them ({listed})")
        plugin = uris[0]
    folder = _folder(bundle) if bundle is not None else find_bundle(plugin)
    if plugin not in plugins_of(folder):
        listed = ", ".join(plugins_of(folder)) or "none"
        raise InputError(f"{folder} holds no LV2 plugin {plugin}; it holds: {listed}")
    return _read(plugin, folder, (folder / "manifest.ttl").stat().st_mtime_ns)


def _folder(path: str | Path) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        # The home folder of somebody who is not here.
        return Path(path).absolute()


def _is_path(plugin: str) -> bool:
    if plugin.startswith(("/", ".", "~")) or plugin.rstrip("/").endswith(".lv2"):
        return True
    return ":" not in plugin and _is_folder(Path(plugin))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        # Too long, or with a character that no path has.
        return False


@lru_cache(maxsize=256)
def _read(uri: str, bundle: Path, changed: int) -> Description:
    from rdflib import URIRef

    manifest_file = bundle / "manifest.ttl"
    subject = URIRef(uri)
    manifest = read_manifest(bundle)
    graph = read_turtle(*see_also(manifest, uri, manifest_file))
    # With its blank nodes: a small bundle may say everything in its manifest.
    graph += manifest.cbd(subject)
    binary = _one(graph, subject, f"{names.LV2}binary")
    if binary is None:
        raise InputError(f"{manifest_file}: {uri} has no lv2:binary; reinstall the bundle")
    ports = [_port(graph, node, uri) for node in graph.objects(subject, URIRef(f"{names.LV2}port"))]
    ports.sort(key=lambda port: port.index)
    if [port.index for port in ports] != list(range(len(ports))) or not ports:
        raise InputError(f"{bundle}: the ports of {uri} are not numbered from 0 on; reinstall the bundle")
    return Description(
        uri=uri,
        bundle=bundle,
        binary=as_path(str(binary), manifest_file),
        ports=tuple(ports),
        required=frozenset(str(x) for x in graph.objects(subject, URIRef(f"{names.LV2}requiredFeature"))),
    )


def _port(graph: Graph, node: Node, plugin: str) -> Port:
    types = _uris(graph, node, names.RDF_TYPE)
    hints = _uris(graph, node, f"{names.LV2}portProperty") | _uris(graph, node, f"{names.LV2}designation")
    for group in graph.objects(node, _uri(f"{names.PORT_GROUPS}group")):
        if (group, _uri(f"{names.PORT_GROUPS}sideChainOf"), None) in graph:
            hints |= {"isSideChain"}
    kinds: dict[str, PortKind] = {
        f"{names.LV2}AudioPort": "audio",
        f"{names.LV2}ControlPort": "control",
        f"{names.LV2}CVPort": "cv",
        f"{names.ATOM}AtomPort": "atom",
    }
    symbol = _one(graph, node, f"{names.LV2}symbol")
    index = _number(graph, node, f"{names.LV2}index")
    if symbol is None or not math.isfinite(index):
        raise InputError(f"{plugin}: a port has no lv2:symbol or lv2:index; reinstall the bundle")
    points = [
        (str(_one(graph, point, names.RDFS_LABEL) or ""), _number(graph, point, names.RDF_VALUE))
        for point in graph.objects(node, _uri(f"{names.LV2}scalePoint"))
    ]
    size = _number(graph, node, f"{names.RESIZE_PORT}minimumSize")
    return Port(
        index=int(index),
        symbol=str(symbol),
        name=str(_one(graph, node, f"{names.LV2}name") or symbol),
        is_input=f"{names.LV2}InputPort" in types,
        kind=next((kind for uri, kind in kinds.items() if uri in types), "other"),
        default=_number(graph, node, f"{names.LV2}default"),
        low=_number(graph, node, f"{names.LV2}minimum"),
        high=_number(graph, node, f"{names.LV2}maximum"),
        unit=_unit(graph, node),
        hints=frozenset(hint.rsplit("#", 1)[-1] for hint in hints),
        points=tuple(sorted((p for p in points if math.isfinite(p[1])), key=lambda p: p[1])),
        bytes=int(size) if math.isfinite(size) else 0,
    )


def _unit(graph: Graph, node: Node) -> str:
    for unit in graph.objects(node, _uri(f"{names.UNITS}unit")):
        if str(unit).startswith(names.UNITS):
            word = str(unit)[len(names.UNITS) :]
            return names.UNIT_NAMES.get(word, word)
        return str(_one(graph, unit, f"{names.UNITS}symbol") or "")
    return ""


def _one(graph: Graph, node: Node, predicate: str) -> Node | None:
    """One object, an untranslated one where there are several."""
    found = sorted(graph.objects(node, _uri(predicate)), key=lambda x: (getattr(x, "language", None) or "", str(x)))
    return found[0] if found else None


def _uris(graph: Graph, node: Node, predicate: str) -> frozenset[str]:
    return frozenset(str(found) for found in graph.objects(node, _uri(predicate)))


def _number(graph: Graph, node: Node, predicate: str) -> float:
    try:
        return float(str(_one(graph, node, predicate)))
    except ValueError:
        return math.nan


def _uri(text: str) -> Node:
    from rdflib import URIRef

    return URIRef(text)
