"""Hosts run effects: each turns a spec into a function that processes one clip, or into a stream of pieces.

A host is one module with the functions of :class:`Host` and one line in ``HOSTS``. It is imported when it is first
asked for, so that nobody waits for a plugin format that is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import from_db, loudness_lufs
from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import Stream, WholeStream
from fxstyle.errors import InputError

Process = Callable[[NDArray[np.float32], NDArray[np.float64], float], NDArray[np.float32]]
"""``(audio (channels, samples), values in units (parameters,), sample rate in Hz) -> (channels, samples)``.

Each call starts from silence: nothing of the clip before is left. Latency is taken away, so that the result is in time
with the input and as long.
"""

HOSTS: dict[str, str] = {
    "pedalboard": "fxstyle.effects.hosts.pedalboard_host",
    "lv2": "fxstyle.effects.hosts.lv2_host",
    "vst3": "fxstyle.effects.hosts.vst3_host",
    "dsp": "fxstyle.effects.hosts.dsp_host",
    "chain": "fxstyle.effects.hosts.chain_host",
}
DISCOVERING = ("lv2", "vst3")
"""Hosts that can ask a plugin for its own controls; their modules have ``discover``."""


class Host(Protocol):
    """The functions of a host's module."""

    def check(self, spec: EffectSpec) -> None:
        """Refuse a plugin, parameter or setting that does not exist, with :class:`InputError`."""
        ...

    def build(self, spec: EffectSpec) -> Process:
        """Build an effect for the thread that calls; the result is never pickled."""
        ...

    def open_stream(self, spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> Stream:
        """Start a stream with fixed values in units."""
        ...

    def discover(self, name: str, plugin: str, settings: Mapping[str, Any]) -> EffectSpec:
        """Ask a plugin for its controls; only hosts in ``DISCOVERING`` have it."""
        ...


def host(name: str) -> Host:
    """The module of a host."""
    return cast(Host, import_module(HOSTS[name]))


def build(spec: EffectSpec) -> Process:
    """Build an effect; the result belongs to the thread that built it and is never pickled."""
    process = host(spec.host).build(spec)
    if not spec.loudness_match:
        return process

    def matched(audio: NDArray[np.float32], values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        return match_loudness(process(audio, values, sample_rate), audio, sample_rate)

    return matched


def match_loudness(wet: NDArray[np.float32], dry: NDArray[np.float32], sample_rate: float) -> NDArray[np.float32]:
    """Bring wet sound ``(channels, samples)`` to the integrated loudness of the dry one; silence stays as it is."""
    if not np.isfinite(wet).all():
        return wet
    wanted, found = loudness_lufs(dry, int(sample_rate)), loudness_lufs(wet, int(sample_rate))
    if not np.isfinite([wanted, found]).all():
        return wet
    return wet * np.float32(from_db(wanted - found))


def open_stream(spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> Stream:
    """Start a stream with fixed values in units; effects that cannot stream run at its end.

    Raises:
        InputError: When the effect is not made for the sample rate.
    """
    spec.check_rate(sample_rate)
    if spec.streams and not spec.loudness_match:
        return host(spec.host).open_stream(spec, values, sample_rate, channels)
    process = build(spec)
    return WholeStream(lambda audio: process(audio, values, sample_rate), channels)


def check_plugin(spec: EffectSpec) -> None:
    """Refuse a plugin or parameter that the host does not have.

    Raises:
        InputError: Naming the alternatives.
    """
    host(spec.host).check(spec)


def discover(kind: str, name: str, plugin: str, settings: Mapping[str, Any]) -> EffectSpec:
    """Ask a plugin for its controls.

    Raises:
        InputError: When the host cannot ask, or the plugin is missing, is no effect or does not load.
    """
    if kind not in DISCOVERING:
        raise InputError(
            f"effects.{name}: host {kind!r} needs 'parameters'; only {' and '.join(DISCOVERING)} plugins name their own"
        )
    return host(kind).discover(name, plugin, settings)
