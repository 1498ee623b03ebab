"""Named settings of an effect."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preset:
    """Named settings, in the units a person reads.

    Attributes:
        name: What it is called.
        values: Values in the parameters' units, or labels, by parameter name; what is not named stays at its default.
        source: Where it comes from, such as a preset bundle; empty where a config gives it. Presets are equal without
            it.
    """

    name: str
    values: tuple[tuple[str, float | str], ...]
    source: str = field(default="", compare=False)
