"""From the plain mappings of a config to effect specs and effect sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fxstyle.effects.hosts import HOSTS, check_plugin
from fxstyle.effects.spec import EffectSpec, Parameter, chain
from fxstyle.errors import InputError

_PARAMETER_KEYS = tuple(field.name for field in fields(Parameter) if field.name != "name")
_EFFECT_KEYS = ("host", "plugin", "parameters", "settings", "channels", "block", "streams", "tail_seconds")


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
    """Build one effect from its mapping.

    Raises:
        InputError: For an unknown key, host, plugin or parameter, naming the alternatives.
    """
    if not isinstance(config, Mapping):
        raise InputError(f"effect {name!r} must be a mapping with 'host' and 'parameters', not {config!r}")
    host = config.get("host")
    if host not in HOSTS:
        raise InputError(f"effects.{name}.host: unknown host {host!r}; choose one of {', '.join(sorted(HOSTS))}")
    if host == "chain":
        _refuse_unknown(f"effects.{name}", config, ("host", "links"))
        links = _mapping(f"effects.{name}.links", config.get("links"))
        return chain(name, tuple(parse_effect(key, link) for key, link in links.items()))
    _refuse_unknown(f"effects.{name}", config, _EFFECT_KEYS)
    parameters = []
    for key, options in _mapping(f"effects.{name}.parameters", config.get("parameters")).items():
        where = f"effects.{name}.parameters.{key}"
        _refuse_unknown(where, _mapping(where, options), _PARAMETER_KEYS)
        values = {**options, "labels": tuple(options.get("labels", ()))}
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
    rest = {key: config[key] for key in ("channels", "block", "streams", "tail_seconds") if key in config}
    spec = EffectSpec(
        name=name,
        host=host,
        plugin=str(config.get("plugin", "")),
        parameters=tuple(parameters),
        settings=tuple(_mapping(f"effects.{name}.settings", config.get("settings")).items()),
        **rest,
    )
    check_plugin(spec)
    return spec


def parse_effects(config: Mapping[str, Any], channels: int) -> EffectSet:
    """Build an effect set: ``train`` and ``unseen`` mappings, or effects by name that are all trained on.

    Raises:
        InputError: When no effect is left to train on, or a name occurs twice.
    """
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


def _mapping(where: str, config: Any) -> Mapping[str, Any]:
    if config is not None and not isinstance(config, Mapping):
        raise InputError(f"{where} must be a mapping, not {config!r}")
    return config or {}


def _refuse_unknown(where: str, config: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if unknown := sorted(set(config) - set(known)):
        raise InputError(f"{where}: unknown key {unknown[0]!r}; choose from {', '.join(known)}")
