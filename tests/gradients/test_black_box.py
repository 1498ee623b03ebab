from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fxstyle.effects.renderer import Status, ThreadRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.gradients.black_box import render_with_gradient, rendered_loss
from fxstyle.gradients.estimator import Estimator
from tests.effects.catalogue import RATE, effect, noise
from tests.gradients.renderers import WatchedRenderer

pytestmark = pytest.mark.unit

SAMPLES, PREROLL, KEY = 1024, 256, (0, 0, 0, 0)
LEVELS = ("sound", "loss")


def dry(batch: int, channels: int = 1) -> Tensor:
    return torch.from_numpy(np.stack([noise(channels, PREROLL + SAMPLES, seed) for seed in range(batch)]))


def middle(batch: int, width: int = 4, seed: int = 0) -> Tensor:
    drawn = np.random.default_rng(seed).uniform(0.3, 0.7, (batch, width)).astype(np.float32)
    return torch.from_numpy(drawn).requires_grad_()


def energy(wet: Tensor) -> Tensor:
    """A smooth loss in dB of ``(..., channels, samples)``."""
    return 10 * wet.square().mean(dim=(-1, -2)).add(1e-9).log10()


def run(
    level: str,
    effects: list[EffectSpec],
    parameters: Tensor,
    estimator: Estimator,
    renderer: Any = None,
    key: tuple[int, ...] = KEY,
    audio: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Losses ``(batch,)`` and their gradient to the parameters."""
    call = (
        estimator,
        renderer or ThreadRenderer(1),
        effects,
        dry(len(effects)) if audio is None else audio,
        parameters,
        RATE,
        PREROLL,
    )
    losses = energy(render_with_gradient(*call, key)) if level == "sound" else rendered_loss(*call, energy, key)
    (gradient,) = torch.autograd.grad(losses.sum(), parameters)
    return losses.detach(), gradient


@pytest.mark.parametrize("level", LEVELS)
def test_forward_is_the_renderers_own_sound(level: str) -> None:
    effects, parameters = [effect("peak"), effect("gain")], middle(2)
    expected = ThreadRenderer(1).render(effects, dry(2).numpy(), parameters.detach().numpy()[:, None], RATE, PREROLL)
    losses, _ = run(level, effects, parameters, Estimator("central", epsilon=0.01))
    torch.testing.assert_close(losses, energy(torch.from_numpy(expected.audio[:, 0])))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["spsa", "central", "one_sided"])
def test_all_renders_of_a_step_go_in_one_call(level: str, kind: str) -> None:
    renderer = WatchedRenderer()
    run(level, [effect("peak")] * 2, middle(2), Estimator(kind, draws=2), renderer)  # type: ignore[arg-type]
    assert [call.shape for call in renderer.calls] == [(2, {"spsa": 5, "central": 7, "one_sided": 4}[kind], 4)]


@pytest.mark.parametrize("level", LEVELS)
def test_without_gradients_only_the_settings_are_rendered(level: str) -> None:
    renderer, call = WatchedRenderer(), ([effect("peak")], dry(1))
    for parameters, enabled in ((middle(1), False), (middle(1).detach(), True)):
        with torch.set_grad_enabled(enabled):
            if level == "sound":
                render_with_gradient(
                    Estimator("central", epsilon=0.01), renderer, *call, parameters, RATE, PREROLL, KEY
                )
            else:
                rendered_loss(
                    Estimator("central", epsilon=0.01), renderer, *call, parameters, RATE, PREROLL, energy, KEY
                )
    assert [settings.shape for settings in renderer.calls] == [(1, 1, 4)] * 2


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["reverb", "compressor"])
def test_average_over_draws_converges_to_the_finite_difference(level: str, name: str) -> None:
    spec, parameters, repeats = effect(name), middle(1, 6), 150
    _, central = run(level, [spec], parameters, Estimator("central"))
    # Independent estimates as items of one batch: each has directions of its own.
    batch = parameters.detach().expand(repeats, -1).clone().requires_grad_()
    audio = dry(1).expand(repeats, -1, -1)
    _, estimates = run(level, [spec] * repeats, batch, Estimator("spsa", draws=1), key=(5,), audio=audio)
    error = estimates.mean(dim=0) - central[0]
    standard = estimates.std(dim=0) / repeats**0.5
    assert (standard > 0).sum() >= 3
    # Three and a half standard errors, and the curvature within a step.
    assert (error.abs() <= 3.5 * standard + 0.01 * central.norm()).all()
    assert error.norm() < 0.35 * central.norm()


@pytest.mark.parametrize("level", LEVELS)
def test_batch_of_different_effects_is_its_items(level: str) -> None:
    effects, parameters = [effect("peak"), effect("gain"), effect("delay")], middle(3)
    losses, gradient = run(level, effects, parameters, Estimator("central"))
    for item, spec in enumerate(effects):
        own = parameters.detach()[item : item + 1].clone().requires_grad_()
        alone, expected = run(level, [spec], own, Estimator("central"), audio=dry(3)[item : item + 1])
        torch.testing.assert_close(losses[item], alone[0])
        torch.testing.assert_close(gradient[item], expected[0], rtol=1e-4, atol=1e-4)
        assert not gradient[item, len(spec.parameters) :].any()
        assert gradient[item, : len(spec.parameters)].any()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["spsa", "central", "one_sided"])
def test_held_and_stepped_controls_get_nothing(level: str, kind: str) -> None:
    peak = effect("peak")
    spec = replace(
        peak,
        parameters=(replace(peak.parameters[0], steps=3), peak.parameters[1], replace(peak.parameters[2], held=True)),
    )
    _, gradient = run(level, [spec], middle(1), Estimator(kind))  # type: ignore[arg-type]
    assert (gradient[0] != 0).tolist() == [False, True, False, False]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["spsa", "central", "one_sided"])
@pytest.mark.parametrize("end", [0.0, 1.0])
def test_at_the_ends_the_slope_is_that_of_the_step_taken(level: str, kind: str, end: float) -> None:
    # A gain has the same slope in dB everywhere: 29 dB over its range.
    parameters = torch.tensor([[end]], requires_grad=True)
    _, gradient = run(level, [effect("gain")], parameters, Estimator(kind, epsilon=0.01))  # type: ignore[arg-type]
    assert gradient.item() == pytest.approx(29, rel=0.03)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("status", [Status.FAILED, Status.NOT_FINITE])
def test_a_failed_render_drops_its_draw(level: str, status: Status) -> None:
    # Candidate 2 of four pairs fails for the first item, all but the settings themselves for the second.
    def broken(item: int, candidate: int) -> bool:
        return (item == 0 and candidate == 2) or (item == 1 and candidate > 0)

    _, gradient = run(level, [effect("gain")] * 2, middle(2, 1), Estimator("central"), WatchedRenderer(broken, status))
    assert not gradient.any()  # the only pair is gone
    losses, gradient = run(
        level, [effect("delay")] * 2, middle(2), Estimator("spsa", draws=4), WatchedRenderer(broken, status)
    )
    assert torch.isfinite(losses).all()
    assert torch.isfinite(gradient).all()
    assert gradient[0].any()
    assert not gradient[1].any()


def test_no_gradient_comes_from_the_silence_of_a_failed_render() -> None:
    renderer = WatchedRenderer(lambda item, candidate: candidate == 0)
    _, gradient = run("sound", [effect("gain")], middle(1, 1), Estimator("central", epsilon=0.01), renderer)
    assert not gradient.any()


def test_a_loss_that_is_not_finite_drops_its_draw() -> None:
    def spoilt(wet: Tensor) -> Tensor:
        losses = energy(wet)
        losses[0, 1] = torch.nan
        losses[1, 2] = torch.inf
        return losses

    parameters = middle(3, 1)
    losses = rendered_loss(
        Estimator("central", epsilon=0.01),
        ThreadRenderer(1),
        [effect("gain")] * 3,
        dry(3),
        parameters,
        RATE,
        PREROLL,
        spoilt,
        KEY,
    )
    losses.sum().backward()
    assert parameters.grad is not None
    assert parameters.grad[:2].tolist() == [[0.0], [0.0]]
    assert parameters.grad[2].item() == pytest.approx(29, rel=0.01)


@pytest.mark.parametrize("level", LEVELS)
def test_settings_that_are_not_numbers_have_no_gradient(level: str) -> None:
    parameters = torch.tensor([[torch.nan], [0.5]], requires_grad=True)
    _, gradient = run(level, [effect("gain")] * 2, parameters, Estimator("central", epsilon=0.01))
    assert gradient[0].item() == 0
    assert gradient[1].item() == pytest.approx(29, rel=0.01)


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_key_gives_the_same_bits_and_another_does_not(level: str) -> None:
    def gradient(key: tuple[int, ...]) -> Tensor:
        return run(level, [effect("reverb")] * 2, middle(2, 6), Estimator("spsa", draws=1), key=key)[1]

    assert torch.equal(gradient((1, 2, 3, 0)), gradient((1, 2, 3, 0)))
    assert not torch.equal(gradient((1, 2, 3, 0)), gradient((1, 2, 4, 0)))


def test_audio_gets_a_gradient_only_when_asked() -> None:
    def gradient(**options: bool) -> Tensor | None:
        audio = dry(2).requires_grad_()
        wet = render_with_gradient(
            Estimator("central", epsilon=0.01),
            ThreadRenderer(1),
            [effect("gain")] * 2,
            audio,
            middle(2, 1),
            RATE,
            PREROLL,
            KEY,
            **options,
        )
        (wet * torch.arange(SAMPLES)).sum().backward()
        return audio.grad

    assert gradient() is None
    passed = gradient(audio_gradient=True)
    assert passed is not None
    assert not passed[..., :PREROLL].any()
    assert torch.equal(passed[..., PREROLL:], torch.arange(SAMPLES).expand(2, 1, -1).float())


def test_incoming_gradient_counts() -> None:
    parameters = middle(2, 1)
    losses = rendered_loss(
        Estimator("central", epsilon=0.01),
        ThreadRenderer(1),
        [effect("gain")] * 2,
        dry(2),
        parameters,
        RATE,
        PREROLL,
        energy,
        KEY,
    )
    (losses * torch.tensor([2.0, -1.0])).sum().backward()
    assert parameters.grad is not None
    assert parameters.grad.flatten().tolist() == pytest.approx([58, -29], rel=0.01)


@pytest.mark.parametrize("level", LEVELS)
def test_half_precision_and_stereo(level: str) -> None:
    parameters = torch.tensor([[0.5]], dtype=torch.bfloat16, requires_grad=True)
    losses, gradient = run(level, [effect("gain")], parameters, Estimator("central", epsilon=0.01), audio=dry(1, 2))
    assert losses.dtype == torch.float32
    assert gradient.dtype == torch.bfloat16
    assert gradient.item() == pytest.approx(29, rel=0.02)


@pytest.mark.parametrize("wrong", [lambda wet: wet.mean(), lambda wet: energy(wet)[:, 0]])
def test_a_loss_of_another_shape_is_refused(wrong: Callable[[Tensor], Tensor]) -> None:
    call = (
        Estimator("central", epsilon=0.01),
        ThreadRenderer(1),
        [effect("gain")],
        dry(1),
        middle(1, 1),
        RATE,
        PREROLL,
    )
    with pytest.raises(ValueError, match="the loss gave the shape"):
        rendered_loss(*call, wrong, KEY)


@pytest.mark.parametrize(("effects", "batch"), [(1, 2), (2, 1)])
def test_batches_that_disagree_are_refused(effects: int, batch: int) -> None:
    with pytest.raises(InputError, match="must agree on the batch"):
        run("sound", [effect("gain")] * effects, middle(batch, 1), Estimator("central", epsilon=0.01), audio=dry(2))
