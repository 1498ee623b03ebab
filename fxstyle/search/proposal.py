"""Where a search starts, or what it holds to: a distribution over the settings of an effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

SMALLEST_SPREAD = 0.02
"""A control whose spread is said to be smaller may still move so much."""
PRESET_SPREAD = 0.1
"""Smallest spread of a control among presets: a handful of them agree by chance."""


@dataclass(frozen=True)
class Proposal:
    """Settings with a spread, from a controller or from presets.

    Attributes:
        mean: Positions of all parameters of the effect, ``(parameters,)``; those of stepped and held ones are not read.
        spread: Standard deviations in positions, ``(parameters,)``.
        steps: For each parameter the probabilities of its steps, ``(steps,)``, or ``None`` for a continuous one.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    steps: tuple[NDArray[np.float32] | None, ...]

    @property
    def best(self) -> NDArray[np.float32]:
        """The mean, with the likeliest step of each stepped control, ``(parameters,)``."""
        place = np.clip(self.mean, 0.0, 1.0).astype(np.float32)
        for column, odds in enumerate(self.steps):
            if odds is not None:
                place[column] = (int(np.argmax(odds)) + 0.5) / len(odds)
        return place

    @property
    def reach(self) -> NDArray[np.float64]:
        """The spread, between the smallest one that leaves room to move and that of a uniform control."""
        return np.clip(self.spread.astype(np.float64), SMALLEST_SPREAD, 0.3)

    def sample(self, rng: np.random.Generator, count: int, width: float = 1.0) -> NDArray[np.float32]:
        """Draw positions ``(count, parameters)``, with ``width`` times the spread."""
        drawn = self.mean + width * self.reach * rng.standard_normal((count, len(self.mean)))
        # What lies outside comes back in: clipping would pile half of the draws on the edges.
        drawn = np.abs(drawn)
        drawn = np.clip(np.where(drawn > 1.0, 2.0 - drawn, drawn), 0.0, 1.0)
        for column, odds in enumerate(self.steps):
            if odds is not None:
                share = np.asarray(odds, dtype=np.float64)
                drawn[:, column] = (rng.choice(len(share), size=count, p=share / share.sum()) + 0.5) / len(share)
        return drawn.astype(np.float32)

    def cost(self, spec: EffectSpec, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Negative log-density of ``(K, parameters)`` up to a constant, averaged over free controls, ``(K,)``.

        Half the squared distance in spreads for each continuous control, ``-log p`` for each stepped one.
        """
        total = np.zeros(len(positions))
        free = 0
        for column, parameter in enumerate(spec.parameters):
            if parameter.kind == "fixed":
                continue
            free += 1
            odds = self.steps[column]
            if parameter.steps and odds is not None:
                chosen = np.minimum((positions[:, column] * parameter.steps).astype(int), parameter.steps - 1)
                share = np.asarray(odds, dtype=np.float64)
                total += -np.log(np.maximum(share / share.sum(), 1e-3))[chosen]
            elif not parameter.steps:
                total += 0.5 * ((positions[:, column] - self.mean[column]) / self.reach[column]) ** 2
        return total / max(free, 1)


def preset_prior(spec: EffectSpec) -> Proposal:
    """Mean and spread of an effect's presets, and how often they use each step.

    Raises:
        InputError: The effect has no preset.
    """
    if not spec.presets:
        raise InputError(f"effect {spec.name!r} has no presets to take a prior from: search without one")
    places = np.stack([spec.preset_positions(preset) for preset in spec.presets])
    steps: list[NDArray[np.float32] | None] = []
    for column, parameter in enumerate(spec.parameters):
        if not parameter.steps:
            steps.append(None)
            continue
        chosen = np.minimum((places[:, column] * parameter.steps).astype(int), parameter.steps - 1)
        counts = np.bincount(chosen, minlength=parameter.steps) + 1.0
        steps.append((counts / counts.sum()).astype(np.float32))
    spread = np.maximum(places.std(axis=0), PRESET_SPREAD)
    return Proposal(places.mean(axis=0).astype(np.float32), spread.astype(np.float32), tuple(steps))
