"""Which channel of a sound goes to which audio port of a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fxstyle.effects.lv2.description import Description

MID = 2
"""The row after left and right that holds their mean."""


@dataclass(frozen=True)
class Route:
    """The audio ports of one instance.

    Attributes:
        inputs: Port index and row of the dry sound for each input; no row means silence.
        outputs: Port index and row of the wet sound for each output; no row means that nobody listens.
    """

    inputs: tuple[tuple[int, int | None], ...]
    outputs: tuple[tuple[int, int | None], ...]

    @property
    def needs_mid(self) -> bool:
        """Whether an input takes the mean of left and right."""
        return any(row == MID for _, row in self.inputs)


def routes(plugin: Description, channels: Literal[1, 2]) -> tuple[Route, ...]:
    """One route for each instance that mono or stereo sound needs.

    Mono sound goes to both inputs of a stereo plugin, and its left output is taken. On stereo sound a mono plugin runs
    twice, a plugin with one input hears the mean, and one with one output gives both sides the same. Side-chain inputs
    and those after the second hear silence.
    """
    sources = plugin.select("audio", is_input=True)
    mains = [port for port in sources if "isSideChain" not in port.hints][:2] or list(sources[:1])
    outputs = plugin.select("audio", is_input=False)

    def route(rows: tuple[int | None, ...], wet: tuple[int | None, ...]) -> Route:
        heard = {port.index: row for port, row in zip(mains, rows, strict=False)}
        given = {port.index: row for port, row in zip(outputs, wet, strict=False)}
        return Route(
            tuple((port.index, heard.get(port.index)) for port in sources),
            tuple((port.index, given.get(port.index)) for port in outputs),
        )

    if channels == 1:
        return (route((0, 0), (0,)),)
    if len(mains) == 1 and len(outputs) == 1:
        return (route((0,), (0,)), route((1,), (1,)))
    return (route((MID,) if len(mains) == 1 else (0, 1), (0, 1)),)
