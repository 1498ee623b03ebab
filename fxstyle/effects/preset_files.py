"""Presets as files: JSON for every effect, and the preset bundles of LV2 plugins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fxstyle.effects.preset import Preset
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.writing import write_text

FORMAT = "fxstyle preset"
VERSION = 1
_TEXTS = ("effect", "host", "plugin", "name")
_KEYS = ("format", "version", *_TEXTS, "values")
_LARGEST_BYTES = 1_000_000
_LV2_MODULE = "fxstyle.effects.lv2_presets"


def read_preset(path: str | Path, spec: EffectSpec) -> Preset:
    """Read a preset: a JSON file, or an LV2 preset (a ``.ttl`` file or a ``.lv2`` folder) for an LV2 effect.

    Raises:
        InputError: The file is missing, is no preset, belongs to another effect, or holds an unknown parameter or a
            value out of range.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: give a preset file (.json), or one of the effect's own presets")
    if is_lv2_preset(path):
        from fxstyle.effects.lv2_presets import read_lv2_preset

        _need_lv2(path, spec)
        return read_lv2_preset(path, spec)
    preset = Preset(**_read_json(path, spec), source=str(path))
    try:
        spec.released.preset_positions(preset)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return preset


def write_preset(path: str | Path, spec: EffectSpec, preset: Preset) -> None:
    """Write a preset: JSON, or an LV2 preset bundle where the name ends in ``.lv2`` and the effect is an LV2 plugin.

    Raises:
        InputError: The ending is neither, the preset does not fit the effect, or the place cannot be written to.
    """
    path = Path(path)
    spec.released.preset_positions(preset)
    if path.suffix.lower() == ".lv2":
        from fxstyle.effects.lv2_presets import write_lv2_preset

        _need_lv2(path, spec)
        write_lv2_preset(path, spec, preset)
        return
    check_preset_path(path, spec)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "effect": spec.name,
        "host": spec.host,
        "plugin": spec.plugin,
        "name": preset.name,
        "values": dict(preset.values),
    }
    try:
        write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): give another place") from error


def all_presets(spec: EffectSpec) -> tuple[Preset, ...]:
    """The presets of an effect, and after them those that came with its LV2 plugin under other names."""
    if spec.host != "lv2":
        return spec.presets
    from fxstyle.effects.lv2_presets import read_lv2_presets

    own = {preset.name for preset in spec.presets}
    return (*spec.presets, *(preset for preset in read_lv2_presets(spec) if preset.name not in own))


def check_preset_path(path: Path, spec: EffectSpec) -> None:
    """Refuse a name that no preset of this effect can be written to.

    Raises:
        InputError: The ending is neither ``.json`` nor ``.lv2``, or ``.lv2`` for an effect that is no LV2 plugin.
    """
    if path.suffix.lower() == ".lv2":
        _need_lv2(path, spec)
    elif path.suffix.lower() != ".json":
        raise InputError(f"{path}: a preset's name ends in .json, or in .lv2 for an LV2 plugin")


def is_lv2_preset(path: Path) -> bool:
    """Whether a path names an LV2 preset rather than JSON."""
    return path.suffix.lower() in (".ttl", ".lv2")


def complete_values(spec: EffectSpec, *chosen: Mapping[str, float | str]) -> dict[str, float | str]:
    """Values of all controls that are not held, by name, and of the held ones that were chosen; later choices win.

    Raises:
        InputError: For an unknown parameter, a value out of range or an unknown label.
    """
    given = {name: value for choice in chosen for name, value in choice.items()}
    spec.released.positions(given)
    values: dict[str, float | str] = {}
    for parameter in spec.parameters:
        if parameter.name in given:
            value = given[parameter.name]
            values[parameter.name] = value if value in parameter.labels else float(value)
        elif not parameter.held:
            default = parameter.text(float(parameter.to_position(parameter.default)))
            values[parameter.name] = default if parameter.labels else float(parameter.default)
    return values


def _need_lv2(path: Path, spec: EffectSpec) -> None:
    if spec.host != "lv2":
        raise InputError(f"{path} is an LV2 preset, but effect {spec.name!r} is no LV2 plugin: use a .json preset")


def _read_json(path: Path, spec: EffectSpec) -> dict[str, Any]:
    """Name and values of a JSON preset that belongs to this effect."""
    content = _load(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f'{path} is not a preset: it must be a JSON object with "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise InputError(f"{path}: this program reads presets of version {VERSION}, not {content.get('version')!r}")
    if unknown := sorted(set(content) - set(_KEYS)):
        raise InputError(f"{path}: unknown key {unknown[0]!r}; a preset has {', '.join(_KEYS)}")
    if missing := [key for key in _KEYS if key not in content]:
        raise InputError(f"{path}: the key {missing[0]!r} is missing")
    for key in _TEXTS:
        if not isinstance(content[key], str):
            raise InputError(f"{path}: {key!r} must be a text, not {content[key]!r}")
    # Plugins given by path lie elsewhere on other machines.
    own, made_for = (spec.name, spec.host, Path(spec.plugin).name), (content["effect"], content["host"])
    if own != (*made_for, Path(content["plugin"]).name):
        raise InputError(
            f"{path} is for effect {content['effect']!r} ({content['host']}, {content['plugin']}), "
            f"not for {spec.name!r} ({spec.host}, {spec.plugin}): give a preset of this effect"
        )
    values = content["values"]
    if not isinstance(values, dict):
        raise InputError(f"{path}: 'values' must be an object of parameter names and values")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise InputError(f"{path}: the value of {name!r} must be a number or a label, not {value!r}")
    return {"name": content["name"], "values": tuple(values.items())}


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a preset file") from error
    if len(data) > _LARGEST_BYTES:
        raise InputError(f"{path} is too large for a preset: give a preset file")
    try:
        return json.loads(data.decode(), parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, (json.JSONDecodeError, _WrongJsonError)) else "not readable as text"
        raise InputError(f"{path} is not a preset in JSON ({reason}): write it again") from error


class _WrongJsonError(ValueError):
    """JSON that Python would take and others would not."""


def _refuse_constant(text: str) -> float:
    raise _WrongJsonError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise _WrongJsonError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return content
