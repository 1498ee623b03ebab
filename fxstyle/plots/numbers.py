"""How a number is written for a person, the same in figures and tables."""

from __future__ import annotations

import math


def short_number(value: float) -> str:
    """Write a number with three significant digits, thousands in full; ``NaN`` stays visible as ``NaN``."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "-∞" if value < 0 else "∞"
    if value == 0:
        return "0"
    if abs(value) >= 999.5:
        return f"{value:,.0f}" if abs(value) < 1e7 else f"{value:.2e}"
    if abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:#.3g}".rstrip(".")


def quantity(value: float, unit: str = "") -> str:
    """Write a number with its unit, such as ``1,200 Hz`` or ``-18.0 dB``."""
    return f"{short_number(value)} {unit}".rstrip()
