from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fxstyle.models import ballistics as module
from fxstyle.models.ballistics import ballistics, pole

pytestmark = pytest.mark.unit


def inputs(samples: int = 40) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    level = torch.rand(2, samples, generator=generator, dtype=torch.float64)
    return tuple(
        tensor.requires_grad_()
        for tensor in (
            level,
            torch.tensor([0.4, 0.0], dtype=torch.float64),
            torch.tensor([0.5, 0.9], dtype=torch.float64),
            torch.tensor([0.95, 0.6], dtype=torch.float64),
        )
    )  # type: ignore[return-value]


def test_a_step_rises_and_falls_with_its_times() -> None:
    level = torch.cat([torch.ones(1, 1000), torch.zeros(1, 1000)], 1)
    rising, falling = pole(torch.tensor([math.log(0.1)]), 1000), pole(torch.tensor([math.log(0.2)]), 1000)
    smoothed, last = ballistics(level, torch.zeros(1, dtype=torch.float64), rising, falling)
    assert float(smoothed[0, 99].detach()) == pytest.approx(1 - math.exp(-1), abs=1e-6)
    assert float(smoothed[0, 1199] / smoothed[0, 999]) == pytest.approx(math.exp(-1), abs=1e-6)
    assert torch.equal(last, smoothed[:, -1])


def test_gradients_are_those_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(lambda *given: ballistics(*given)[0], inputs())
    assert torch.autograd.gradcheck(lambda *given: ballistics(*given)[1], inputs())


def test_machine_code_and_plain_loop_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = inputs(), inputs()
    here = ballistics(*fast)
    monkeypatch.setattr(module, "runs_compiled", lambda audio: False)
    there = ballistics(*slow)
    for one, other in zip(here, there, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
    (here[0].square().sum() + here[1].sum()).backward()
    (there[0].square().sum() + there[1].sum()).backward()
    for one, other in zip(fast, slow, strict=True):
        assert one.grad is not None
        assert torch.allclose(one.grad, other.grad, atol=1e-10)


def test_a_time_far_below_a_sample_follows_at_once() -> None:
    assert float(pole(torch.tensor(-100.0), 44100)) == 0.0


def test_a_level_that_ends_becomes_exactly_zero() -> None:
    level = torch.zeros(1, 200)
    smoothed, _ = ballistics(level, *(torch.tensor([value], dtype=torch.float64) for value in (1.0, 0.5, 0.5)))
    assert float(smoothed[0, -1]) == 0.0
