"""Effects and their controls as plain, picklable data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.parameter import Parameter
from fxstyle.effects.preset import Preset
from fxstyle.errors import InputError


class _Ranges(NamedTuple):
    """The ranges of an effect's parameters; ``log``, ``stepped`` and ``held`` are places."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    span: NDArray[np.float64]
    log: NDArray[np.int64]
    ratio: NDArray[np.float64]
    stepped: NDArray[np.int64]
    steps: NDArray[np.float64]
    held: NDArray[np.int64]
    default: NDArray[np.float64]


@dataclass(frozen=True)
class EffectSpec:
    """One effect as data; hosts build the native plugin from it where it renders.

    Attributes:
        name: The key it is known by in configs, metrics and tables.
        host: Which host runs it: a key of :data:`fxstyle.effects.hosts.HOSTS`.
        plugin: The host's own name of the plugin.
        parameters: Its controls, in the order of the parameter vector.
        settings: Constructor settings that are not controls, such as a quality or a file.
        channels: ``any``, or ``mono`` / ``stereo`` where the plugin insists.
        block: Samples per processing call, or ``None`` for the whole clip (block-invariant effects).
        streams: False for effects that only run on a whole clip (look-ahead, pitch shifting, codecs).
        tail_seconds: How long it sounds after its input has ended, in s.
        highest_rate: Highest sample rate in Hz that it is made for; ``None`` where there is no such limit.
        reset: ``exact`` where the plugin's own reset leaves nothing behind, so that one instance serves many clips;
            ``rebuild`` where only a new instance does.
        isolated: True for a plugin that only runs in a process of its own: not known to be safe, or bound to a
            process's main thread.
        loudness_match: True to bring the wet sound to the loudness of the dry one; it then only runs on whole clips.
        presets: Named settings.
        sampling: Where training draws settings: ``uniform`` over the ranges, or around the ``presets``.
        jitter: Standard deviation around a preset, in normalised positions; switches stay.
        group: The family it belongs to, such as ``distortion-boost``; empty where nobody asks.
        warnings: What ``fxstyle doctor`` found and its author accepts, one code each, such as ``dead: l_out``.
        links: The effects of a chain, in order; empty otherwise.
    """

    name: str
    host: str
    plugin: str = ""
    parameters: tuple[Parameter, ...] = ()
    settings: tuple[tuple[str, float | str | None], ...] = ()
    channels: Literal["any", "mono", "stereo"] = "any"
    block: int | None = None
    streams: bool = True
    tail_seconds: float = 0.0
    highest_rate: float | None = None
    reset: Literal["rebuild", "exact"] = "rebuild"
    isolated: bool = False
    loudness_match: bool = False
    presets: tuple[Preset, ...] = ()
    sampling: Literal["uniform", "presets"] = "uniform"
    jitter: float = 0.0
    group: str = ""
    warnings: tuple[str, ...] = ()
    links: tuple[EffectSpec, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two controls of one name."""
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) != len(names):
            raise InputError(f"effect {self.name!r}: two parameters share a name in {names}")
        if self.channels not in ("any", "mono", "stereo"):
            raise InputError(f"effects.{self.name}.channels must be any, mono or stereo, not {self.channels!r}")
        if self.block is not None and (not isinstance(self.block, int) or self.block < 1):
            raise InputError(f"effects.{self.name}.block must be a whole number of at least 1, not {self.block!r}")
        if not (isinstance(self.tail_seconds, (int, float)) and 0 <= self.tail_seconds < float("inf")):
            raise InputError(f"effects.{self.name}.tail_seconds must be 0 or more, not {self.tail_seconds!r}")
        if self.highest_rate is not None and not (
            isinstance(self.highest_rate, (int, float)) and 0 < self.highest_rate < float("inf")
        ):
            raise InputError(f"effects.{self.name}.highest_rate must be a number above 0, not {self.highest_rate!r}")
        for key in ("streams", "isolated", "loudness_match"):
            if not isinstance(getattr(self, key), bool):
                raise InputError(f"effects.{self.name}.{key} must be true or false, not {getattr(self, key)!r}")
        if self.reset not in ("rebuild", "exact"):
            raise InputError(f"effects.{self.name}.reset must be rebuild or exact, not {self.reset!r}")
        if self.sampling not in ("uniform", "presets"):
            raise InputError(f"effects.{self.name}.sampling must be uniform or presets, not {self.sampling!r}")
        if self.sampling == "presets" and not self.presets:
            raise InputError(f"effects.{self.name}.sampling: there are no presets; add some or use sampling=uniform")
        if not (isinstance(self.jitter, (int, float)) and 0 <= self.jitter <= 1):
            raise InputError(f"effects.{self.name}.jitter must lie between 0 and 1, not {self.jitter!r}")
        for preset in self.presets:
            self.preset_positions(preset)

    def __hash__(self) -> int:
        """Kept, since renderers look effects up for every clip."""
        return self._hash

    def __getstate__(self) -> dict[str, Any]:
        """Another process hashes texts differently."""
        return {key: value for key, value in self.__dict__.items() if key != "_hash"}

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.host, self.plugin, self.parameters, self.settings, self.block, self.links))

    @property
    def native_names(self) -> tuple[str, ...]:
        """What the plugin calls its controls, in their order."""
        return tuple(parameter.native_name for parameter in self.parameters)

    @cached_property
    def defaults(self) -> NDArray[np.float32]:
        """Normalised default positions, ``(parameters,)``."""
        return np.array([p.to_position(p.default) for p in self.parameters], dtype=np.float32)

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Which controls may move, ``(parameters,)``."""
        return np.array([not p.held for p in self.parameters], dtype=bool)

    def to_units(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map positions ``(..., parameters)`` to units; held controls give their default whatever is passed."""
        if positions.shape[-1] < len(self.parameters):
            raise InputError(
                f"effect {self.name!r} has {len(self.parameters)} parameters, but {positions.shape[-1]} were given"
            )
        ranges = self._ranges
        place = np.clip(positions[..., : len(self.parameters)].astype(np.float64), 0.0, 1.0)
        if ranges.stepped.size:
            steps = ranges.steps
            chosen = np.minimum(np.floor(place[..., ranges.stepped] * steps), steps - 1)
            place[..., ranges.stepped] = chosen / (steps - 1)
        values = ranges.low + ranges.span * place
        if ranges.log.size:
            values[..., ranges.log] = ranges.low[ranges.log] * ranges.ratio ** place[..., ranges.log]
        values = np.clip(values, ranges.low, ranges.high)
        values[..., ranges.held] = ranges.default
        return values

    @cached_property
    def _ranges(self) -> _Ranges:
        """What :meth:`to_units` needs of all parameters at once; each clip asks for it."""
        parameters = self.parameters
        low, high = np.array([(p.low, p.high) for p in parameters], dtype=np.float64).reshape(-1, 2).T
        log, stepped, held = (
            (
                np.flatnonzero(chosen)
                for chosen in zip(*[(p.scale == "log", p.steps > 0, p.held) for p in parameters], strict=True)
            )
            if parameters
            else (np.zeros(0, dtype=np.int64),) * 3
        )
        return _Ranges(
            low=low,
            high=high,
            span=high - low,
            log=log,
            ratio=high[log] / low[log],
            stepped=stepped,
            steps=np.array([p.steps for p in parameters], dtype=np.float64)[stepped],
            held=held,
            default=np.array([p.default for p in parameters], dtype=np.float64)[held],
        )

    def sample(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw positions ``(parameters,)``, uniformly or around a preset; held controls stay at their default."""
        if self.sampling == "presets":
            preset = self.preset_positions(self.presets[rng.integers(len(self.presets))])
            jitter = self.jitter * rng.standard_normal(len(self.parameters), dtype=np.float32)
            moves = np.array([p.kind == "continuous" for p in self.parameters], dtype=bool)
            drawn = np.clip(preset + np.where(moves, jitter, np.float32(0)), 0, 1).astype(np.float32)
        else:
            drawn = rng.random(len(self.parameters), dtype=np.float32)
        return np.where(self.free, drawn, self.defaults)

    def positions(self, values: Mapping[str, float | str]) -> NDArray[np.float32]:
        """Normalised positions ``(parameters,)`` of values in units, or labels, by name; the rest is at its default.

        Raises:
            InputError: For an unknown parameter, a value out of range or an unknown label.
        """
        result = self.defaults.copy()
        places = {parameter.name: place for place, parameter in enumerate(self.parameters)}
        for name, value in values.items():
            if name not in places:
                raise InputError(
                    f"effect {self.name!r} has no parameter {name!r}; choose from {', '.join(places) or 'none'}"
                )
            result[places[name]] = self.parameters[places[name]].position_of(value, self.name)
        return result

    def preset_positions(self, preset: Preset) -> NDArray[np.float32]:
        """Normalised positions ``(parameters,)`` of a preset.

        Raises:
            InputError: When it does not fit this effect.
        """
        try:
            return self.positions(dict(preset.values))
        except InputError as error:
            raise InputError(f"preset {preset.name!r}: {error}") from error

    def preset(self, name: str) -> Preset:
        """The preset of this name.

        Raises:
            InputError: When there is none, naming those there are.
        """
        for preset in self.presets:
            if preset.name == name:
                return preset
        known = ", ".join(preset.name for preset in self.presets) or "none"
        raise InputError(f"effect {self.name!r} has no preset {name!r}; it has: {known}")

    @property
    def released(self) -> EffectSpec:
        """The same effect with no control held, for a person who sets it by hand."""
        return replace(self, parameters=tuple(replace(p, held=False) for p in self.parameters))

    def for_channels(self, channels: int) -> EffectSpec:
        """The same effect for sound of so many channels: with mono sound, one-sided controls are held.

        Raises:
            InputError: When the plugin insists on another channel count.
        """
        needed = {"mono": 1, "stereo": 2}.get(self.channels, channels)
        if needed != channels:
            raise InputError(
                f"effect {self.name!r} is {self.channels}, but the sound has {channels} channel(s): "
                f"set channels={needed}"
            )
        if channels > 1:
            return self
        parameters = tuple(replace(p, held=True) if p.one_sided else p for p in self.parameters)
        return replace(self, parameters=parameters, links=tuple(link.for_channels(channels) for link in self.links))

    def check_rate(self, sample_rate: float) -> None:
        """Refuse a sample rate in Hz that the effect is not made for, with :class:`InputError`."""
        if self.highest_rate is not None and sample_rate > self.highest_rate:
            raise InputError(
                f"effect {self.name!r} is made for sample rates up to {self.highest_rate:g} Hz, not "
                f"{sample_rate:g} Hz: resample the sound first"
            )

    def text(self, positions: NDArray[np.floating]) -> str:
        """All settings as a person reads them, such as ``threshold_db -18 dB, ratio 4``."""
        return ", ".join(
            f"{p.name} {p.text(float(x))}" for p, x in zip(self.parameters, positions, strict=False) if not p.held
        )


def chain(name: str, links: tuple[EffectSpec, ...], bypassable: tuple[str, ...] = (), **options: Any) -> EffectSpec:
    """Join effects in series; the parameter vectors are concatenated and named ``link.parameter``.

    A switch ``link.bypass`` for each link comes after them; it is held off but for the links in ``bypassable``.

    Raises:
        InputError: When there is no link, or ``bypassable`` names none of them.
    """
    if not links:
        raise InputError(f"chain {name!r} has no links: give it at least one effect under 'links'")
    names = [link.name for link in links]
    if unknown := [link for link in bypassable if link not in names]:
        raise InputError(
            f"chain {name!r} has no link {unknown[0]!r} that could be bypassed; choose from {', '.join(names)}"
        )
    controls = [replace(p, name=f"{link.name}.{p.name}") for link in links for p in link.parameters]
    switches = [
        Parameter(f"{link}.bypass", 0, 1, 0, steps=2, labels=("off", "on"), held=link not in bypassable)
        for link in names
    ]
    channels = {link.channels for link in links} - {"any"}
    if len(channels) > 1:
        raise InputError(f"chain {name!r} joins mono-only and stereo-only effects: choose links of one kind")
    return EffectSpec(
        name=name,
        host="chain",
        parameters=(*controls, *switches),
        channels=channels.pop() if channels else "any",
        streams=all(link.streams and not link.loudness_match for link in links),
        tail_seconds=sum(link.tail_seconds for link in links),
        highest_rate=min((link.highest_rate for link in links if link.highest_rate is not None), default=None),
        isolated=any(link.isolated for link in links),
        links=links,
        **options,
    )
