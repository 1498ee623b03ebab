from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.gradients.black_box import render_with_gradient, rendered_loss
from fxstyle.gradients.estimator import Estimator
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.models.bounded import bounded
from tests.effects.catalogue import RATE, effect, noise

pytestmark = pytest.mark.unit


def test_gradient_passes_unless_it_leads_further_outside() -> None:
    raw = torch.tensor([-1.0, -1.0, 0.5, 0.5, 2.0, 2.0], requires_grad=True)
    incoming = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    inside = bounded(raw)
    inside.backward(incoming)
    assert inside.tolist() == [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]
    assert raw.grad is not None
    # A step goes against the gradient.
    assert raw.grad.tolist() == [0.0, -1.0, 1.0, -1.0, 1.0, 0.0]


def trained(head: Callable[[Tensor], Tensor], raw: float, through_sound: bool) -> float:
    """The drive that a controller gets to which starts far outside and is trained through pedalboard's distortion."""
    spec, wanted, sizes = effect("distortion"), 0.35, (128, 1024)
    renderer, loss = ThreadRenderer(1), MultiResolutionSTFT(sizes)
    dry = torch.from_numpy(noise(1, 2048)[None])
    target = torch.from_numpy(
        renderer.render([spec], dry.numpy(), np.array([[[wanted]]], dtype=np.float32), RATE).audio[0]
    )
    controller = torch.nn.Linear(4, 1)
    with torch.no_grad():
        controller.weight.zero_()
        controller.bias.fill_(raw)
    optimizer = torch.optim.Adam(controller.parameters(), lr=0.2)
    for step in range(70):
        optimizer.param_groups[0]["lr"] = 0.2 * 0.955**step
        parameters = head(controller(torch.ones(1, 4)))
        call = (Estimator("spsa", draws=1), renderer, [spec], dry, parameters, RATE, 0)
        if through_sound:
            distance = loss(render_with_gradient(*call, (0, step)), target)
        else:
            distance = rendered_loss(*call, lambda wet: loss.candidates(wet, target), (0, step))
        optimizer.zero_grad()
        distance.sum().backward()
        optimizer.step()
    return abs(head(controller(torch.ones(1, 4))).item() - wanted)


@pytest.mark.parametrize("through_sound", [True, False])
def test_saturated_controller_comes_back_where_a_sigmoid_is_stuck(through_sound: bool) -> None:
    assert trained(bounded, 5.0, through_sound) < 0.02
    # In single precision the sigmoid of 20 is 1 and has no slope.
    assert trained(torch.sigmoid, 20.0, through_sound) == pytest.approx(0.65)


def test_controller_comes_back_from_below() -> None:
    assert trained(bounded, -5.0, False) < 0.02
