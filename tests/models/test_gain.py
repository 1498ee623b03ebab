from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fxstyle.data.pair import Pair
from fxstyle.models.gain import CompressorGain
from tests.models.test_streaming import check_finite, check_streaming

pytestmark = pytest.mark.unit
RATE = 8000


def reference(dry: NDArray[np.float32], attack: float, release: float, threshold: float, ratio: float, makeup: float):  # type: ignore[no-untyped-def]
    """A compressor as JUCE writes it, with times in s and levels as amplitudes."""
    rising, falling = np.exp(-1 / (attack * RATE)), np.exp(-1 / (release * RATE))
    level, wet = 0.0, np.empty_like(dry)
    for index, sample in enumerate(np.abs(dry)):
        level = sample + (rising if sample > level else falling) * (level - sample)
        gain = 1.0 if level < threshold else (level / threshold) ** (1 / ratio - 1)
        wet[index] = makeup * gain * dry[index]
    return wet


def bursts(seconds: float, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    loudness = np.repeat(10 ** rng.uniform(-2.5, 0, -(-count // 1600)), 1600)[:count]
    return (loudness * np.sin(2 * np.pi * np.cumsum(rng.uniform(100, 900) / RATE * np.ones(count)))).astype(np.float32)


def pair_of(dry: NDArray[np.float32], setting: int, **settings: float) -> Pair:
    wet = reference(dry, **settings)
    condition = np.eye(2, dtype=np.float32)[setting]
    return Pair(f"{setting}", "a", "train", setting, dry[None], wet[None], condition)


SETTINGS = (
    {"attack": 0.01, "release": 0.08, "threshold": 0.1, "ratio": 4.0, "makeup": 2.0},
    {"attack": 0.002, "release": 0.03, "threshold": 0.03, "ratio": 12.0, "makeup": 5.0},
)


def esr(output: torch.Tensor, wet: NDArray[np.float32]) -> float:
    return float(((output.detach().numpy() - wet) ** 2).sum() / (wet**2).sum())


def test_identify_finds_each_preset() -> None:
    model = CompressorGain(RATE, conditions=2, taps=2, evaluations=100)
    model.identify([pair_of(bursts(0.8, 1), index, **given) for index, given in enumerate(SETTINGS)], RATE)
    for index, given in enumerate(SETTINGS):
        heard = pair_of(bursts(0.8, 2), index, **given)
        output = model(torch.from_numpy(heard.dry)[None], torch.from_numpy(heard.condition)[None])
        assert esr(output[0], heard.wet) < 1e-3
    attacks = model.values(torch.eye(2), 2)[:, model.names.index("attack")].exp()
    assert attacks.tolist() == pytest.approx([0.01, 0.002], rel=0.2)


def test_training_gets_nearer_with_all_values() -> None:
    torch.manual_seed(0)
    model = CompressorGain(RATE, taps=3, slow=True)
    with torch.no_grad():
        model.values.base[model.names.index("lowpass")] = 0.1
    dry = bursts(0.5, 1)
    wet = torch.from_numpy(reference(dry, **SETTINGS[0]))
    optimiser = torch.optim.Adam(model.parameters(), 0.08)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        output = model(torch.from_numpy(dry)[None, None])
        loss = (output[0, 0] - wet).square().sum() / wet.square().sum()
        loss.backward()
        assert model.values.base.grad is not None
        assert bool((model.values.base.grad != 0).all())
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


def test_the_whole_model_has_the_gradient_of_finite_differences() -> None:
    model = CompressorGain(RATE, taps=2).double()
    audio = torch.from_numpy(bursts(0.02, 3).astype(np.float64))[None, None]

    def loss(values: torch.Tensor) -> torch.Tensor:
        model.values.forward = lambda condition, batch: values[None]  # type: ignore[method-assign, assignment]
        return model(audio).square().sum()

    start = model.values.base.detach().clone()
    start[model.names.index("lowpass")] = 0.2
    assert torch.autograd.gradcheck(loss, start.requires_grad_())


@pytest.mark.parametrize(("taps", "highpass", "slow"), [(1, False, False), (3, True, True)])
def test_blocks_and_loud_sounds(taps: int, highpass: bool, slow: bool) -> None:
    model = CompressorGain(44100, 3 * slow, taps=taps, highpass=highpass, slow=slow)
    with torch.no_grad():
        model.values.base[2:].add_(0.3 * torch.rand(len(model.values.base) - 2, generator=torch.manual_seed(0)))
    check_streaming(model)
    check_finite(model, 20000)
    with torch.no_grad():
        silence = model(torch.zeros(1, 1, 500), torch.zeros(1, model.conditions))
    assert float(silence.abs().max()) == 0.0


def test_offsets_do_not_leave_the_highpass() -> None:
    model = CompressorGain(RATE)
    with torch.no_grad():
        model.values.base[model.names.index("lowpass")] = 1.0
        output = model(torch.ones(1, 1, 2 * RATE))
    assert float(output[..., 0]) > 0.9
    assert float(output[..., -1].abs()) < 1e-3


def test_without_candidates_nothing_is_identified() -> None:
    model = CompressorGain(RATE, conditions=2, evaluations=0)
    before = model.values.base.clone()
    model.identify([pair_of(bursts(0.5, 1), 0, **SETTINGS[0])], RATE)
    assert torch.equal(before, model.values.base)
