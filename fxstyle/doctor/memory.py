"""Finds plugins that read memory before they have written it: their output depends on what was there by chance.

The C library can fill every piece of memory it hands out with one byte (``M_PERTURB`` of mallopt(3)). A plugin that
gives other samples for another byte has read what it never wrote.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.bench import Bench, with_all
from fxstyle.doctor.findings import Finding
from fxstyle.effects.hosts import build
from fxstyle.effects.isolation import Worker
from fxstyle.effects.renderer import RenderError
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

_PERTURB = -6
_LIMIT_SECONDS = 60.0
_BYTES = (0x3F, 0x41)
"""The bytes of float32 numbers near 0.75 and 12: neither silence nor NaN."""


def check_memory(
    bench: Bench, audio: NDArray[np.float32], settings: NDArray[np.float32], facts: dict[str, Any]
) -> Iterator[Finding]:
    """Compare new instances in memory filled with two bytes; sets ``facts['memory_checked']``."""
    arguments = (with_all(bench.spec, reset="rebuild"), audio, settings, bench.sample_rate)
    if bench.apart:
        worker = Worker(_LIMIT_SECONDS)
        try:
            places = worker.call("function", "fxstyle.doctor.memory:haphazard", arguments)
        except (RenderError, InputError):
            places = None
        finally:
            worker.close()
    else:
        places = haphazard(*arguments)
    facts["memory_checked"] = places is not None
    if places:
        setting = bench.spec.text(settings[places[0]])
        yield Finding(
            "not_repeatable",
            f"it reads memory that it never wrote, with {len(places)} of {len(settings)} settings, first with "
            f"{setting}: narrow the range of the control that does it",
        )


def haphazard(
    spec: EffectSpec, audio: NDArray[np.float32], settings: NDArray[np.float32], sample_rate: int
) -> list[int] | None:
    """Which settings ``(settings, parameters)`` give other sound in other memory; ``None`` where it cannot be told."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return None
    process = build(spec)
    found = []
    try:
        for place, setting in enumerate(settings):
            values = spec.to_units(setting)
            wet = []
            for byte in _BYTES:
                mallopt(_PERTURB, byte)
                wet.append(process(audio, values, sample_rate))
            mallopt(_PERTURB, 0)
            if not np.array_equal(wet[0], wet[1]):
                found.append(place)
    finally:
        mallopt(_PERTURB, 0)
    return found
