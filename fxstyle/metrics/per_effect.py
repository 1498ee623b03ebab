"""Means per effect that every rank logs under the same keys, whichever effects it happened to see."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torchmetrics import Metric


class PerEffectMean(Metric):
    """Mean of per-item values for each effect, and over effects.

    Values that are ``nan`` stay out of the means and are counted in :attr:`missing`.

    Args:
        num_effects: Size of the effect set; effects are numbered from 0.

    Attributes:
        missing: ``(num_effects,)``, how many values were ``nan``, summed over ranks whenever the metric is synced.
    """

    full_state_update = False

    def __init__(self, num_effects: int) -> None:
        super().__init__()
        self.num_effects = num_effects
        self.add_state("total", torch.zeros(num_effects), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(num_effects, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("missing", torch.zeros(num_effects, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, values: Tensor, effect: Tensor) -> None:
        """Add one value per item.

        Args:
            values: ``(batch,)``.
            effect: ``(batch,)``, integers from 0 to ``num_effects - 1``.

        Raises:
            ValueError: If the two do not have the same shape ``(batch,)``.
        """
        if values.ndim != 1 or values.shape != effect.shape:
            raise ValueError(f"values and effect must both be (batch,), not {values.shape} and {effect.shape}")
        total, count, missing = (cast(Tensor, state) for state in (self.total, self.count, self.missing))
        absent = values.isnan()
        present = (~absent).long()
        self.total = total.index_add(0, effect, values.detach().nan_to_num(nan=0.0, posinf=torch.inf).to(total))
        self.count = count.index_add(0, effect, present)
        self.missing = missing.index_add(0, effect, 1 - present)

    def compute(self) -> Tensor:
        """Mean of each effect ``(num_effects,)``; ``nan`` for one without values."""
        return cast(Tensor, self.total) / cast(Tensor, self.count)

    def macro(self) -> Tensor:
        """Mean over the effects that have values, each counting the same; ``nan`` if none has."""
        return self.compute().nanmean()
