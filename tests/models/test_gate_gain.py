from __future__ import annotations

import numpy as np
import pytest
import torch

from fxstyle.data.pair import Pair
from fxstyle.effects.dsp.gate import Gate
from fxstyle.models.gate_gain import GateGain
from tests.models.test_gate_loop import RATE, SETTINGS, bursts, values_of
from tests.models.test_streaming import check_finite, check_streaming

pytestmark = pytest.mark.unit


def pair_of(dry: np.ndarray, setting: int, conditions: int = 2) -> Pair:
    wet = Gate(RATE, 1, **SETTINGS[setting]).process(dry[None])
    condition = np.eye(2, dtype=np.float32)[setting][:conditions]
    return Pair(f"{setting}", "a", "train", setting, dry[None], wet, condition)


def esr(output: torch.Tensor, wet: np.ndarray) -> float:
    return float(((output.detach().numpy() - wet) ** 2).sum() / (wet**2).sum())


def test_identify_finds_each_preset() -> None:
    model = GateGain(RATE, conditions=2, evaluations=320)
    dry = bursts(6 * RATE, 1)
    model.identify([pair_of(dry, 0), pair_of(dry, 1)], RATE)
    for setting in (0, 1):
        heard = pair_of(bursts(3 * RATE, 2), setting)
        output = model(torch.from_numpy(heard.dry)[None], torch.from_numpy(heard.condition)[None])
        assert esr(output[0], heard.wet) < 2e-3
    thresholds = model.values(torch.eye(2), 2)[:, 0] * 20 / np.log(10)
    assert thresholds.tolist() == pytest.approx([-20, -12], abs=0.2)


@pytest.mark.parametrize("factor", [1e-3, 0.0, 1e3])
def test_a_gate_that_never_moves_is_no_harm(factor: float) -> None:
    model = GateGain(RATE, evaluations=16)
    dry = (0.05 + 0.05 * np.abs(bursts(RATE))).astype(np.float32)
    wet = (np.float32(factor) * dry).astype(np.float32)
    model.identify([Pair("a", "a", "train", 0, dry[None], wet[None], np.zeros(0, np.float32))], RATE)
    assert bool(torch.isfinite(model.values.base).all())
    if factor:
        output = model(torch.from_numpy(dry)[None, None])
        assert esr(output[0, :, RATE // 2 :], wet[None, RATE // 2 :]) < 1e-3


def test_training_refines_what_has_a_gradient() -> None:
    heard = pair_of(bursts(RATE, 4), 1, 0)
    model = GateGain(RATE)
    truth = values_of(**SETTINGS[1]).float()
    with torch.no_grad():
        model.values.base.copy_(truth + torch.tensor([0, 0, 0, 0.5, 0, -0.5, 0.3, 0.1]))
    optimiser = torch.optim.Adam(model.parameters(), 0.03)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        output = model(torch.from_numpy(heard.dry)[None])
        loss = (output[0] - torch.from_numpy(heard.wet)).square().sum() / float((heard.wet**2).sum())
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]
    moved = (model.values.base.detach() - truth).abs()
    assert bool((moved[[0, 1, 2, 4]] < 1e-6).all())
    assert moved[3] < 0.1


def test_blocks_and_loud_sounds() -> None:
    model = GateGain(44100, conditions=2)
    with torch.no_grad():
        for setting in (0, 1):
            model.values.slope[setting] = values_of(**SETTINGS[setting]) - model.values.base
        silence = model(torch.zeros(1, 1, 500), torch.tensor([[1.0, 0.0]]))
    assert float(silence.abs().max()) == 0.0
    check_streaming(model)
    check_finite(model, 20000)
