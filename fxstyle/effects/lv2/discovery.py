"""Parameters of an LV2 plugin from its control ports."""

from __future__ import annotations

import math
from typing import Any

from fxstyle.effects.lv2.description import Description, Port
from fxstyle.effects.parameter import Parameter

_MOST_STEPS = 64
"""Whole numbers with more values than this are knobs, not switches; the host still rounds them."""
_NOT_FOR_PEOPLE = frozenset({"enabled", "freeWheeling", "notOnGUI", "trigger", "reportsLatency", "latency"})


def parameters_of(plugin: Description) -> tuple[Parameter, ...]:
    """The parameters of a plugin, in the order of its ports; a port with a single value is none.

    Bypass, buttons and what the plugin hides from people are held. A range that depends on the sample rate is given in
    shares of it.
    """
    found = [_parameter(port) for port in plugin.select("control", is_input=True)]
    return tuple(parameter for parameter in found if parameter is not None)


def _parameter(port: Port) -> Parameter | None:
    low = port.low if math.isfinite(port.low) else 0.0
    high = port.high if math.isfinite(port.high) else max(1.0, low + 1.0)
    if "toggled" in port.hints and not port.low < port.high:
        low, high = 0.0, 1.0
    default = min(max(port.default, low), high) if math.isfinite(port.default) else low
    held = bool(_NOT_FOR_PEOPLE & port.hints)
    points = [(label, value) for label, value in port.points if low <= value <= high]
    if "enumeration" in port.hints and len(points) >= 2:
        return _switch(port, points, default, held)
    if not low < high:
        return None
    if "toggled" in port.hints:
        return _switch(port, points if len(points) == 2 else [("off", low), ("on", high)], default, held)
    options: dict[str, Any] = {"unit": "of the sample rate" if "sampleRate" in port.hints else port.unit}
    if {"integer", "enumeration"} & port.hints and high - low < _MOST_STEPS and low == round(low):
        low, high, default = low, float(math.floor(high)), float(round(default))
        options["steps"] = int(high - low) + 1
    elif "logarithmic" in port.hints and low > 0:
        options["scale"] = "log"
    return Parameter(port.symbol, low, high, default, held=held, **options) if low < high else None


def _switch(port: Port, points: list[tuple[str, float]], default: float, held: bool) -> Parameter:
    natives = tuple(value for _, value in points)
    labels: list[str] = []
    for label, value in points:
        # Two labels of one name, or none, could not be chosen.
        labels.append(label if label and label not in labels else f"{label} ({value:g})".strip())
    start = min(range(len(points)), key=lambda place: abs(natives[place] - default))
    numbered = tuple(float(place) for place in range(len(points)))
    return Parameter(
        port.symbol,
        0.0,
        numbered[-1],
        float(start),
        steps=len(points),
        labels=tuple(labels),
        held=held,
        native=() if natives == numbered else natives,
    )
