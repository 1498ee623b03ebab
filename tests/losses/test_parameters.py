from __future__ import annotations

import math

import pytest
import torch

from fxstyle.losses.parameters import parameter_loss

pytestmark = pytest.mark.unit

YES, NO = torch.tensor([[True]]), torch.tensor([[False]])


def test_a_continuous_control_follows_laplace() -> None:
    mean, spread, truth = torch.tensor([[0.3]]), torch.tensor([[0.1]]), torch.tensor([[0.5]])
    loss = parameter_loss(mean, spread, torch.zeros(1, 1, 4), truth, YES, torch.tensor([[0]]))
    assert float(loss) == pytest.approx(0.2 / 0.1 + math.log(0.1))


@pytest.mark.parametrize(("truth", "step"), [(0.0, 0), (0.32, 0), (0.34, 1), (1.0, 2)])
def test_a_stepped_control_pays_for_surprise(truth: float, step: int) -> None:
    logits = torch.tensor([[[2.0, 0.0, -1.0, float("-inf")]]])
    loss = parameter_loss(torch.rand(1, 1), torch.ones(1, 1), logits, torch.tensor([[truth]]), YES, torch.tensor([[3]]))
    surprise = -float(torch.log_softmax(logits[0, 0, :3], 0)[step])
    assert float(loss) == pytest.approx(surprise / math.log(3) * math.log(2), rel=1e-5)


def test_what_may_not_move_does_not_count() -> None:
    mean, truth = torch.tensor([[0.3, 0.9]]), torch.tensor([[0.5, 0.0]])
    logits = torch.full((1, 2, 4), float("-inf"))
    logits.requires_grad_()
    mask, steps = torch.tensor([[True, False]]), torch.tensor([[0, 2]])
    loss = parameter_loss(mean, torch.ones(1, 2), logits, truth, mask, steps)
    assert float(loss.detach()) == pytest.approx(0.2, rel=1e-5)
    loss.sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert not parameter_loss(mean, torch.ones(1, 2), logits, truth, NO.expand(1, 2), steps).any()
