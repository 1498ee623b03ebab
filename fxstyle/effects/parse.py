"""From the plain mappings of a config to effect specs and effect sets, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from fxstyle.effects.hosts import DISCOVERING, HOSTS, check_plugin, discover
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.preset import Preset
from fxstyle.effects.spec import EffectSpec, chain
from fxstyle.errors import InputError

_PARAMETER_KEYS = tuple(field.name for field in fields(Parameter) if field.name != "name")
_SAMPLING_KEYS = ("loudness_match", "sampling", "jitter", "group", "warnings")
_PLAIN_KEYS = ("channels", "block", "streams", "tail_seconds", "highest_rate", "reset", "isolated")
_EFFECT_KEYS = ("host", "plugin", "parameters", "settings", "presets", *_PLAIN_KEYS, *_SAMPLING_KEYS)
_PLUGIN_KEYS = {"path": "plugin", "uri": "plugin"}
"""Other words for ``plugin`` where a whole config describes one plugin (``effects=vst3 effects.path=...``)."""


@dataclass(frozen=True)
class EffectSet:
    """The effects of an experiment.

    Attributes:
        train: Effects that are trained on, in the order of the schedule.
        unseen: Effects that are kept for evaluation.
    """

    train: tuple[EffectSpec, ...]
    unseen: tuple[EffectSpec, ...] = ()

    @property
    def all(self) -> tuple[EffectSpec, ...]:
        """Seen effects first, then unseen ones."""
        return self.train + self.unseen


def parse_effect(name: str, config: Mapping[str, Any]) -> EffectSpec:
    """Build one effect from its mapping; an LV2 or VST3 plugin without ``parameters`` is asked for its own.

    Raises:
        InputError: For an unknown key, host, plugin or parameter, naming the alternatives.
    """
    if not isinstance(config, Mapping):
        raise InputError(f"effect {name!r} must be a mapping with 'host' and 'parameters', not {config!r}")
    host = config.get("host")
    if host not in HOSTS:
        raise InputError(f"effects.{name}.host: unknown host {host!r}; choose one of {', '.join(sorted(HOSTS))}")
    if host == "chain":
        _refuse_unknown(f"effects.{name}", config, ("host", "links", "bypassable", "presets", *_SAMPLING_KEYS))
        links = _mapping(f"effects.{name}.links", config.get("links"))
        bypassable = config.get("bypassable") or ()
        if not isinstance(bypassable, (list, tuple)):
            raise InputError(f"effects.{name}.bypassable must be a list of links, not {bypassable!r}")
        return chain(
            name,
            tuple(parse_effect(key, link) for key, link in links.items()),
            tuple(bypassable),
            **_options(name, config, _SAMPLING_KEYS),
        )
    _refuse_unknown(f"effects.{name}", config, _EFFECT_KEYS)
    plugin = str(config.get("plugin") or "")
    settings = _mapping(f"effects.{name}.settings", config.get("settings"))
    options = _options(name, config, _PLAIN_KEYS + _SAMPLING_KEYS)
    if config.get("parameters") is None and host in DISCOVERING:
        return replace(discover(host, name, plugin, settings), **options)
    spec = EffectSpec(
        name=name,
        host=host,
        plugin=plugin,
        parameters=_parameters(name, config),
        settings=tuple(settings.items()),
        **options,
    )
    check_plugin(spec)
    return spec


def parse_effects(config: Mapping[str, Any], channels: int) -> EffectSet:
    """Build an effect set: ``train`` and ``unseen`` mappings, effects by name that are all trained on, or one plugin.

    Raises:
        InputError: When no effect is left to train on, or a name occurs twice.
    """
    if isinstance(host := config.get("host"), str):
        return EffectSet(train=(_lone_plugin(host, config).for_channels(channels),))
    parts = dict(config)
    unseen = parts.pop("unseen", None) or {}
    train = {**(parts.pop("train", None) or {}), **parts}
    if not train:
        raise InputError("effects: no effect to train on; choose a set (effects=six_plus_three) or one effect")
    if twice := sorted(set(train) & set(unseen)):
        raise InputError(f"effects: {', '.join(twice)} cannot be trained on and unseen at once; remove one of the two")
    return EffectSet(
        train=tuple(parse_effect(name, options).for_channels(channels) for name, options in train.items()),
        unseen=tuple(parse_effect(name, options).for_channels(channels) for name, options in unseen.items()),
    )


def as_config(spec: EffectSpec) -> dict[str, Any]:
    """The mapping that :func:`parse_effect` turns into this effect, without what is at its default."""
    config: dict[str, Any] = {"host": spec.host}
    if spec.host == "chain":
        config["links"] = {link.name: as_config(link) for link in spec.links}
        free = [link.name for link in spec.links if not _parameter(spec, f"{link.name}.bypass").held]
        config |= {"bypassable": free} if free else {}
        keys: tuple[str, ...] = _SAMPLING_KEYS
    else:
        config["plugin"] = spec.plugin
        config |= {"settings": dict(spec.settings)} if spec.settings else {}
        config["parameters"] = {parameter.name: _parameter_config(parameter) for parameter in spec.parameters}
        keys = _PLAIN_KEYS + _SAMPLING_KEYS
    defaults = {field.name: field.default for field in fields(EffectSpec)}
    for key in keys:
        value = getattr(spec, key)
        if value != defaults[key]:
            config[key] = list(value) if isinstance(value, tuple) else value
    if spec.presets:
        config["presets"] = {preset.name: dict(preset.values) for preset in spec.presets}
    return config


def _lone_plugin(host: str, config: Mapping[str, Any]) -> EffectSpec:
    """One plugin whose whole config stands where effects by name would."""
    options = {_PLUGIN_KEYS.get(key, key): value for key, value in config.items()}
    settings = dict(_mapping("effects.settings", options.get("settings")))
    for key in ("plugin_name", "bundle"):
        if (value := options.pop(key, None)) is not None:
            settings[key] = value
    name = str(options.pop("name", None) or host)
    return parse_effect(name, {**options, "settings": settings})


def _parameter(spec: EffectSpec, name: str) -> Parameter:
    return next(parameter for parameter in spec.parameters if parameter.name == name)


def _parameter_config(parameter: Parameter) -> dict[str, Any]:
    # Labels number their own range.
    implied = ("low", "high", "steps") if parameter.labels else ()
    config: dict[str, Any] = {}
    for field in fields(Parameter):
        value = getattr(parameter, field.name)
        if field.name in ("name", *implied) or (field.default is not MISSING and value == field.default):
            continue
        config[field.name] = list(value) if isinstance(value, tuple) else value
    return config


def _parameters(name: str, config: Mapping[str, Any]) -> tuple[Parameter, ...]:
    parameters = []
    for key, options in _mapping(f"effects.{name}.parameters", config.get("parameters")).items():
        where = f"effects.{name}.parameters.{key}"
        _refuse_unknown(where, _mapping(where, options), _PARAMETER_KEYS)
        values = {**options, **{part: tuple(options.get(part) or ()) for part in ("labels", "native")}}
        if values["labels"]:
            numbered = {"low": 0, "high": len(values["labels"]) - 1, "steps": len(values["labels"])}
            if wrong := [part for part in numbered if values.get(part, numbered[part]) != numbered[part]]:
                raise InputError(f"{where}: labels number their own steps from 0; remove {wrong[0]!r}")
            values |= numbered
        for needed in ("low", "high", "default"):
            if needed not in values:
                raise InputError(f"effects.{name}.parameters.{key}: give {needed!r}")
        try:
            parameters.append(Parameter(name=key, **values))
        except TypeError as error:
            raise InputError(f"effects.{name}.parameters.{key}: {error}") from error
    return tuple(parameters)


def _options(name: str, config: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    options = {key: config[key] for key in keys if key in config}
    if "warnings" in options:
        options["warnings"] = tuple(options["warnings"] or ())
    if config.get("presets") is not None:
        presets = _mapping(f"effects.{name}.presets", config["presets"])
        options["presets"] = tuple(
            Preset(key, tuple(_mapping(f"effects.{name}.presets.{key}", values).items()))
            for key, values in presets.items()
        )
    return options


def _mapping(where: str, config: Any) -> Mapping[str, Any]:
    if config is not None and not isinstance(config, Mapping):
        raise InputError(f"{where} must be a mapping, not {config!r}")
    return config or {}


def _refuse_unknown(where: str, config: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if unknown := sorted(set(config) - set(known)):
        raise InputError(f"{where}: unknown key {unknown[0]!r}; choose from {', '.join(known)}")
