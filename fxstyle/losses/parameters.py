"""The loss of predicted settings where the true ones are known."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def parameter_loss(mean: Tensor, spread: Tensor, logits: Tensor, truth: Tensor, mask: Tensor, steps: Tensor) -> Tensor:
    """Negative log-likelihood of the true settings, for each item.

    Continuous controls follow a Laplace distribution, whose most likely centre is the one with the least absolute
    error; stepped ones a categorical, in units of a uniform guess.

    Args:
        mean: ``(batch, parameters)``, positions.
        spread: ``(batch, parameters)``, mean absolute deviations, positive.
        logits: ``(batch, parameters, most steps)``.
        truth: ``(batch, parameters)``, positions.
        mask: ``(batch, parameters)``, which controls exist and may move.
        steps: ``(batch, parameters)``, positions of a stepped control; 0 for a continuous one.

    Returns:
        ``(batch,)``: the mean over an item's controls; 0 without any.
    """
    continuous = mask & (steps == 0)
    stepped = mask & (steps > 0)
    laplace = (truth - mean).abs() / spread + spread.log()
    chosen = (truth * steps).floor().clamp_min(0).minimum((steps - 1).clamp_min(0)).long()
    # Controls without steps have no finite logits to choose from.
    safe = torch.where(stepped[..., None], logits, torch.zeros_like(logits))
    surprise = functional.cross_entropy(safe.flatten(0, 1), chosen.flatten(), reduction="none").view_as(mean)
    surprise = surprise / steps.clamp_min(2).float().log() * math.log(2.0)
    total = torch.where(continuous, laplace, torch.where(stepped, surprise, torch.zeros_like(surprise))).sum(dim=1)
    return total / mask.sum(dim=1).clamp_min(1)
