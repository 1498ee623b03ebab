"""How far a step along an estimated gradient leads, with effects that have no exact one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fxstyle.effects.renderer import Renderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.gradients.estimator import Estimator
from fxstyle.gradients.lab import LEVELS, Bench, Study

PROGRESS_EPSILONS = (0.003, 0.01, 0.03, 0.1)
PROGRESS_STEP = 0.1
"""Length of the step in the space of positions."""


@dataclass(frozen=True)
class Progress:
    """What a step along an estimate gains on one effect.

    Attributes:
        effect: Name of the effect.
        controls: Continuous controls that move.
        level: ``loss`` or ``sound``, as in :class:`fxstyle.gradients.lab.Quality`.
        kind: Kind of the estimator.
        draws: Directions of SPSA; 0 for finite differences.
        epsilon: Size of the estimator's steps, as a share of the range.
        renders: Renders of one item beside the one of its settings.
        gain: Mean share of the loss that a step of length 0.1 against the estimate takes away.
    """

    effect: str
    controls: int
    level: str
    kind: str
    draws: int
    epsilon: float
    renders: int
    gain: float


def gain_of(bench: Bench, estimator: Estimator, level: str, key: tuple[int, ...]) -> float:
    """Mean share of the loss that a step against one estimate takes away."""
    gradient = bench.estimate(estimator, level, key)
    lengths = np.linalg.norm(gradient, axis=-1, keepdims=True)
    step = PROGRESS_STEP * np.divide(gradient, lengths, out=np.zeros_like(gradient), where=lengths > 0)
    moved = bench.parameters.clone()
    moved[:, bench.places] -= torch.from_numpy(step).float()
    before, after = bench.losses(bench.parameters), bench.losses(moved.clamp(0.0, 1.0))
    return float((1.0 - after / before).mean())


def run_progress(renderer: Renderer, study: Study, specs: Sequence[EffectSpec]) -> list[Progress]:
    """The gain of a step for each effect, level, estimator and step size."""
    found = []
    for spec in specs:
        bench = Bench(spec, renderer, study)
        for level in LEVELS:
            for epsilon in PROGRESS_EPSILONS:
                estimators = [Estimator("spsa", draws, epsilon) for draws in (1, 4)]
                estimators += [Estimator("central", epsilon=epsilon), Estimator("one_sided", epsilon=epsilon)]
                for estimator in estimators:
                    random = estimator.kind == "spsa"
                    gains = [
                        gain_of(bench, estimator, level, (study.seed, repeat))
                        for repeat in range(study.repeats if random else 1)
                    ]
                    found.append(
                        Progress(
                            effect=spec.name,
                            controls=len(bench.places),
                            level=level,
                            kind=estimator.kind,
                            draws=estimator.draws if random else 0,
                            epsilon=epsilon,
                            renders=bench.renders(estimator),
                            gain=float(np.mean(gains)),
                        )
                    )
    return found
