"""The project's own effects of :mod:`fxstyle.effects.dsp`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.dsp import CONTROLS, create
from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import BlockStream, Stream
from fxstyle.errors import InputError

if TYPE_CHECKING:
    from fxstyle.effects.hosts import Process


def check(spec: EffectSpec) -> None:
    """Refuse an effect, a control or a value that does not exist.

    Raises:
        InputError: Naming the alternatives.
    """
    if spec.plugin not in CONTROLS:
        raise InputError(
            f"effects.{spec.name}.plugin: there is no dsp effect {spec.plugin!r}; choose one of {', '.join(CONTROLS)}"
        )
    known = CONTROLS[spec.plugin]
    seen: set[str] = set()
    for where, name, values in _given(spec):
        if name not in known:
            raise InputError(
                f"effects.{spec.name}: {spec.plugin} has no control {name!r}; choose from {', '.join(known)}"
            )
        if name in seen:
            raise InputError(f"effects.{spec.name}: {name!r} is given twice; remove it from settings or parameters")
        seen.add(name)
        low, high = known[name]
        for value in values:
            if not (isinstance(value, (int, float)) and low <= value <= high):
                raise InputError(f"effects.{spec.name}.{where}: must lie between {low:g} and {high:g}, not {value!r}")


def build(spec: EffectSpec) -> Process:
    """Build one of the project's own effects; see :data:`fxstyle.effects.hosts.Process`."""

    def process(audio: NDArray[np.float32], values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        stream = open_stream(spec, values, sample_rate, len(audio))
        return np.concatenate([stream.process(audio), stream.finish()], axis=1)

    return process


def open_stream(spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> Stream:
    """Start a stream; see :data:`fxstyle.effects.hosts.Host`."""
    controls: dict[str, Any] = dict(spec.settings)
    for parameter, value in zip(spec.parameters, values, strict=True):
        controls[parameter.native_name] = parameter.to_native(value)
    effect = create(spec.plugin, controls, sample_rate, channels)
    return BlockStream(effect.process, channels, spec.block, lambda: effect.latency)


def _given(spec: EffectSpec) -> Iterator[tuple[str, str, tuple[object, ...]]]:
    """Where each control is given, its name, and the values it may take."""
    for name, value in spec.settings:
        yield f"settings.{name}", name, (value,)
    for parameter in spec.parameters:
        ends = parameter.native or (parameter.low, parameter.high)
        yield f"parameters.{parameter.name}", parameter.native_name, ends
