"""All of pedalboard's built-in effects.

A new native object for every clip costs microseconds, equals a reset to the bit, and no object is shared between
threads. pedalboard's setters hardly validate: the ranges of the specs are what keeps values sensible.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pedalboard
from numpy.typing import NDArray

from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import BlockStream, Stream
from fxstyle.errors import InputError

if TYPE_CHECKING:
    from fxstyle.effects.hosts import Process

# Containers and external plugins are other hosts' work; IIRFilter is only a base class.
_NOT_EFFECTS = {"Chain", "Mix", "Pedalboard", "Plugin", "PluginContainer", "ExternalPlugin", "IIRFilter", "VST3Plugin"}


_STREAM_BLOCK = 4096
"""Samples of each call of a stream, for effects that do not care."""


def built_in_effects() -> dict[str, type]:
    """Pedalboard's built-in effects by class name."""
    return {
        name: item
        for name, item in vars(pedalboard).items()
        if inspect.isclass(item)
        and issubclass(item, pedalboard.Plugin)
        and not name.startswith("_")
        and name not in _NOT_EFFECTS
        and item.__module__ == "pedalboard_native"
    }


def check(spec: EffectSpec) -> None:
    """Refuse an effect or parameter that pedalboard does not have.

    Raises:
        InputError: Naming the alternatives.
    """
    known = built_in_effects()
    if spec.plugin not in known:
        raise InputError(
            f"effects.{spec.name}.plugin: pedalboard has no effect {spec.plugin!r}; choose one of {', '.join(known)}"
        )
    names = [name for name in _constructor_parameters(known[spec.plugin]) if name != "sample_rate"]
    for name in [parameter.name for parameter in spec.parameters] + [name for name, _ in spec.settings]:
        if name not in names:
            raise InputError(
                f"effects.{spec.name}: pedalboard's {spec.plugin} has no {name!r}; choose from {', '.join(names)}"
            )
    for parameter in spec.parameters:
        choices = _enumeration(known[spec.plugin], parameter.name)
        if choices or parameter.labels:
            if not parameter.labels:
                raise InputError(
                    f"effects.{spec.name}.parameters.{parameter.name}: give 'labels' from {', '.join(choices)}"
                )
            if wrong := [label for label in parameter.labels if label not in choices]:
                raise InputError(
                    f"effects.{spec.name}.parameters.{parameter.name}: unknown label {wrong[0]!r}; choose from "
                    f"{', '.join(choices)}"
                )
    for name, value in spec.settings:
        choices = _enumeration(known[spec.plugin], name)
        if choices and value not in choices:
            raise InputError(
                f"effects.{spec.name}.settings.{name}: unknown choice {value!r}; choose from {', '.join(choices)}"
            )
        if name == "impulse_response_filename" and value is not None and not Path(str(value)).is_file():
            raise InputError(f"effects.{spec.name}.settings.{name}: no such file {value}")


def build(spec: EffectSpec) -> Process:
    """Build a pedalboard effect; see :data:`fxstyle.effects.hosts.Process`."""
    kind: Callable[..., Any] = built_in_effects()[spec.plugin]
    if spec.plugin == "Convolution":
        return _build_convolution(kind, spec)
    new = _constructor(spec)

    def process(audio: NDArray[np.float32], values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        return new(values).process(audio, sample_rate, spec.block or audio.shape[-1], True)

    return process


def open_stream(spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> Stream:
    """Start a stream; see :data:`fxstyle.effects.hosts.Host`."""
    if spec.plugin == "Convolution":
        plugin = _load_convolution(built_in_effects()["Convolution"], dict(spec.settings), sample_rate)
        for parameter, value in zip(spec.parameters, values, strict=True):
            setattr(plugin, parameter.name, float(value))
    else:
        plugin = _constructor(spec)(values)
    # A call longer than the one before would make the plugin prepare itself anew, and forget.
    block = spec.block or _STREAM_BLOCK
    return BlockStream(lambda audio: plugin.process(audio, sample_rate, block, False), channels, block)


def _constructor(spec: EffectSpec) -> Callable[[NDArray[np.float64]], Any]:
    """A function from values in units to a new plugin object."""
    kind: Callable[..., Any] = built_in_effects()[spec.plugin]
    enumerations = {p.name: _enumeration(kind, p.name) for p in spec.parameters if p.labels}
    fixed = {
        name: _enumeration(kind, name)[value] if isinstance(value, str) else value for name, value in spec.settings
    }

    def new(values: NDArray[np.float64]) -> Any:
        arguments: dict[str, Any] = dict(fixed)
        for parameter, value in zip(spec.parameters, values, strict=True):
            if parameter.labels:
                arguments[parameter.name] = enumerations[parameter.name][parameter.labels[round(value)]]
            else:
                arguments[parameter.name] = float(value)
        return kind(**arguments)

    return new


def _build_convolution(kind: Callable[..., Any], spec: EffectSpec) -> Process:
    """Convolution loads its impulse response once for each sample rate: its set-up is the dear part."""
    loaded: dict[float, Any] = {}

    def process(audio: NDArray[np.float32], values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        if sample_rate not in loaded:
            loaded[sample_rate] = _load_convolution(kind, dict(spec.settings), sample_rate)
        plugin = loaded[sample_rate]
        for parameter, value in zip(spec.parameters, values, strict=True):
            setattr(plugin, parameter.name, float(value))
        return plugin.process(audio, sample_rate, spec.block or audio.shape[-1], True)

    return process


def _load_convolution(kind: Callable[..., Any], settings: dict[str, Any], sample_rate: float) -> Any:
    file = settings.get("impulse_response_filename")
    if file is None:
        return kind(_decaying_noise(sample_rate), 1.0, sample_rate)
    return kind(file, 1.0)


def _decaying_noise(sample_rate: float) -> NDArray[np.float32]:
    """A plain room where no file is given: exponentially decaying noise with an RT60 of 1 s.

    Its level does not matter: JUCE brings every impulse response to the same energy, 18 dB below unity.
    """
    time = np.arange(int(sample_rate)) / sample_rate
    noise = np.random.default_rng(0).standard_normal(len(time)) * 10.0 ** (-3.0 * time)
    return noise.astype(np.float32)[None]


def _constructor_parameters(kind: type) -> list[str]:
    signature = (kind.__init__.__doc__ or "").split("\n", 1)[0]  # type: ignore[misc]
    inside = signature.partition("(self: ")[2].rpartition(")")[0]
    return [part.split(":")[0].strip() for part in inside.split(", ")[1:] if ":" in part]


def _enumeration(kind: Any, name: str) -> dict[str, Any]:
    """The members of the enumeration that an argument takes, by name."""
    holder = {"mode": "Mode", "quality": "Quality"}.get(name)
    source = getattr(kind, holder, None) if holder else None
    if source is None and holder:
        source = getattr(pedalboard.Resample, holder)
    return dict(source.__members__) if source is not None else {}
