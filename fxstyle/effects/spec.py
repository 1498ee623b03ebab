"""Effects and their controls as plain, picklable data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fxstyle.errors import InputError

Scale = Literal["linear", "log"]
Kind = Literal["continuous", "stepped", "fixed"]


@dataclass(frozen=True)
class Parameter:
    """One control of an effect, in the units a person reads.

    Attributes:
        name: The plugin's own name for it, such as ``threshold_db``.
        low: Value in ``unit`` at the normalised position 0.
        high: Value in ``unit`` at the normalised position 1.
        default: Value in ``unit`` where a person starts.
        unit: ``dB``, ``Hz``, ``s``, ``ms`` or empty.
        scale: ``linear``, or ``log`` for frequencies and times (needs ``low > 0``).
        steps: Number of positions of a switch; 0 for a continuous control.
        labels: What the steps are called; empty, or one for each step.
        held: True for a control that stays at its default.
        one_sided: True for a control that only acts on one side of a stereo sound; held with mono sound.
    """

    name: str
    low: float
    high: float
    default: float
    unit: str = ""
    scale: Scale = "linear"
    steps: int = 0
    labels: tuple[str, ...] = ()
    held: bool = False
    one_sided: bool = False

    def __post_init__(self) -> None:
        """Refuse ranges that cannot be mapped."""
        values = (self.low, self.high, self.default)
        if not all(isinstance(value, (int, float)) and np.isfinite(value) for value in values):
            raise InputError(f"parameter {self.name!r}: low, high and default must be finite numbers, not {values}")
        if not self.low < self.high:
            raise InputError(f"parameter {self.name!r}: low must be below high, not {self.low} and {self.high}")
        if self.scale not in ("linear", "log"):
            raise InputError(f"parameter {self.name!r}: scale must be 'linear' or 'log', not {self.scale!r}")
        if self.scale == "log" and self.low <= 0:
            raise InputError(f"parameter {self.name!r}: a log scale needs low > 0, not {self.low}")
        if not self.low <= self.default <= self.high:
            raise InputError(
                f"parameter {self.name!r}: default {self.default} must lie between low {self.low} and high {self.high}"
            )
        if self.steps == 1 or self.steps < 0:
            raise InputError(f"parameter {self.name!r}: steps must be 0 (continuous) or at least 2, not {self.steps}")
        if self.labels and len(self.labels) != self.steps:
            raise InputError(f"parameter {self.name!r}: {len(self.labels)} labels for {self.steps} steps")

    @property
    def kind(self) -> Kind:
        """Whether the control is continuous, stepped or fixed."""
        return "fixed" if self.held else "stepped" if self.steps else "continuous"

    def to_unit(self, position: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Map normalised positions to values in ``unit``; positions outside 0..1 are clipped.

        A stepped control divides 0..1 in equal parts, so that uniform positions choose every step equally often.
        """
        place = np.clip(np.asarray(position, dtype=np.float64), 0.0, 1.0)
        if self.steps:
            place = np.minimum(np.floor(place * self.steps), self.steps - 1) / (self.steps - 1)
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** place
        else:
            value = self.low + (self.high - self.low) * place
        return np.clip(value, self.low, self.high)

    def to_position(self, value: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Map values in ``unit`` to normalised positions; a step maps to the middle of its part."""
        inside = np.clip(np.asarray(value, dtype=np.float64), self.low, self.high)
        if self.scale == "log":
            place = np.log(inside / self.low) / np.log(self.high / self.low)
        else:
            place = (inside - self.low) / (self.high - self.low)
        if self.steps:
            place = (np.round(place * (self.steps - 1)) + 0.5) / self.steps
        return np.clip(place, 0.0, 1.0)

    def text(self, position: float) -> str:
        """The setting as a person reads it, such as ``-18 dB``."""
        value = float(self.to_unit(self.to_position(self.default) if self.held else position))
        if self.labels:
            return self.labels[int(np.round((value - self.low) / (self.high - self.low) * (self.steps - 1)))]
        return f"{round(value, 6) + 0.0:.4g} {self.unit}".strip()


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
        values = np.empty((*positions.shape[:-1], len(self.parameters)), dtype=np.float64)
        for index, parameter in enumerate(self.parameters):
            values[..., index] = parameter.default if parameter.held else parameter.to_unit(positions[..., index])
        return values

    def sample(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw uniform positions ``(parameters,)``; held controls stay at their default."""
        drawn = rng.random(len(self.parameters), dtype=np.float32)
        return np.where(self.free, drawn, self.defaults)

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

    def text(self, positions: NDArray[np.floating]) -> str:
        """All settings as a person reads them, such as ``threshold_db -18 dB, ratio 4``."""
        return ", ".join(
            f"{p.name} {p.text(float(x))}" for p, x in zip(self.parameters, positions, strict=False) if not p.held
        )


def chain(name: str, links: tuple[EffectSpec, ...]) -> EffectSpec:
    """Join effects in series; the parameter vectors are concatenated and named ``link.parameter``.

    Raises:
        InputError: When there is no link.
    """
    if not links:
        raise InputError(f"chain {name!r} has no links: give it at least one effect under 'links'")
    parameters = tuple(replace(p, name=f"{link.name}.{p.name}") for link in links for p in link.parameters)
    channels = {link.channels for link in links} - {"any"}
    if len(channels) > 1:
        raise InputError(f"chain {name!r} joins mono-only and stereo-only effects: choose links of one kind")
    return EffectSpec(
        name=name,
        host="chain",
        parameters=parameters,
        channels=channels.pop() if channels else "any",
        streams=all(link.streams for link in links),
        tail_seconds=sum(link.tail_seconds for link in links),
        links=links,
    )
