"""How much of a variational latent is in use. Torch tensors throughout."""

from __future__ import annotations

import torch
from torch import Tensor

ACTIVE_KL = 0.01


def kl_per_unit(mu: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each unit's posterior from the standard normal prior, mean over items, in nats.

    Args:
        mu: ``(n, units)``.
        log_variance: ``(n, units)``.

    Returns:
        ``(units,)``.

    Source: Kingma and Welling 2014, appendix B.
    """
    # expm1 keeps what is left of units that have all but collapsed.
    return 0.5 * (mu.square() + torch.expm1(log_variance) - log_variance).mean(dim=0)


def active_units(mu: Tensor, log_variance: Tensor, threshold: float = ACTIVE_KL) -> int:
    """Number of units whose mean divergence from the prior is above ``threshold`` nats.

    Args:
        mu: ``(n, units)``.
        log_variance: ``(n, units)``.
        threshold: In nats.
    """
    return int((kl_per_unit(mu, log_variance) > threshold).sum())
