"""Divergences against torch.distributions."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from fxstyle.metrics.latent import active_units, kl_per_unit

pytestmark = pytest.mark.unit


def test_kl_is_that_of_torch_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    mu, log_variance = torch.randn(2, 50, 7, generator=generator, dtype=torch.float64)
    expected = kl_divergence(Normal(mu, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).mean(dim=0)
    torch.testing.assert_close(kl_per_unit(mu, log_variance), expected)


def test_nearly_collapsed_units_keep_their_digits() -> None:
    mu, log_variance = torch.zeros(3, 1), torch.full((3, 1), 1e-3)
    assert kl_per_unit(mu, log_variance).item() == pytest.approx(2.5e-7, rel=0.01)


def test_active_units_are_those_above_the_threshold() -> None:
    mu = torch.zeros(10, 4)
    mu[:, 0] = 1.0
    mu[:5, 1], mu[5:, 1] = 0.2, -0.2
    mu[:, 2] = 0.1
    assert active_units(mu, torch.zeros(10, 4)) == 2
    assert active_units(mu, torch.zeros(10, 4), threshold=0.001) == 3
