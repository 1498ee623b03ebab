"""Where LV2 bundles lie and what their manifests announce."""

from __future__ import annotations

import difflib
import os
import re
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from fxstyle.effects.lv2.vocabulary import LV2, RDF_TYPE, RDFS_SEE_ALSO
from fxstyle.errors import InputError

if TYPE_CHECKING:
    from rdflib import Graph

_reading = threading.Lock()


def search_path() -> tuple[Path, ...]:
    """Folders that hold bundles: those in ``LV2_PATH``, else the platform's usual ones."""
    if given := os.environ.get("LV2_PATH"):
        return tuple(Path(part).expanduser() for part in given.split(os.pathsep) if part)
    home = Path(os.environ.get("HOME") or "~").expanduser()
    if sys.platform == "darwin":
        return (home / "Library/Audio/Plug-Ins/LV2", Path("/Library/Audio/Plug-Ins/LV2"), Path("/usr/local/lib/lv2"))
    multiarch = getattr(sys.implementation, "_multiarch", "")
    folders = [home / ".lv2", Path("/usr/local/lib/lv2"), Path("/usr/lib/lv2"), Path("/usr/lib64/lv2")]
    if multiarch:
        folders += [Path("/usr/local/lib", multiarch, "lv2"), Path("/usr/lib", multiarch, "lv2")]
    return tuple(folders)


def installed_bundles() -> tuple[Path, ...]:
    """All bundle folders on the search path, in its order."""
    found = []
    for folder in search_path():
        try:
            found += sorted(entry for entry in folder.iterdir() if (entry / "manifest.ttl").is_file())
        except OSError:
            continue
    return tuple(found)


def installed_plugins() -> dict[str, Path]:
    """The URI of every plugin on the search path and its bundle; a manifest that cannot be read is left out."""
    found: dict[str, Path] = {}
    for bundle in installed_bundles():
        try:
            plugins = plugins_of(bundle)
        except InputError:
            continue
        for uri in plugins:
            found.setdefault(uri, bundle)
    return found


def plugins_of(bundle: Path) -> tuple[str, ...]:
    """The URIs of the plugins that a bundle announces, sorted.

    Raises:
        InputError: When the folder is no bundle, or its manifest is not Turtle.
    """
    from rdflib import URIRef

    manifest = read_manifest(bundle)
    return tuple(sorted(str(uri) for uri in manifest.subjects(URIRef(RDF_TYPE), URIRef(f"{LV2}Plugin"))))


def find_bundle(uri: str) -> Path:
    """The first bundle on the search path that announces this plugin.

    Raises:
        InputError: When there is none, naming the remedy.
    """
    # A manifest may write the URI with a prefix, but never without its last word.
    words = re.findall(r"\w+", uri, re.ASCII)
    for bundle in installed_bundles():
        text = read_text(bundle / "manifest.ttl")
        if words and words[-1] not in text:
            continue
        try:
            if uri in plugins_of(bundle):
                return bundle
        except InputError:
            # Somebody else's broken manifest.
            continue
    near = difflib.get_close_matches(uri, installed_plugins(), n=1)
    hint = f"did you mean {near[0]}" if near else "install it, or give its folder as settings.bundle"
    places = os.pathsep.join(str(folder) for folder in search_path())
    raise InputError(f"no LV2 plugin {uri} in {places}: {hint}, or set LV2_PATH")


def read_manifest(bundle: Path) -> Graph:
    """The triples of a bundle's manifest.

    Raises:
        InputError: When the folder is no bundle, or its manifest is not Turtle.
    """
    manifest = bundle / "manifest.ttl"
    try:
        changed = manifest.stat().st_mtime_ns
    except (OSError, ValueError):
        raise InputError(
            f"{bundle} is no LV2 bundle: there is no manifest.ttl in it; give the folder that ends in .lv2"
        ) from None
    return _cached(manifest, changed)


def read_turtle(*files: Path) -> Graph:
    """The triples of Turtle files together.

    Raises:
        InputError: When one cannot be read or is not Turtle.
    """
    # Importing rdflib takes a third of a second; who has no LV2 plugin does not wait for it.
    from rdflib import Graph

    graph = Graph(bind_namespaces="none")
    for file in files:
        # The parser keeps state between calls that threads would share.
        with _reading:
            try:
                graph.parse(data=read_text(file), format="turtle", publicID=file.absolute().as_uri())
            except InputError:
                raise
            except Exception as error:
                where = re.search(r"line (\d+)", str(error))
                line = f" (line {where.group(1)})" if where else ""
                raise InputError(f"{file} is not valid Turtle{line}: repair or reinstall the bundle") from error
    return graph


def see_also(graph: Graph, subject: str, where: Path) -> list[Path]:
    """The Turtle files that say more about a subject, sorted.

    Raises:
        InputError: When one is no file, naming the file it stands in.
    """
    from rdflib import URIRef

    found = sorted(str(file) for file in graph.objects(URIRef(subject), URIRef(RDFS_SEE_ALSO)))
    return [as_path(file, where) for file in found if file.endswith(".ttl")]


def as_path(uri: str, where: Path) -> Path:
    """The path of a ``file:`` URI.

    Raises:
        InputError: When it is another kind of URI, naming the file it stands in.
    """
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise InputError(f"{where}: {uri} is no file of the bundle; reinstall the bundle")
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))


@lru_cache(maxsize=64)
def _cached(manifest: Path, changed: int) -> Graph:
    return read_turtle(manifest)


def read_text(file: Path) -> str:
    """The text of a file of a bundle; what is not UTF-8 is replaced.

    Raises:
        InputError: When it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{file} cannot be read ({reason}): reinstall the bundle") from error
