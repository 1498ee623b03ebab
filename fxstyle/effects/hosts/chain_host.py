"""Effects of any hosts in series; a link that is bypassed passes its input on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import ChainStream, Stream

if TYPE_CHECKING:
    from fxstyle.effects.hosts import Process


def check(spec: EffectSpec) -> None:
    """Each link was checked when it was made."""


def build(spec: EffectSpec) -> Process:
    """Build a chain; see :data:`fxstyle.effects.hosts.Process`."""
    from fxstyle.effects.hosts import build as build_link

    links = [build_link(link) for link in spec.links]

    def process(audio: NDArray[np.float32], values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        for place, part in enumerate(_active(spec, values)):
            if part is not None:
                audio = links[place](audio, part, sample_rate)
        return audio

    return process


def open_stream(spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> Stream:
    """Start a stream; see :data:`fxstyle.effects.hosts.Host`."""
    from fxstyle.effects.hosts import open_stream as open_link

    links = [
        open_link(spec.links[place], part, sample_rate, channels)
        for place, part in enumerate(_active(spec, values))
        if part is not None
    ]
    return ChainStream(links, channels)


def _active(spec: EffectSpec, values: NDArray[np.float64]) -> list[NDArray[np.float64] | None]:
    """The values of each link, ``None`` where it is bypassed; the bypass switches come after all other controls."""
    parts: list[NDArray[np.float64] | None] = []
    first = 0
    bypassed = values[len(values) - len(spec.links) :] > 0.5
    for link, skip in zip(spec.links, bypassed, strict=True):
        parts.append(None if skip else values[first : first + len(link.parameters)])
        first += len(link.parameters)
    return parts
