"""VST3 plugins through pedalboard.

A plugin is never loaded in the process that asks for it, but in a worker, where it may crash or hang. Sound goes
through it block by block without pedalboard's own reset: a reset there takes the plugin's latency away, but only for
a sound that ends. This host does it for both, from the latency that the plugin reports.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.hosts import vst3_bundle
from fxstyle.effects.hosts.vst3_parameters import tell_apart
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import BlockStream, Stream
from fxstyle.errors import InputError

if TYPE_CHECKING:
    from fxstyle.effects.hosts import Process

log = logging.getLogger(__name__)

BLOCK = 512
"""Samples per call for a plugin of which nothing else is known."""

WHOLE_BLOCK = 8192
"""Samples per call where ``block`` is ``None``: the plugin gives the same sound for every block.

A longer call would have the plugin prepared anew, which loses its state in the middle of a stream.
"""

TIME_LIMIT_SECONDS = 60.0
"""How long a plugin may take to load and to be tried."""

# Pedalboard tells channels from samples by which are more.
_LEAST_BLOCK = 8
_TRIED_RATES = (44100.0, 48000.0, 96000.0)
_TRIED_BLOCKS = (512, 256, 1024)
_TRIED_SAMPLES = 4096
_HERE = "fxstyle.effects.hosts.vst3_host"


def check(spec: EffectSpec) -> None:
    """Refuse a bundle, plugin name or parameter that does not exist; the plugin is loaded in a worker process.

    Raises:
        InputError: Naming the remedy.
    """
    path, plugin_name = _address(spec.name, spec.plugin, dict(spec.settings))
    if not spec.isolated:
        raise InputError(
            f"effects.{spec.name}.isolated must be true: VST3 plugins are bound to the main thread of a process"
        )
    if spec.block is not None and spec.block < _LEAST_BLOCK:
        raise InputError(f"effects.{spec.name}.block must be at least {_LEAST_BLOCK} for VST3, not {spec.block}")
    symbols = _symbols(spec.name, path, plugin_name)
    for parameter in spec.parameters:
        if parameter.native_name not in symbols:
            raise InputError(
                f"effects.{spec.name}.parameters.{parameter.name}: {path} has no parameter "
                f"{parameter.native_name!r}; choose the 'symbol' from {', '.join(symbols)}"
            )
        ends = parameter.native or (parameter.low, parameter.high)
        if min(ends) < 0 or max(ends) > 1:
            raise InputError(
                f"effects.{spec.name}.parameters.{parameter.name}: give 'native', the positions between 0 and 1 of "
                "low and high, or of each step"
            )


def check_here(name: str, path: str, plugin_name: str | None) -> tuple[str, ...]:
    """Load a plugin in this process; gives its parameters' own names.

    Raises:
        InputError: When it does not load or is no effect.
    """
    vst3_bundle.choose_plugin(name, path, plugin_name)
    return tuple(vst3_bundle.by_symbol(vst3_bundle.load(path, plugin_name)))


def discover(name: str, plugin: str, settings: Mapping[str, Any]) -> EffectSpec:
    """Ask a plugin for its controls, in a worker process.

    Raises:
        InputError: When the plugin is missing, is no effect, crashes or hangs.
    """
    path, plugin_name = _address(name, plugin, settings)
    spec: EffectSpec = _safely("discover_here", name, path, plugin_name)
    # A bare file name is found on other machines too.
    return replace(spec, plugin=plugin) if Path(plugin).name == plugin else spec


def discover_here(name: str, path: str, plugin_name: str | None) -> EffectSpec:
    """Load a plugin in this process and try its parameters and its reset.

    Raises:
        InputError: When it does not load or is no effect.
    """
    vst3_bundle.choose_plugin(name, path, plugin_name)
    first = [vst3_bundle.load(path, plugin_name)]
    width = max(vst3_bundle.widths(path, first[0]))

    def load() -> Any:
        # Some plugins take seconds to load.
        return first.pop() if first else vst3_bundle.load(path, plugin_name)

    def play(plugin: Any, number: int) -> NDArray[np.float32]:
        place = number if number < len(_TRIED_RATES) else 0
        return plugin.process(_sound(width, number), _TRIED_RATES[place], _TRIED_BLOCKS[place], False)

    found = tell_apart(load, play)
    for symbol, reason in found.left_out:
        log.info("%s: %r is left out: %s", name, symbol, reason)
    spec = EffectSpec(
        name=name,
        host="vst3",
        plugin=path,
        parameters=found.parameters,
        settings=(("plugin_name", plugin_name),) if plugin_name else (),
        block=BLOCK,
        isolated=True,
        presets=found.presets,
    )
    # Pedalboard only sends on what differs from what it sent before, which is not enough for an overridden control.
    exact = not found.overridden and _reset_is_exact(spec, load, play)
    return replace(spec, reset="exact" if exact else "rebuild")


def build(spec: EffectSpec) -> Process:
    """Build a plugin; see :data:`fxstyle.effects.hosts.Process`."""
    voices = _Voices(spec)
    block = spec.block or WHOLE_BLOCK

    def process(audio: NDArray[np.float32], values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        wet = [
            _in_blocks(plugin, part, sample_rate, block)
            for plugin, part in zip(voices.ready(values, len(audio)), voices.spread(audio), strict=True)
        ]
        gathered = voices.gather(wet, len(audio))
        # No reset takes a NaN out of ZamHeadX2's delay lines.
        if not np.isfinite(gathered).all() or not np.isfinite(audio).all():
            voices.forget()
        return gathered

    return process


def open_stream(spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> Stream:
    """Start a stream; see :data:`fxstyle.effects.hosts.Host`."""
    voices = _Voices(spec)
    plugins = voices.ready(values, channels)
    block = spec.block or WHOLE_BLOCK

    def step(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        wet = [
            plugin.process(part, sample_rate, block, False)
            for plugin, part in zip(plugins, voices.spread(audio), strict=True)
        ]
        return voices.gather(wet, channels)

    return BlockStream(step, channels, block, lambda: int(plugins[0].reported_latency_samples))


class _Voices:
    """The instances that a sound needs: one, or one for each channel where a mono plugin meets stereo sound."""

    def __init__(self, spec: EffectSpec) -> None:
        self._spec = spec
        self._path, self._plugin_name = _address(spec.name, spec.plugin, dict(spec.settings))
        self._used: list[Any] = [vst3_bundle.load(self._path, self._plugin_name)]
        self._widths = vst3_bundle.widths(self._path, self._used[0])

    def ready(self, values: NDArray[np.float64], channels: int) -> list[Any]:
        """Instances that remember nothing, set to values in units."""
        count = 1 if channels in self._widths or channels == 1 else channels
        kept = self._used if self._spec.reset == "exact" else []
        for plugin in kept[:count]:
            plugin.reset()
        plugins = kept[:count] + [
            vst3_bundle.load(self._path, self._plugin_name) for _ in range(count - len(kept[:count]))
        ]
        self._used = plugins if len(plugins) > len(kept) else kept
        for plugin in plugins:
            _set(plugin, self._spec.parameters, values)
        return plugins

    def forget(self) -> None:
        """Give the instances up; the next sound gets new ones."""
        self._used = []

    def spread(self, audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """What each instance hears of a sound ``(channels, samples)``; mono sound fills both channels of a bus."""
        if len(audio) in self._widths:
            return [audio]
        if len(audio) == 1:
            return [np.repeat(audio, 2, axis=0)]
        return [audio[channel : channel + 1] for channel in range(len(audio))]

    def gather(self, wet: Sequence[NDArray[np.float32]], channels: int) -> NDArray[np.float32]:
        """The sound of all instances ``(channels, samples)``; of a stereo bus that mono sound filled, the left."""
        return np.concatenate(wet)[:channels]


def _in_blocks(plugin: Any, audio: NDArray[np.float32], sample_rate: float, block: int) -> NDArray[np.float32]:
    """A whole sound in two calls, on the same blocks as a stream, with the plugin's latency taken away."""
    length = audio.shape[1]
    if not length:
        return audio.copy()
    first = np.zeros((len(audio), block), dtype=np.float32)
    first[:, :length] = audio[:, :block]
    wet = [plugin.process(first, sample_rate, block, False)]
    late = int(plugin.reported_latency_samples)
    if (more := -(-(length + late) // block) - 1) > 0:
        rest = np.zeros((len(audio), more * block), dtype=np.float32)
        rest[:, : max(length - block, 0)] = audio[:, block:]
        wet.append(plugin.process(rest, sample_rate, block, False))
    return np.concatenate(wet, axis=1)[:, late : late + length]


def _set(plugin: Any, parameters: Sequence[Parameter], values: NDArray[np.float64]) -> None:
    natives = vst3_bundle.by_symbol(plugin)
    for parameter, value in zip(parameters, values, strict=True):
        natives[parameter.native_name].raw_value = parameter.to_native(float(value))


def _reset_is_exact(spec: EffectSpec, load: Callable[[], Any], play: Callable[[Any, int], NDArray[np.float32]]) -> bool:
    """Whether an instance that was used and reset sounds like a new one, to the bit, at three settings."""
    rng = np.random.default_rng(0)
    used = load()
    # Pedalboard finds this out for itself when it loads a plugin (ZamTube).
    if "Persists" in str(used._reload_type):
        return False
    # One change of the sample rate is enough: ZamVerb computes its rooms anew for each.
    for number in (0, len(_TRIED_RATES), len(_TRIED_RATES) + 1):
        other, values = (spec.to_units(rng.random(len(spec.parameters))) for _ in range(2))
        new = load()
        _set(new, spec.parameters, values)
        wanted = play(new, number)
        # ZamHeadX2 forgets its position at a reset unless it is moved after it.
        for before in (other, values):
            used.reset()
            _set(used, spec.parameters, before)
            play(used, number + 1)
            used.reset()
            _set(used, spec.parameters, values)
            if not np.array_equal(play(used, number), wanted):
                return False
    return True


def _sound(channels: int, number: int) -> NDArray[np.float32]:
    """Noise that swells, between -30 and -6 dBFS RMS; every number has its own."""
    rng = np.random.default_rng([number, channels])
    swell = 0.05 + np.sin(np.linspace(0, (2 + number % 3) * np.pi, _TRIED_SAMPLES)) ** 2
    level = 10.0 ** (-(6 + 8 * (number % 4)) / 20)
    return (level * swell * rng.standard_normal((channels, _TRIED_SAMPLES))).astype(np.float32)


def _address(name: str, plugin: str, settings: Mapping[str, Any]) -> tuple[str, str | None]:
    """Path and plugin name of an effect, as far as they can be checked without loading it."""
    if unknown := [key for key in settings if key != "plugin_name"]:
        raise InputError(f"effects.{name}.settings: unknown key {unknown[0]!r}; choose from plugin_name")
    plugin_name = settings.get("plugin_name")
    if plugin_name is not None and not isinstance(plugin_name, str):
        raise InputError(f"effects.{name}.plugin_name must be a name, not {plugin_name!r}")
    return str(vst3_bundle.find_bundle(name, plugin)), plugin_name or None


@cache
def _symbols(name: str, path: str, plugin_name: str | None) -> tuple[str, ...]:
    symbols: tuple[str, ...] = _safely("check_here", name, path, plugin_name)
    return symbols


def _safely(function: str, *arguments: Any) -> Any:
    """Call a function of this module in a worker process, or right here where this is one."""
    from fxstyle.effects import isolation

    if isolation.IN_WORKER:
        return globals()[function](*arguments)
    return isolation.call(f"{_HERE}:{function}", *arguments, time_limit=TIME_LIMIT_SECONDS)
