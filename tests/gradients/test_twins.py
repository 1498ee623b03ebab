from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.effects.spec import EffectSpec, chain
from fxstyle.errors import InputError
from fxstyle.gradients.black_box import render_with_gradient, rendered_loss
from fxstyle.gradients.estimator import Estimator
from fxstyle.gradients.twins import render_twin, to_units
from tests.effects.catalogue import RATE, effect, noise

pytestmark = pytest.mark.unit

NAMES = ("gain", "distortion", "clipping", "delay", "lowpass", "highpass", "peak", "chain")
SAMPLES, PREROLL = 6000, 500


def spec_of(name: str) -> EffectSpec:
    if name == "chain":
        return chain(name, tuple(effect(link) for link in ("peak", "distortion", "gain")))
    return effect(name)


def batch(spec: EffectSpec, channels: int = 1) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    audio = np.stack([noise(channels, PREROLL + SAMPLES, seed) for seed in range(3)])
    return torch.from_numpy(audio), torch.from_numpy(np.stack([spec.sample(rng) for _ in range(3)]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2])
def test_twin_equals_the_effect(name: str, channels: int) -> None:
    spec = spec_of(name)
    audio, parameters = batch(spec, channels)
    real = ThreadRenderer(1).render([spec] * 3, audio.numpy(), parameters.numpy()[:, None], RATE, PREROLL).audio[:, 0]
    twin = render_twin(spec, audio, parameters, RATE, PREROLL).numpy()
    error = np.sqrt(np.mean((twin - real) ** 2, axis=(1, 2)) / np.mean(real**2, axis=(1, 2)))
    assert error.max() < 1e-4


def loudness(wet: Tensor) -> Tensor:
    """Two smooth losses in one, ``(...)`` of ``(..., channels, samples)``: energy in dB of the sound and its slope."""
    parts = [part.square().mean(dim=(-1, -2)).log10() for part in (wet, wet.diff(dim=-1))]
    return 10 * parts[0] + 5 * parts[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("kind", "tolerance"), [("central", 2e-3), ("one_sided", 3e-2)])
def test_finite_differences_agree_with_the_exact_gradient(name: str, kind: str, tolerance: float) -> None:
    spec = spec_of(name)
    audio, parameters = batch(spec)
    exact, by_sound, by_loss = (parameters.clone().requires_grad_() for _ in range(3))
    estimator = Estimator(kind, epsilon=2e-3)  # type: ignore[arg-type]

    loudness(render_twin(spec, audio, exact, RATE, PREROLL)).sum().backward()
    call = (estimator, ThreadRenderer(1), [spec] * 3, audio)
    loudness(render_with_gradient(*call, by_sound, RATE, PREROLL, (0,))).sum().backward()
    rendered_loss(*call, by_loss, RATE, PREROLL, loudness, (0,)).sum().backward()

    # The time of the delay is a whole number of samples: jumps of the effect, no slope of the twin.
    smooth = [place for place, p in enumerate(spec.parameters) if p.name != "delay_seconds"]
    for found in (by_sound.grad, by_loss.grad):
        assert found is not None
        assert exact.grad is not None
        error = (found - exact.grad)[:, smooth].norm(dim=1) / exact.grad[:, smooth].norm(dim=1)
        # Within a step of the threshold some samples of a clipped sound begin to clip.
        assert error.max() < max(tolerance, 0.03 if name == "clipping" else 0.0)


def test_positions_map_as_the_spec_maps_them() -> None:
    spec = replace(effect("peak"), parameters=tuple(replace(p, held=p.name == "q") for p in effect("peak").parameters))
    positions = torch.tensor([[-0.5, 0.25, 0.9], [1.5, 0.75, 0.1]])
    found = torch.stack(list(to_units(spec, positions).values()), dim=-1)
    np.testing.assert_allclose(found, spec.to_units(positions.numpy()), rtol=1e-9)


@pytest.mark.parametrize(
    "spec", [effect("reverb"), chain("two", (effect("gain"), effect("peak")), bypassable=("gain",))]
)
def test_effects_without_a_twin_are_refused(spec: EffectSpec) -> None:
    with pytest.raises(InputError, match="no differentiable twin"):
        render_twin(spec, torch.zeros(1, 1, 64), torch.full((1, len(spec.parameters)), 0.5), RATE)
