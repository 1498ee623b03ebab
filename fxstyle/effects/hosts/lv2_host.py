"""Any LV2 effect, over LV2's C interface.

One instance serves one clip, or many where the plugin's own reset is exact; several threads each have their own. The
interpreter lock is free while a plugin runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.lv2.description import Description, describe
from fxstyle.effects.lv2.discovery import parameters_of
from fxstyle.effects.lv2.instance import Prepared
from fxstyle.effects.lv2.refusals import refuse_controls, refuse_plugin
from fxstyle.effects.lv2.running import Controls, Running, Spare
from fxstyle.effects.lv2_presets import read_lv2_presets
from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import BlockStream, Stream
from fxstyle.errors import InputError

if TYPE_CHECKING:
    from fxstyle.effects.hosts import Process

_SETTINGS = ("bundle",)
_UNKNOWN_BLOCK = 512
_LONGEST_PIECE = 65536
"""Most samples of one call in a stream without blocks."""


def check(spec: EffectSpec) -> None:
    """Refuse a plugin that is missing or cannot run here, and parameters that it does not have.

    Raises:
        InputError: Naming the remedy.
    """
    where = f"effects.{spec.name}"
    plugin = _plugin(spec.name, spec.plugin, dict(spec.settings))
    refuse_plugin(plugin, where, spec.block)
    refuse_controls(plugin, spec)


def build(spec: EffectSpec) -> Process:
    """Build an LV2 effect; see :data:`fxstyle.effects.hosts.Process`."""
    plugin = _plugin(spec.name, spec.plugin, dict(spec.settings))
    refuse_plugin(plugin, f"effects.{spec.name}", spec.block)
    prepared = Prepared(plugin)
    if spec.block is not None:
        # The compiler's modules take a second to load: not in the middle of a clip.
        import_module("fxstyle.effects.lv2.blocks")
    to_ports = Controls(plugin, spec)
    spare = Spare()
    kept: dict[tuple[int, float], Running] = {}

    def running(values: NDArray[np.float64], channels: int, sample_rate: float, samples: int) -> Running:
        controls = to_ports(values, sample_rate)
        key = (channels, sample_rate)
        if spec.reset == "exact" and key in kept and (spec.block or samples) <= kept[key].longest:
            kept[key].restart(controls)
            return kept[key]
        new = Running(prepared, channels, controls, sample_rate, spec.block or samples, spec.block, spare)
        if spec.reset == "exact":
            if key in kept:
                kept[key].close()
            kept[key] = new
        return new

    def process(audio: NDArray[np.float32], values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        channels, samples = audio.shape
        if not samples:
            return audio.copy()
        effect = running(values, channels, sample_rate, samples)
        try:
            if prepared.latency_port is not None:
                stream = BlockStream(effect.step, channels, spec.block, effect.latency)
                return np.concatenate([stream.process(audio), stream.finish()], axis=1)
            missing = -samples % (spec.block or samples)
            whole = np.pad(audio, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(audio)
            return effect.step(whole)[:, :samples]
        finally:
            # What has heard NaN may keep it through its own reset.
            if spec.reset != "exact" or not np.isfinite(audio).all():
                kept.pop((channels, sample_rate), None)
                effect.close()

    return process


def open_stream(spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> Stream:
    """Start a stream; see :data:`fxstyle.effects.hosts.Host`."""
    plugin = _plugin(spec.name, spec.plugin, dict(spec.settings))
    refuse_plugin(plugin, f"effects.{spec.name}", spec.block)
    controls = Controls(plugin, spec)(values, sample_rate)
    longest = spec.block or _LONGEST_PIECE
    effect = Running(Prepared(plugin), channels, controls, sample_rate, longest, spec.block, Spare())
    return BlockStream(effect.step, channels, spec.block, effect.latency)


def discover(name: str, plugin: str, settings: Mapping[str, Any]) -> EffectSpec:
    """Read a plugin's controls from its Turtle; the plugin itself is not loaded.

    Args:
        name: What the effect is called.
        plugin: Its URI, or the folder of a bundle that holds exactly one plugin.
        settings: ``bundle``, the folder of a bundle outside the search path, or nothing.

    Returns:
        An effect that runs in a process of its own, in blocks of 512 samples, with a new instance for each clip:
        nothing is known about the plugin yet.

    Raises:
        InputError: When it is missing, is no effect, or needs what this host cannot give.
    """
    found = _plugin(name, plugin, settings)
    refuse_plugin(found, f"effects.{name}", _UNKNOWN_BLOCK)
    elsewhere = "bundle" in settings or found.uri != plugin
    spec = EffectSpec(
        name=name,
        host="lv2",
        plugin=found.uri,
        parameters=parameters_of(found),
        settings=(("bundle", str(found.bundle)),) if elsewhere else (),
        block=_UNKNOWN_BLOCK,
        reset="rebuild",
        isolated=True,
    )
    return replace(spec, presets=read_lv2_presets(spec))


def _plugin(name: str, plugin: str, settings: Mapping[str, Any]) -> Description:
    if unknown := sorted(set(settings) - set(_SETTINGS)):
        raise InputError(f"effects.{name}.settings: unknown key {unknown[0]!r}; an LV2 plugin takes only 'bundle'")
    if not plugin:
        raise InputError(f"effects.{name}.plugin: give the URI of an LV2 plugin, or the folder of its bundle")
    bundle = settings.get("bundle")
    try:
        return describe(plugin, None if bundle is None else str(bundle))
    except InputError as error:
        raise InputError(f"effects.{name}.plugin: {error}") from error
