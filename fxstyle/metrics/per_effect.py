"""Training metrics as sums, so that every rank logs the same keys, whichever effects it happened to see."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from fxstyle.metrics.latent import ACTIVE_KL


class PerEffectMean(Metric):
    """Mean of per-item values for each effect, and over effects.

    Values that are ``nan`` stay out of the means and are counted in :attr:`missing`.

    Args:
        num_effects: Size of the effect set; effects are numbered from 0.

    Attributes:
        missing: ``(num_effects,)``, how many values were ``nan``; summed over ranks while the metric is synced.
    """

    full_state_update = False
    total: Tensor
    count: Tensor
    missing: Tensor

    def __init__(self, num_effects: int) -> None:
        super().__init__()
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
        absent = values.isnan()
        known = torch.where(absent, 0.0, values.detach()).to(self.total)
        self.total = self.total.index_add(0, effect, known)
        self.count = self.count.index_add(0, effect, (~absent).long())
        self.missing = self.missing.index_add(0, effect, absent.long())

    def compute(self) -> Tensor:
        """Mean of each effect ``(num_effects,)``; ``nan`` for one without values."""
        return self.total / self.count

    def macro(self) -> Tensor:
        """Mean over the effects that have values, each counting the same; ``nan`` if none has."""
        return self.compute().nanmean()


class ActiveUnits(Metric):
    """Number of latent units whose mean divergence from the prior is above a threshold, over an epoch and all ranks.

    Args:
        units: Size of the latent.
        threshold: In nats.
    """

    full_state_update = False
    total: Tensor
    items: Tensor

    def __init__(self, units: int, threshold: float = ACTIVE_KL) -> None:
        super().__init__()
        self.threshold = threshold
        self.add_state("total", torch.zeros(units), dist_reduce_fx="sum")
        self.add_state("items", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, divergence: Tensor) -> None:
        """Add the divergences ``(batch, units)`` of the items' posteriors from the prior, in nats."""
        self.total = self.total + divergence.detach().sum(dim=0).to(self.total)
        self.items = self.items + len(divergence)

    def compute(self) -> Tensor:
        """The number, an integer scalar; units whose divergence is not a number do not count."""
        return (self.total / self.items > self.threshold).sum()
