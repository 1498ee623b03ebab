"""The points of a latent map: checked, coloured and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxstyle.plots.style import EffectStyle, effect_styles


@dataclass(frozen=True)
class LatentPoints:
    """What both maps draw: only points with a finite position.

    Attributes:
        positions: ``(kept points, 2)``.
        effects: ``(kept points,)`` effect of each point's pair.
        descriptors: ``(kept points,)`` values by name, ``nan`` where there is none.
        is_wet: ``(kept points,)`` whether the point is the effected half of its pair.
        kept: ``(points,)`` which of the points given are kept.
        styles: Colour and marker by effect.
    """

    positions: NDArray[np.float64]
    effects: NDArray[np.str_]
    descriptors: dict[str, NDArray[np.float64]]
    is_wet: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    styles: dict[str, EffectStyle]

    def notes(self) -> list[str]:
        """Count what is drawn, what is hollow and what is left out."""
        wet = int(self.is_wet.sum())
        notes = [f"{len(self.is_wet):,} points: {len(self.is_wet) - wet:,} clean, {wet:,} effected."]
        for name, values in self.descriptors.items():
            if missing := int((~np.isfinite(values)).sum()):
                notes.append(f"{missing:,} without {name} (NaN), drawn hollow.")
        if left_out := int((~self.kept).sum()):
            notes.append(f"{left_out:,} left out: their position is not finite.")
        return notes


def latent_points(
    points: ArrayLike,
    effect_names: Sequence[str],
    brightness: ArrayLike,
    depth: ArrayLike,
    is_wet: ArrayLike,
    effects: Sequence[str] | None,
) -> LatentPoints:
    """Check that the arrays fit each other and keep the points whose position is finite.

    Args:
        points: ``(n, 2)`` positions.
        effect_names: ``(n,)`` effect of the pair that each point belongs to.
        brightness: ``(n,)`` AudioCommons brightness.
        depth: ``(n,)`` AudioCommons depth.
        is_wet: ``(n,)`` whether the point is the effected half of its pair.
        effects: All effects of the study in a fixed order; others follow by name.

    Raises:
        ValueError: Arrays of different lengths.
    """
    positions = np.asarray(points, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ValueError(f"points have the shape {positions.shape}, not (n, 2)")
    names = np.asarray(effect_names, dtype=np.str_)
    descriptors = {
        "brightness": np.asarray(brightness, dtype=np.float64),
        "depth": np.asarray(depth, dtype=np.float64),
    }
    wet = np.asarray(is_wet, dtype=bool)
    for name, values in {"effect_names": names, **descriptors, "is_wet": wet}.items():
        if values.shape != (len(positions),):
            raise ValueError(f"{name} has the shape {values.shape} where points has {len(positions)} rows")
    kept: NDArray[np.bool_] = np.asarray(np.isfinite(positions).all(axis=1))
    styles = effect_styles([*(effects or ()), *sorted(set(names[wet].tolist()))])
    shown = {name: values[kept] for name, values in descriptors.items()}
    return LatentPoints(positions[kept], names[kept], shown, wet[kept], kept, styles)


def colour_limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Take the middle 96 %, so that one outlier does not leave all others the same colour."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(finite, [2, 98]))
    return (low, high) if high > low else (low - 0.5, high + 0.5)
