"""Finds effects by what a person types: a name of ``conf/effects``, a file, a plugin's path or its URI."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from fxstyle.effects.hosts import DISCOVERING
from fxstyle.effects.parse import parse_effect
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.run.conf import CONF

_LARGEST_BYTES = 1_000_000
_YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class Entry:
    """One file of ``conf/effects``.

    Attributes:
        name: The file's stem, which is what a person types.
        kind: ``effect``, ``set`` of several effects, or ``any plugin`` for a file that stands for all of one format.
        about: Its first comment.
        config: What it holds.
    """

    name: str
    kind: Literal["effect", "set", "any plugin"]
    about: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def loads_plugins(self) -> bool:
        """Whether looking at it closely would load a plugin, which may take long or fail."""
        return any(
            link.get("host") == "vst3" or (link.get("host") in DISCOVERING and link.get("parameters") is None)
            for link in _links(self.config)
        )

    def check_bundles(self) -> None:
        """Refuse a VST3 bundle that is not there, or not for this machine, without loading it.

        Raises:
            InputError: Naming the remedy.
        """
        from fxstyle.effects.hosts.vst3_bundle import find_bundle

        for link in _links(self.config):
            if link.get("host") == "vst3":
                find_bundle(self.name, str(link.get("plugin") or ""))

    @property
    def members(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The effects of a set: those to train on and those kept unseen."""
        train: list[str] = []
        unseen: list[str] = []
        for item in self.config.get("defaults") or ():
            name, _, package = str(item).partition("@")
            if name != "_self_":
                (unseen if package == "unseen" else train).append(name)
        return tuple(train), tuple(unseen)


def list_entries(folder: Path | None = None) -> list[Entry]:
    """All files of ``conf/effects``, by name.

    Raises:
        InputError: One of them is not YAML or holds no effect.
    """
    return [_entry(path) for path in sorted((folder or _folder()).glob("*.yaml"))]


def find_effect(name: str, folder: Path | None = None) -> EffectSpec:
    """The effect of a name of ``conf/effects``, a YAML file, a ``.vst3`` or ``.lv2`` bundle, or an LV2 URI.

    A bundle of several VST3 plugins is given as ``BUNDLE.vst3#PLUGIN``. A plugin given by path or URI is asked for its
    own parameters.

    Raises:
        InputError: There is no such effect, or it cannot be used here; with the nearest names or the reason.
    """
    bundle, _, inside = name.partition("#")
    bundle = bundle.rstrip("/\\")
    suffix = Path(bundle).suffix.lower()
    if "://" in name or name.startswith("urn:"):
        return parse_effect(_slug(re.split(r"[/#:]", name.rstrip("/#:"))[-1]), {"host": "lv2", "plugin": name})
    if suffix in (".vst3", ".lv2"):
        # The VST3 host looks a bare file name up in the standard folders.
        if not Path(bundle).exists() and (suffix == ".lv2" or Path(bundle).name != bundle):
            raise InputError(f"{bundle} does not exist: give the path of a plugin that is there")
        if inside and suffix == ".lv2":
            raise InputError(f"{name}: give the LV2 plugin's URI instead; see fxstyle effects list --installed")
        config: dict[str, Any] = {"host": suffix[1:], "plugin": bundle}
        if inside:
            config["settings"] = {"plugin_name": inside}
        return parse_effect(_slug(inside or Path(bundle).stem), config)
    if Path(name).suffix.lower() in _YAML:
        return _parse(_own_entry(Path(name)), name)
    entries = {path.stem: path for path in sorted((folder or _folder()).glob("*.yaml"))}
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see fxstyle effects list"
        raise InputError(
            f"there is no effect {name!r}: {hint} (a path to .yaml, .vst3 or .lv2, or an LV2 URI, works too)"
        )
    return _parse(_entry(entries[name]), name)


def _links(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """An effect's own mapping, or those of all links of a chain."""
    links = config.get("links")
    if config.get("host") != "chain" or not isinstance(links, Mapping):
        yield config
        return
    for link in links.values():
        if isinstance(link, Mapping):
            yield from _links(link)


def _folder() -> Path:
    return Path(CONF) / "effects"


def _slug(text: str) -> str:
    """A name that can stand in configs and file names."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower() or "plugin"


def _parse(entry: Entry, given: str) -> EffectSpec:
    if entry.kind == "any plugin":
        raise InputError(f"{given!r} stands for any plugin of its format: give the plugin's path or URI itself")
    if entry.kind == "set":
        train, unseen = entry.members
        raise InputError(f"{given!r} is a set of effects: choose one of {', '.join((*train, *unseen))}")
    try:
        return parse_effect(entry.name, entry.config)
    except InputError:
        raise
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{given}: this is no effect ({error}): compare it with a file of conf/effects") from error


def _own_entry(path: Path) -> Entry:
    """The one effect of somebody's own file."""
    if not path.is_file():
        raise InputError(f"{path} does not exist: give the path of a YAML file with an effect in it")
    content = _load(path)
    if "defaults" in content or "host" in content:
        raise InputError(f"{path} is a whole config: give one effect, as 'name: {{host: ..., parameters: ...}}'")
    if len(content) != 1:
        named = ", ".join(map(str, content)) or "none"
        raise InputError(f"{path} holds {len(content)} effects ({named}): put one effect, or one chain, in a file")
    name, config = next(iter(content.items()))
    return Entry(str(name), "effect", config=config)


def _entry(path: Path) -> Entry:
    content = _load(path)
    about = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    if isinstance(content.get("host"), str):
        return Entry(path.stem, "any plugin", about, content)
    if "defaults" in content or path.stem not in content:
        return Entry(path.stem, "set", about, content)
    config = content[path.stem]
    return Entry(path.stem, "effect", about, config if isinstance(config, Mapping) else {})


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a YAML file with an effect in it") from error
    if len(text) > _LARGEST_BYTES:
        raise InputError(f"{path} is too large for an effect: give a YAML file with one effect in it")
    try:
        content = yaml.safe_load(text.decode())
    except UnicodeDecodeError as error:
        raise InputError(f"{path} cannot be read as text: give a YAML file with an effect in it") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise InputError(f"{path} is not valid YAML{line}: correct it") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no effect: give a YAML file with 'name: {{host: ..., parameters: ...}}'")
    return content
