"""A delay line that is read between its samples, with feedback, as machine code and as tensor operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fxstyle.effects.dsp.compiling import compiled


@compiled("void(f4[:,::1],f4[::1],f4[::1],i8[:,:,::1],f4[:,:,:,::1],f4[:,:,::1])")
def run_delay(line, last, feedback, places, weights, wet):  # type: ignore[no-untyped-def]
    """Fill ``wet`` ``(batch, taps, samples)``, and add the feedback to the last samples of ``line`` as it goes.

    ``line`` holds the past and the dry block, ``places`` the place of each tap's first weight in it.
    """
    batch, taps, samples = wet.shape
    points = weights.shape[3]
    past = line.shape[1] - samples
    for item in range(batch):
        returned = last[item]
        for n in range(samples):
            line[item, past + n] += feedback[item] * returned
            for tap in range(taps):
                total = 0.0
                place = places[item, tap, n]
                for point in range(points):
                    total += weights[item, tap, n, point] * line[item, place + point]
                wet[item, tap, n] = total
            returned = wet[item, 0, n]


@compiled(
    "void(f4[:,::1],f4[::1],f4[::1],i8[:,:,::1],f4[:,:,:,::1],f4[:,:,::1],f4[:,:,::1],f8[:,::1],f4[:,:,:,::1],f8[:,::1])"
)
def run_delay_back(line, last, feedback, places, weights, wet, error, line_error, weight_error, other):  # type: ignore[no-untyped-def]
    """The adjoint of :func:`run_delay`: ``other`` takes the gradients of ``feedback`` and ``last`` ``(2, batch)``."""
    batch, taps, samples = wet.shape
    points = weights.shape[3]
    past = line.shape[1] - samples
    for item in range(batch):
        for back in range(samples):
            n = samples - 1 - back
            for tap in range(taps):
                total = float(error[item, tap, n])
                if tap == 0 and n + 1 < samples:
                    total += feedback[item] * line_error[item, past + n + 1]
                place = places[item, tap, n]
                for point in range(points):
                    weight_error[item, tap, n, point] = total * line[item, place + point]
                    line_error[item, place + point] += total * weights[item, tap, n, point]
            # Every read of this sample lies later: delays are longer than the interpolation.
            before = wet[item, 0, n - 1] if n else last[item]
            other[0, item] += line_error[item, past + n] * before
        other[1, item] = feedback[item] * line_error[item, past]


class _CompiledDelay(torch.autograd.Function):
    """:func:`run_delay` with its adjoint."""

    @staticmethod
    def forward(ctx: Any, line: Tensor, last: Tensor, feedback: Tensor, places: Tensor, weights: Tensor) -> Any:
        """Wet sound ``(batch, taps, samples)`` and the line with its feedback."""
        filled = line.clone(memory_format=torch.contiguous_format)
        wet = torch.empty(weights.shape[:3])
        inputs = [item.contiguous() for item in (last, feedback, places, weights)]
        run_delay(filled.numpy(), *(item.numpy() for item in inputs), wet.numpy())  # type: ignore[call-arg]
        ctx.save_for_backward(filled, *inputs, wet)
        return wet, filled

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> Any:
        """Gradients of line, last sample, feedback and weights."""
        tensors = [tensor.numpy() for tensor in ctx.saved_tensors]
        line, weights = tensors[0], tensors[4]
        line_error = errors[1].double().numpy().copy() if errors[1] is not None else np.zeros(line.shape)
        weight_error = np.zeros_like(weights)
        other = np.zeros((2, len(line)))
        run_delay_back(*tensors, errors[0].contiguous().numpy(), line_error, weight_error, other)  # type: ignore[call-arg]
        feedback_error, last_error = torch.from_numpy(other).float()
        return torch.from_numpy(line_error).float(), last_error, feedback_error, None, torch.from_numpy(weight_error)


def read_delay(
    line: Tensor, last: Tensor, feedback: Tensor | None, delays: Tensor, cubic: bool, shortest: int
) -> tuple[Tensor, Tensor]:
    """Read a delay line at delays that change with every sample.

    Args:
        line: The past and the dry block ``(batch, past + samples)``.
        last: Output of the first tap before the block ``(batch,)``.
        feedback: Share of the first tap's output that returns to the line one sample later ``(batch,)``, or ``None``.
        delays: ``(batch, taps, samples)`` in samples.
        cubic: Interpolate by Catmull-Rom cubics in place of straight lines.
        shortest: No delay is shorter, in samples; at least 3.

    Returns:
        Delayed sound ``(batch, taps, samples)`` and the line with what was fed back.
    """
    samples = delays.shape[-1]
    past = line.shape[1] - samples
    positions = past + torch.arange(samples, device=line.device, dtype=torch.float64) - delays.double()
    below = positions.detach().floor()
    part = (positions - below).float()
    places = below.long() - (1 if cubic else 0)
    weights = torch.stack(_cubic(part) if cubic else (1.0 - part, part), dim=-1)
    tracing = torch.onnx.is_in_onnx_export() or torch.jit.is_tracing() or torch.compiler.is_compiling()
    if line.device.type == "cpu" and not tracing:
        given = torch.zeros(len(line)) if feedback is None else feedback
        return _CompiledDelay.apply(line, last, given, places, weights)
    if feedback is None:
        return _gather(line, places, weights), line
    wet: list[Tensor] = []
    filled, dry = line[:, :past], line[:, past:]
    # No sample of a chunk is heard again within it.
    for start in range(0, samples, shortest - 2):
        chunk = slice(start, min(start + shortest - 2, samples))
        heard = _gather(filled, places[..., chunk], weights[:, :, chunk])
        returned = torch.cat([last[:, None], heard[:, 0, :-1]], dim=1)
        filled = torch.cat([filled, dry[:, chunk] + feedback[:, None] * returned], dim=1)
        last = heard[:, 0, -1]
        wet.append(heard)
    return torch.cat(wet, dim=2), filled


def _gather(line: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of neighbouring samples of ``line`` ``(batch, length)``."""
    batch, taps, samples, points = weights.shape
    total = torch.zeros(batch, taps, samples, device=line.device)
    for point in range(points):
        read = line.gather(1, (places + point).reshape(batch, -1)).view(batch, taps, samples)
        total = total + weights[..., point] * read
    return total


def _cubic(part: Tensor) -> tuple[Tensor, ...]:
    """Catmull-Rom weights of the four samples around a place ``part`` of the way from the second to the third."""
    square, cube = part * part, part * part * part
    return (
        0.5 * (2.0 * square - part - cube),
        0.5 * (3.0 * cube - 5.0 * square + 2.0),
        0.5 * (part + 4.0 * square - 3.0 * cube),
        0.5 * (cube - square),
    )
