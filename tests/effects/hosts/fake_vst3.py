"""A plugin as pedalboard shows it, with whatever parameters a test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.hosts.vst3_parameters import Sorted, tell_apart

MANY = 2**31 - 1


@dataclass
class FakeParameter:
    """One parameter; ``text`` turns a position into what the plugin writes about it."""

    name: str
    raw_value: float = 0.0
    num_steps: int = MANY
    label: str = ""
    text: Callable[[float], str] = lambda place: f"{place:.6f}"
    plugin: Any = None
    set_to: Callable[[FakePlugin, float], None] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "raw_value" and getattr(self, "plugin", None) is not None and self.set_to is not None:
            self.set_to(self.plugin, value)

    @property
    def string_value(self) -> str:
        return self.text(self.raw_value)

    def get_text_for_raw_value(self, place: float) -> str:
        return self.text(place)


@dataclass
class FakePlugin:
    """A plugin that multiplies; ``written`` are positions that its state gives back whatever was set."""

    _parameters: list[FakeParameter]
    written: dict[str, Callable[[FakePlugin], float]] = field(default_factory=dict)
    gain: Callable[[FakePlugin], float] = lambda plugin: 1.0
    heard: float = 0.0
    rate: float = 0.0

    def __post_init__(self) -> None:
        for parameter in self._parameters:
            parameter.plugin = self

    def position(self, name: str) -> float:
        return next(p.raw_value for p in self._parameters if p.name == name)

    def process(self, audio: NDArray[np.float32], rate: float, block: int, reset: bool) -> NDArray[np.float32]:
        self.rate, self.heard = rate, float(np.abs(audio).max())
        return audio * np.float32(self.gain(self))

    @property
    def raw_state(self) -> bytes:
        return b""

    @raw_state.setter
    def raw_state(self, state: bytes) -> None:
        for parameter in self._parameters:
            if parameter.name in self.written:
                object.__setattr__(parameter, "raw_value", self.written[parameter.name](self))
            elif parameter.num_steps <= 64:
                steps = parameter.num_steps - 1
                object.__setattr__(parameter, "raw_value", round(parameter.raw_value * steps) / steps)


def sort(make: Callable[[], FakePlugin]) -> Sorted:
    """Try a fake plugin."""

    def play(plugin: Any, number: int) -> NDArray[np.float32]:
        audio = np.random.default_rng(number).standard_normal((1, 64)).astype(np.float32)
        return plugin.process(audio, 44100.0 + 1000 * min(number, 3), 64, False)

    return tell_apart(make, play)
