"""One control of an effect: its range, its unit, and how positions map to both."""

from __future__ import annotations

from dataclasses import dataclass
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
        name: What people call it, such as ``threshold_db``.
        low: Value in ``unit`` at the normalised position 0.
        high: Value in ``unit`` at the normalised position 1.
        default: Value in ``unit`` where a person starts.
        unit: ``dB``, ``Hz``, ``s``, ``ms`` or empty.
        scale: ``linear``, or ``log`` for frequencies and times (needs ``low > 0``).
        steps: Number of positions of a switch; 0 for a continuous control.
        labels: What the steps are called; empty, or one for each step.
        held: True for a control that stays at its default.
        one_sided: True for a control that only acts on one side of a stereo sound; held with mono sound.
        symbol: The plugin's own name for it, where that is another.
        native: The plugin's own values where they are not those in ``unit``: at positions 0 and 1, or for each step.
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
    symbol: str = ""
    native: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse ranges that cannot be mapped."""
        for key in ("held", "one_sided"):
            if not isinstance(getattr(self, key), bool):
                raise InputError(f"parameter {self.name!r}: {key} must be true or false, not {getattr(self, key)!r}")
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
        if self.native and len(self.native) != (self.steps or 2):
            wanted = f"{self.steps} values, one for each step" if self.steps else "two values, for low and high"
            raise InputError(f"parameter {self.name!r}: native must hold {wanted}, not {list(self.native)}")

    @property
    def kind(self) -> Kind:
        """Whether the control is continuous, stepped or fixed."""
        return "fixed" if self.held else "stepped" if self.steps else "continuous"

    @property
    def native_name(self) -> str:
        """What the plugin calls it."""
        return self.symbol or self.name

    def to_native(self, value: float) -> float:
        """The plugin's own value of a value in ``unit``."""
        if not self.native:
            return float(value)
        place = float(self._place(value))
        if self.steps:
            return self.native[round(place * (self.steps - 1))]
        return self.native[0] + (self.native[1] - self.native[0]) * place

    def from_native(self, native: float) -> float:
        """The value in ``unit`` of a plugin's own value, or of the step nearest to it."""
        if not self.native:
            return float(np.clip(native, self.low, self.high))
        if self.steps:
            nearest = int(np.argmin(np.abs(np.asarray(self.native) - native)))
            return float(self.to_unit((nearest + 0.5) / self.steps))
        place = (native - self.native[0]) / (self.native[1] - self.native[0])
        return float(self.to_unit(place))

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
        place = self._place(value)
        if self.steps:
            place = (np.round(place * (self.steps - 1)) + 0.5) / self.steps
        return np.clip(place, 0.0, 1.0)

    def _place(self, value: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Where a value in ``unit`` lies between low (0) and high (1) on its scale."""
        inside = np.clip(np.asarray(value, dtype=np.float64), self.low, self.high)
        if self.scale == "log":
            return np.log(inside / self.low) / np.log(self.high / self.low)
        return (inside - self.low) / (self.high - self.low)

    def position_of(self, value: float | str, effect: str) -> float:
        """The normalised position of a value in ``unit`` or of a label.

        Raises:
            InputError: For a value out of range or an unknown label.
        """
        if isinstance(value, str) and value in self.labels:
            value = self.low + (self.high - self.low) * self.labels.index(value) / (self.steps - 1)
        try:
            number = float(value)
        except (TypeError, ValueError):
            wanted = f"one of {', '.join(self.labels)}" if self.labels else "a number"
            raise InputError(f"effect {effect!r}: {self.name} must be {wanted}, not {value!r}") from None
        slack = 1e-6 * (self.high - self.low)
        if not self.low - slack <= number <= self.high + slack:
            raise InputError(
                f"effect {effect!r}: {self.name} must lie between {self.low:g} and {self.high:g} {self.unit}".rstrip()
                + f", not {number:g}"
            )
        return float(self.to_position(number))

    def text(self, position: float) -> str:
        """The setting as a person reads it, such as ``-18 dB``."""
        value = float(self.to_unit(self.to_position(self.default) if self.held else position))
        if self.labels and np.isfinite(value):
            return self.labels[int(np.round((value - self.low) / (self.high - self.low) * (self.steps - 1)))]
        return f"{round(value, 6) + 0.0:.4g} {self.unit}".strip()
