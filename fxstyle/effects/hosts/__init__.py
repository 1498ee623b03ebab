"""Hosts run effects: each turns a spec into a function that processes one clip.

A host is one function from :class:`EffectSpec` to a ``Process``. A new host is one module and one line in ``HOSTS``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.hosts import pedalboard_host
from fxstyle.effects.spec import EffectSpec

Process = Callable[[NDArray[np.float32], NDArray[np.float64], float], NDArray[np.float32]]
"""``(audio (channels, samples), values in units (parameters,), sample rate in Hz) -> (channels, samples)``."""


def build(spec: EffectSpec) -> Process:
    """Build an effect; the result belongs to the thread that built it and is never pickled."""
    return HOSTS[spec.host](spec)


def check_plugin(spec: EffectSpec) -> None:
    """Refuse a plugin or parameter that the host does not know.

    Raises:
        InputError: Naming the alternatives.
    """
    if spec.host == "pedalboard":
        pedalboard_host.check(spec)


def _build_chain(spec: EffectSpec) -> Process:
    links = [(build(link), len(link.parameters)) for link in spec.links]

    def process(audio: NDArray[np.float32], values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        first = 0
        for link, count in links:
            audio = link(audio, values[first : first + count], sample_rate)
            first += count
        return audio

    return process


HOSTS: dict[str, Callable[[EffectSpec], Process]] = {"pedalboard": pedalboard_host.build, "chain": _build_chain}
