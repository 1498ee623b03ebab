"""What a controller is told about each control, so that it needs no name and no number of an effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.doctor.fingerprint import RESPONSE
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.spec import EffectSpec

UNITS = ("", "dB", "Hz", "s", "ms")
MAX_STEPS = 16
"""Switches with more positions are treated as continuous."""
FACTS = len(UNITS) + 6
QUERY = FACTS + RESPONSE
"""Numbers in a query."""


@dataclass(frozen=True)
class Queries:
    """The controls of one effect for each item of a batch.

    Attributes:
        values: ``(batch, parameters, QUERY)``.
        mask: ``(batch, parameters)``, which of them exist and may move.
        steps: ``(batch, parameters)``, positions of a stepped control; 0 for a continuous one.
        default: ``(batch, parameters)``, positions of held controls.
    """

    values: Tensor
    mask: Tensor
    steps: Tensor
    default: Tensor

    def of(self, effect: Tensor) -> Queries:
        """The rows of these effects ``(batch,)``."""
        return Queries(self.values[effect], self.mask[effect], self.steps[effect], self.default[effect])


def effect_queries(effects: list[tuple[EffectSpec, NDArray[np.float32]]], max_parameters: int) -> Queries:
    """Queries of effects with their response fingerprints, one row for each effect.

    Args:
        effects: Each effect with what :func:`fxstyle.doctor.fingerprint.response_fingerprint` gave for it.
        max_parameters: Places in a row.
    """
    shape = (len(effects), max_parameters)
    values = torch.zeros(*shape, QUERY)
    mask, steps, default = (
        torch.zeros(shape, dtype=torch.bool),
        torch.zeros(shape, dtype=torch.long),
        torch.zeros(shape),
    )
    for row, (spec, fingerprint) in enumerate(effects):
        count = len(spec.parameters)
        if not count:
            continue
        facts = torch.tensor([_facts(parameter) for parameter in spec.parameters])
        values[row, :count] = torch.cat((facts, torch.from_numpy(fingerprint)), dim=1)
        mask[row, :count] = torch.from_numpy(spec.free)
        steps[row, :count] = torch.tensor([p.steps if 2 <= p.steps <= MAX_STEPS else 0 for p in spec.parameters])
        default[row, :count] = torch.from_numpy(spec.defaults)
    return Queries(values, mask, steps, default)


def _facts(parameter: Parameter) -> list[float]:
    unit = [float(parameter.unit == name) for name in UNITS]
    ends = [float(np.arcsinh(parameter.low)), float(np.arcsinh(parameter.high))]
    place = float(parameter.to_position(parameter.default))
    return [*unit, float(parameter.scale == "log"), float(parameter.steps > 0), parameter.steps / 8, *ends, place]
