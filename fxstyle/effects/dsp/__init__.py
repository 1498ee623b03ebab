"""The project's own effects, for what no plugin at hand does: a gate with hysteresis, the TS808 and a fuzz.

Each effect is one class in the module of its name, with its controls as keyword arguments. The modules are imported
when an effect is built, since they compile their sample loops.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

CONTROLS: dict[str, dict[str, tuple[float, float]]] = {
    "gate": {
        "threshold_db": (-120, 0),
        "hysteresis_db": (0, 60),
        "attack_ms": (0, 1000),
        "hold_ms": (0, 10000),
        "release_ms": (0, 10000),
        "range_db": (-120, 0),
    },
    "ts808": {"drive": (0, 1), "tone": (0, 1), "level_db": (-60, 24)},
    "fuzz": {"fuzz_db": (0, 80), "bias": (0.05, 0.95), "level_db": (-60, 24)},
}
"""The effects, their controls, and the values that each control takes."""

_CLASSES = {"gate": "Gate", "ts808": "Ts808", "fuzz": "Fuzz"}


class Effect(Protocol):
    """An effect with fixed settings in the middle of a sound.

    Attributes:
        latency: Samples by which its output is late.
    """

    latency: int

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece ``(channels, n)`` and give as much; the bits do not depend on the cuts."""
        ...


def create(name: str, controls: Mapping[str, float], sample_rate: float, channels: int) -> Effect:
    """Start an effect of ``CONTROLS`` in silence; controls that are not given take their defaults."""
    kind = getattr(import_module(f"{__name__}.{name}"), _CLASSES[name])
    return cast(Effect, kind(sample_rate, channels, **controls))
