from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from fxstyle.effects.dsp.gate import LEVEL_SECONDS, Gate
from fxstyle.models import gate_loop
from fxstyle.models.gate_loop import GateState, gate_constants, gated

pytestmark = pytest.mark.unit
RATE = 8000
HELD = 2000
"""Samples of sound, then of silence."""


def values_of(
    threshold_db: float, hysteresis_db: float, attack_ms: float, hold_ms: float, release_ms: float, range_db: float
) -> Tensor:
    nepers = log(10) / 20
    times = [log(ms / 1000) for ms in (attack_ms, hold_ms, release_ms)]
    hysteresis = log(hysteresis_db * nepers)
    return torch.tensor(
        [threshold_db * nepers, hysteresis, log(LEVEL_SECONDS), *times, range_db * nepers, 0.0], dtype=torch.float64
    )


def closed(batch: int = 1) -> GateState:
    return torch.zeros(batch, dtype=torch.float64), torch.zeros(batch, 3, dtype=torch.float64)


def bursts(samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loudness = np.repeat(10 ** rng.uniform(-4, 0, -(-samples // 700)), 700)[:samples]
    return (loudness * rng.uniform(-1, 1, samples)).astype(np.float32)


SETTINGS = (
    {"threshold_db": -20, "hysteresis_db": 6, "attack_ms": 2, "hold_ms": 30, "release_ms": 80, "range_db": -50},
    {"threshold_db": -12, "hysteresis_db": 3, "attack_ms": 40, "hold_ms": 10, "release_ms": 15, "range_db": -20},
)


def test_it_is_the_effect() -> None:
    audio = bursts(16000)
    for settings in SETTINGS:
        wet = Gate(RATE, 1, **settings).process(audio[None])[0]
        constants = gate_constants(values_of(**settings)[None], RATE)
        gain, _ = gated(torch.from_numpy(audio[None]).abs().double(), closed(), constants)
        assert np.abs(gain[0].numpy() * audio - wet).max() < 1e-6
        assert gain.min() < 0.2 < 0.9 < gain.max()


def test_machine_code_and_plain_loop_agree_with_their_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = torch.from_numpy(np.stack([bursts(1500, 1), bursts(1500, 4)])).abs().double()
    start = torch.tensor([0.6, 0.0], dtype=torch.float64), torch.tensor([[0.5, 3.0, 1.0], [0.0, 0.0, 0.0]]).double()
    weights = torch.rand(2, 1500, generator=torch.manual_seed(0), dtype=torch.float64)
    found = []
    for compiled in (True, False):
        monkeypatch.setattr(gate_loop, "runs_compiled", lambda audio, answer=compiled: answer)
        values = torch.stack([values_of(**settings) for settings in SETTINGS]).requires_grad_()
        first = start[0].clone().requires_grad_()
        gain, after = gated(audio, (first, start[1]), gate_constants(values, RATE))
        ((gain * weights).sum() + after[0].sum()).backward()
        found.append((gain, *after, values.grad, first.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)
    gradient = found[0][3]
    assert bool((gradient[:, [3, 5, 6]] != 0).all())
    assert bool((gradient[:, [0, 1, 2, 4]] == 0).all())


def test_gradients_are_those_of_finite_differences() -> None:
    audio = torch.from_numpy(bursts(800, 5)[None]).abs().double()
    constants = gate_constants(values_of(**SETTINGS[0])[None], RATE)

    def gain(first: Tensor, smooth: Tensor) -> Tensor:
        return gated(audio, (first, closed()[1]), torch.cat([constants[:, :4], smooth], 1))[0]

    first = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gain, (first, constants[:, 4:].clone().requires_grad_()))


def test_the_hold_lasts_and_the_level_falls_to_zero() -> None:
    values = values_of(threshold_db=-6, hysteresis_db=6, attack_ms=0.1, hold_ms=50, release_ms=10, range_db=-60)
    audio = torch.cat([torch.ones(1, HELD), torch.zeros(1, 8000)], 1).double()
    gain, (_, detector) = gated(audio, closed(), gate_constants(values[None], RATE))
    fallen = np.ceil(np.log(10 ** (12 / 20)) * LEVEL_SECONDS * RATE)
    last = int((gain[0] == 1.0).nonzero().max())
    assert last == pytest.approx(HELD + fallen + 0.05 * RATE, abs=2)
    assert gain[0, -1] == pytest.approx(1e-3)
    assert detector[0].tolist() == [0.0, 0.0, 0.0]
