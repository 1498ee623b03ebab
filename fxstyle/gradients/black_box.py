"""Effects as layers of a network: sound, or a loss of it, with an estimated gradient to the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from fxstyle.effects.renderer import Renderer, Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.gradients.candidates import Candidates, candidates
from fxstyle.gradients.estimator import Estimator

Key = tuple[int, ...]


def render_with_gradient(
    estimator: Estimator,
    renderer: Renderer,
    effects: Sequence[EffectSpec],
    audio: Tensor,
    parameters: Tensor,
    sample_rate: int,
    preroll: int,
    key: Key,
    audio_gradient: bool = False,
) -> Tensor:
    """Render sound; its gradient to the settings is estimated from further renders.

    All renders of a step go to the renderer in one call. Each pair of an estimate gives the directional derivative of
    the sound; its product with the incoming gradient is the slope of the loss in that direction. A pair in which a
    render failed or is not finite counts for nothing. Without gradients only the settings themselves are rendered.

    Args:
        estimator: How to estimate.
        renderer: Renders on this machine's processor, wherever the tensors are.
        effects: One for each item.
        audio: ``(batch, channels, preroll + samples)``.
        parameters: Positions ``(batch, parameters)``; held and stepped ones, and those beyond an effect's own, get a
            gradient of 0.
        sample_rate: In Hz.
        preroll: Samples at the start that warm the effect up and are cropped.
        key: What random directions depend on, such as (seed, epoch, batch, rank).
        audio_gradient: True to pass the incoming gradient on to the audio as if the effect let sound through unchanged
            (straight-through, biased). There is no better estimate: that would take renders for every sample.

    Returns:
        ``(batch, channels, samples)``; silence where a render failed.

    Raises:
        InputError: Effects, audio and parameters disagree on the batch.

    Source: Ramirez et al. 2021, eq. 2 and 3, with several draws and steps that know the ends of the range.
    """
    wanted = torch.is_grad_enabled() and parameters.requires_grad
    plan, wet, fine = _render(
        estimator if wanted else None, renderer, effects, audio, parameters, sample_rate, preroll, key
    )
    return _Sound.apply(parameters, audio if audio_gradient else audio.detach(), plan, wet, fine, preroll)


def rendered_loss(
    estimator: Estimator,
    renderer: Renderer,
    effects: Sequence[EffectSpec],
    audio: Tensor,
    parameters: Tensor,
    sample_rate: int,
    preroll: int,
    loss: Callable[[Tensor], Tensor],
    key: Key,
) -> Tensor:
    """Render sound and judge it; the gradient of the loss to the settings is estimated as a whole.

    The loss runs once and forward only, over all candidates, and need not be differentiable. Pairs in which a render
    failed, or whose loss is not finite, count for nothing. Arguments are those of :func:`render_with_gradient`.

    Args:
        estimator: How to estimate.
        renderer: See there.
        effects: See there.
        audio: See there.
        parameters: See there.
        sample_rate: In Hz.
        preroll: See there.
        loss: Maps sound ``(batch, candidates, channels, samples)`` to losses ``(batch, candidates)``.
        key: See there.

    Returns:
        The loss at the settings themselves, ``(batch,)``.

    Raises:
        InputError: Effects, audio and parameters disagree on the batch.
        ValueError: The loss has another shape.
    """
    wanted = torch.is_grad_enabled() and parameters.requires_grad
    plan, wet, fine = _render(
        estimator if wanted else None, renderer, effects, audio, parameters, sample_rate, preroll, key
    )
    with torch.no_grad():
        losses = loss(torch.from_numpy(wet).to(audio.device))
    if losses.shape != wet.shape[:2]:
        raise ValueError(f"the loss gave the shape {tuple(losses.shape)} for {wet.shape[:2]} (batch, candidates)")
    if not wanted:
        return losses[:, 0]
    values = losses.double().cpu().numpy()
    fine &= np.isfinite(values)
    values = np.where(fine, values, 0.0)
    gradient = plan.gradient(values[:, plan.ahead] - values[:, plan.behind], fine[:, plan.ahead] & fine[:, plan.behind])
    return _Value.apply(parameters, losses[:, 0], torch.from_numpy(gradient))


def _render(
    estimator: Estimator | None,
    renderer: Renderer,
    effects: Sequence[EffectSpec],
    audio: Tensor,
    parameters: Tensor,
    sample_rate: int,
    preroll: int,
    key: Key,
) -> tuple[Candidates, NDArray[np.float32], NDArray[np.bool_]]:
    """The plan of a step (only the settings themselves without an estimator), its sound, and which of it is usable."""
    if audio.ndim != 3 or parameters.ndim != 2 or not len(effects) == len(audio) == len(parameters):
        raise InputError(
            f"gradients: {len(effects)} effects, audio {tuple(audio.shape)} and parameters {tuple(parameters.shape)} "
            "must agree on the batch: (batch, channels, samples) and (batch, parameters)"
        )
    positions = parameters.detach().float().cpu().numpy()
    if estimator is None:
        nothing = np.zeros(0, dtype=np.int64)
        plan = Candidates(positions[:, None], nothing, nothing, np.zeros((len(positions), 0, 0), dtype=np.float32))
    else:
        plan = candidates(estimator, effects, positions, key)
    dry = audio.detach().float().cpu().numpy()
    rendered = renderer.render(effects, dry, plan.positions, sample_rate, preroll)
    fine = (rendered.status != Status.FAILED) & (rendered.status != Status.NOT_FINITE)
    return plan, rendered.audio, fine


class _Sound(torch.autograd.Function):
    """The sound of the first candidates; backward, the slope of the loss along each pair's difference."""

    @staticmethod
    def forward(
        ctx: Any,
        parameters: Tensor,
        audio: Tensor,
        plan: Candidates,
        wet: NDArray[np.float32],
        fine: NDArray[np.bool_],
        preroll: int,
    ) -> Tensor:
        ctx.plan, ctx.preroll = plan, preroll
        ctx.device, ctx.dtype = parameters.device, parameters.dtype
        # A gradient that comes from the silence of a failed render says nothing of the sound.
        ctx.usable = fine[:, plan.ahead] & fine[:, plan.behind] & fine[:, :1]
        ctx.differences = wet[:, plan.ahead] - wet[:, plan.behind]
        return torch.from_numpy(wet[:, 0].copy()).to(audio.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor | None, ...]:
        to_parameters = to_audio = None
        if ctx.needs_input_grad[0]:
            sound = incoming.float().cpu().flatten(1)
            slopes = torch.from_numpy(ctx.differences).flatten(2) @ sound[..., None]
            gradient = ctx.plan.gradient(slopes[..., 0].double().numpy(), ctx.usable)
            to_parameters = torch.from_numpy(gradient).to(ctx.device, ctx.dtype)
        if ctx.needs_input_grad[1]:
            to_audio = torch.nn.functional.pad(incoming, (ctx.preroll, 0))
        return to_parameters, to_audio, None, None, None, None


class _Value(torch.autograd.Function):
    """A loss ``(batch,)`` whose gradient is already known."""

    @staticmethod
    def forward(ctx: Any, parameters: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient.to(parameters.device, parameters.dtype)
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor, None, None]:
        return ctx.gradient * incoming[:, None].to(ctx.gradient), None, None
