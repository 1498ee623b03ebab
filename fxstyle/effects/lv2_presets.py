"""Presets of LV2 plugins as bundles: those that came with a plugin, and those that a person writes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.lv2 import vocabulary as names
from fxstyle.effects.lv2.bundles import (
    installed_bundles,
    plugins_of,
    read_manifest,
    read_text,
    read_turtle,
    see_also,
)
from fxstyle.effects.lv2.description import Description, describe
from fxstyle.effects.lv2.running import Controls
from fxstyle.effects.preset import Preset
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.writing import write_text

if TYPE_CHECKING:
    from rdflib import Graph, URIRef

_LARGEST_BYTES = 1_000_000


def read_lv2_presets(spec: EffectSpec) -> tuple[Preset, ...]:
    """The presets of a plugin in its own bundle and in all others on the search path, by name.

    Controls that the effect does not have are left out; of two presets with one name, that of the first bundle stays.

    Raises:
        InputError: When the plugin is missing.
    """
    plugin = _describe(spec)
    # A bundle may write the plugin's URI with a prefix, but never without its last word.
    words = re.findall(r"\w+", plugin.uri, re.ASCII)
    found: dict[str, Preset] = {}
    for bundle in dict.fromkeys((plugin.bundle, *installed_bundles())):
        try:
            text = read_text(bundle / "manifest.ttl")
            if "reset" not in text or (words and words[-1] not in text):
                continue
            manifest = read_manifest(bundle)
            files = [
                file
                for preset in _subjects(manifest, plugin.uri)
                for file in see_also(manifest, str(preset), bundle / "manifest.ttl")
            ]
            graph = read_turtle(*dict.fromkeys(files))
            graph += manifest
            for preset in _presets(graph, spec, plugin, bundle):
                found.setdefault(preset.name, preset)
        except InputError:
            # Somebody else's broken bundle.
            continue
    return tuple(sorted(found.values(), key=lambda preset: preset.name))


def read_lv2_preset(path: str | Path, spec: EffectSpec) -> Preset:
    """Read the one preset for this effect in a preset bundle (a folder) or in a Turtle file.

    Raises:
        InputError: When it cannot be read, or does not hold exactly one preset for this plugin.
    """
    path = Path(path)
    plugin = _describe(spec)
    if path.is_dir():
        manifest = read_manifest(path)
        subjects = list(_subjects(manifest, plugin.uri))
        files = [file for subject in subjects for file in see_also(manifest, str(subject), path / "manifest.ttl")]
        graph = read_turtle(*dict.fromkeys(files)) + manifest
    else:
        try:
            too_large = path.stat().st_size > _LARGEST_BYTES
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read: give a preset bundle or its .ttl file") from error
        if too_large:
            raise InputError(f"{path} is too large for a preset: give a preset bundle or its .ttl file")
        graph = read_turtle(path)
        # A manifest only announces presets, and says where they are.
        files = [file for subject in _subjects(graph, plugin.uri) for file in see_also(graph, str(subject), path)]
        graph += read_turtle(*(file for file in dict.fromkeys(files) if file != path.absolute()))
    found = list(_presets(graph, spec, plugin, path))
    if len(found) != 1:
        held = ", ".join(repr(preset.name) for preset in found) or "none"
        others = sorted({str(uri) for _, _, uri in graph.triples((None, _uri(f"{names.LV2}appliesTo"), None))})
        remedy = f"; it is for {', '.join(others)}" if others and not found else "; give a file with just one"
        raise InputError(f"{path} must hold one preset for {plugin.uri}, but it holds {held}{remedy}")
    return found[0]


def write_lv2_preset(folder: str | Path, spec: EffectSpec, preset: Preset) -> None:
    """Write a preset as a bundle that every LV2 host loads from a folder of ``LV2_PATH``.

    All control inputs are written, so that the preset means the same wherever the plugin stood before. A control whose
    range depends on the sample rate is left out.

    Raises:
        InputError: When the preset does not fit the effect, the folder holds something else, or cannot be written to.
    """
    from rdflib import XSD, BNode, Graph, Literal

    folder = Path(folder).absolute()
    plugin = _describe(spec)
    ports = Controls(plugin, spec)(_units(spec, preset), 1.0)
    file = folder / "preset.ttl"
    subject = _uri(uuid.uuid5(uuid.NAMESPACE_URL, f"{plugin.uri}#{preset.name}").urn)
    _refuse_other_content(folder, subject)
    announced = Graph(bind_namespaces="none")
    announced.add((subject, _uri(names.RDF_TYPE), _uri(f"{names.PRESETS}Preset")))
    announced.add((subject, _uri(f"{names.LV2}appliesTo"), _uri(plugin.uri)))
    announced.add((subject, _uri(names.RDFS_LABEL), Literal(preset.name)))
    whole = Graph(bind_namespaces="none") + announced
    for graph in (announced, whole):
        graph.bind("lv2", names.LV2)
        graph.bind("pset", names.PRESETS)
        graph.bind("rdfs", names.RDFS_LABEL.removesuffix("label"))
    for symbol, port in plugin.controls.items():
        if "sampleRate" not in port.hints:
            node = BNode()
            whole.add((subject, _uri(f"{names.LV2}port"), node))
            whole.add((node, _uri(f"{names.LV2}symbol"), Literal(symbol)))
            shortest = np.format_float_positional(ports[port.index], unique=True, trim="0")
            whole.add((node, _uri(f"{names.PRESETS}value"), Literal(shortest, datatype=XSD.decimal)))
    announced.add((subject, _uri(names.RDFS_SEE_ALSO), _uri(file.as_uri())))
    try:
        write_text(file, whole.serialize(format="turtle"))
        # Relative, so that the bundle can be moved.
        manifest = announced.serialize(format="turtle").replace(f"<{file.as_uri()}>", f"<{file.name}>")
        write_text(folder / "manifest.ttl", manifest)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}): give another place") from error


def _describe(spec: EffectSpec) -> Description:
    bundle = dict(spec.settings).get("bundle")
    try:
        return describe(spec.plugin, None if bundle is None else str(bundle))
    except InputError as error:
        raise InputError(f"effects.{spec.name}.plugin: {error}") from error


def _units(spec: EffectSpec, preset: Preset) -> NDArray[np.float64]:
    """A preset's values in units ``(parameters,)``, not rounded to positions; what is not named is at its default."""
    spec.preset_positions(preset)
    given = dict(preset.values)
    values = np.empty(len(spec.parameters))
    for place, parameter in enumerate(spec.parameters):
        value = given.get(parameter.name, parameter.default)
        exact = parameter.to_unit(parameter.position_of(value, spec.name)) if parameter.steps else value
        values[place] = float(exact)
    return values


def _presets(graph: Graph, spec: EffectSpec, plugin: Description, source: Path) -> Iterator[Preset]:
    parameters = {parameter.native_name: parameter for parameter in spec.parameters}
    ports = plugin.controls
    for subject in sorted(_subjects(graph, plugin.uri)):
        values: dict[str, float | str] = {}
        for node in graph.objects(subject, _uri(f"{names.LV2}port")):
            symbol = str(graph.value(node, _uri(f"{names.LV2}symbol")))
            try:
                native = float(str(graph.value(node, _uri(f"{names.PRESETS}value"))))
            except ValueError:
                continue
            if symbol in parameters and np.isfinite(native) and "sampleRate" not in ports[symbol].hints:
                parameter = parameters[symbol]
                value = parameter.from_native(native)
                values[parameter.name] = parameter.labels[round(value)] if parameter.labels else value
        label = graph.value(subject, _uri(names.RDFS_LABEL))
        ordered = tuple((p.name, values[p.name]) for p in spec.parameters if p.name in values)
        yield Preset(str(label) if label is not None else str(subject), ordered, source=str(source))


def _subjects(graph: Graph, plugin: str) -> Iterator[URIRef]:
    """The presets for a plugin."""
    from rdflib import URIRef

    for subject in graph.subjects(_uri(f"{names.LV2}appliesTo"), _uri(plugin)):
        if isinstance(subject, URIRef) and (subject, _uri(names.RDF_TYPE), _uri(f"{names.PRESETS}Preset")) in graph:
            yield subject


def _refuse_other_content(folder: Path, preset: URIRef) -> None:
    """Refuse to write over a plugin or another preset."""
    if not (folder / "manifest.ttl").exists():
        return
    if plugins_of(folder):
        raise InputError(f"{folder} is the bundle of a plugin: give a new folder for the preset")
    kind = _uri(f"{names.PRESETS}Preset")
    if any(other != preset for other in read_manifest(folder).subjects(_uri(names.RDF_TYPE), kind)):
        raise InputError(f"{folder} holds another preset: give a new folder for this one")


def _uri(text: str) -> URIRef:
    from rdflib import URIRef

    return URIRef(text)
