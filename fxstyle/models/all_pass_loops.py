"""A cascade of first-order all-passes whose coefficient changes with every sample, as machine code and as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fxstyle.effects.dsp.compiling import compiled


@compiled("void(f4[:,::1],f4[:,::1],f4[::1],f4[:,::1],f4[::1],f4[:,:,::1],f4[:,:,::1])")
def run_all_passes(audio, coefficients, feedback, stored, last, values, memories):  # type: ignore[no-untyped-def]
    """Fill ``values`` ``(batch, samples, stages + 1)``, what goes into each stage and comes out of the last.

    ``memories`` ``(batch, samples + 1, stages)`` takes each stage's memory before each sample; ``stored`` and ``last``
    are the memories and the output before the first.
    """
    batch, samples = audio.shape
    stages = stored.shape[1]
    for item in range(batch):
        for stage in range(stages):
            memories[item, 0, stage] = stored[item, stage]
        returned = last[item]
        for n in range(samples):
            coefficient = coefficients[item, n]
            value = audio[item, n] + feedback[item] * returned
            values[item, n, 0] = value
            for stage in range(stages):
                passed = coefficient * value + memories[item, n, stage]
                memories[item, n + 1, stage] = value - coefficient * passed
                value = passed
                values[item, n, stage + 1] = value
            returned = value


@compiled(
    "void(f4[:,::1],f4[::1],f4[::1],f4[:,:,::1],f4[:,:,::1],f4[:,::1],f4[:,::1],f4[:,::1],f4[:,::1],f8[::1],f8[::1])"
)
def run_all_passes_back(  # type: ignore[no-untyped-def]
    coefficients, feedback, last, values, memories, error, memory_error, audio_error, coefficient_error, other, before
):
    """The adjoint of :func:`run_all_passes`; ``memory_error`` turns from the last memories' gradients to the first's.

    ``other`` takes the gradient of ``feedback``, ``before`` that of ``last``.
    """
    batch, samples = error.shape
    stages = memories.shape[2]
    for item in range(batch):
        returned = 0.0
        for back in range(samples):
            n = samples - 1 - back
            coefficient = coefficients[item, n]
            slope = 0.0
            wanted = error[item, n] + returned
            for step in range(stages):
                stage = stages - 1 - step
                kept = memory_error[item, stage]
                passed = wanted - coefficient * kept
                slope += values[item, n, stage] * passed - values[item, n, stage + 1] * kept
                memory_error[item, stage] = passed
                wanted = coefficient * passed + kept
            coefficient_error[item, n] = slope
            audio_error[item, n] = wanted
            returned = feedback[item] * wanted
            other[item] += wanted * (values[item, n - 1, stages] if n else last[item])
        before[item] = returned


class _CompiledAllPasses(torch.autograd.Function):
    """:func:`run_all_passes` with its adjoint."""

    @staticmethod
    def forward(ctx: Any, audio: Tensor, coefficients: Tensor, feedback: Tensor, stored: Tensor, last: Tensor) -> Any:
        """Output ``(batch, samples)`` and memories ``(batch, stages)``."""
        inputs = [item.contiguous() for item in (audio, coefficients, feedback, stored, last)]
        values = torch.empty(*audio.shape, stored.shape[1] + 1)
        memories = torch.empty(audio.shape[0], audio.shape[1] + 1, stored.shape[1])
        run_all_passes(*(item.numpy() for item in inputs), values.numpy(), memories.numpy())  # type: ignore[call-arg]
        ctx.save_for_backward(inputs[1], inputs[2], inputs[4], values, memories)
        return values[..., -1].clone(), memories[:, -1].clone()

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> Any:
        """Gradients of all five inputs."""
        tensors = [tensor.numpy() for tensor in ctx.saved_tensors]
        error, memory_error = (item.contiguous().numpy() for item in errors)
        memory_error = memory_error.copy()
        audio_error, coefficient_error = np.empty_like(error), np.empty_like(error)
        other, before = np.zeros(len(error)), np.zeros(len(error))
        run_all_passes_back(*tensors, error, memory_error, audio_error, coefficient_error, other, before)  # type: ignore[call-arg]
        return (
            torch.from_numpy(audio_error),
            torch.from_numpy(coefficient_error),
            torch.from_numpy(other).float(),
            torch.from_numpy(memory_error),
            torch.from_numpy(before).float(),
        )


def all_passes(
    audio: Tensor, coefficients: Tensor, feedback: Tensor, stored: Tensor, last: Tensor
) -> tuple[Tensor, Tensor]:
    """Send sound through ``H(z) = (a + z^-1) / (1 + a z^-1)`` several times.

    Args:
        audio: ``(batch, samples)``.
        coefficients: ``a`` of all stages at each sample ``(batch, samples)``, between -1 and 1.
        feedback: Share of the output that is added to the input one sample later ``(batch,)``.
        stored: Memories of the stages ``(batch, stages)``.
        last: Output before the first sample ``(batch,)``.

    Returns:
        Output ``(batch, samples)`` and the memories afterwards.
    """
    tracing = torch.onnx.is_in_onnx_export() or torch.jit.is_tracing() or torch.compiler.is_compiling()
    if audio.device.type == "cpu" and not tracing:
        return _CompiledAllPasses.apply(audio, coefficients, feedback, stored, last)
    memories = list(stored.unbind(1))
    out = []
    for n in range(audio.shape[1]):
        coefficient = coefficients[:, n]
        value = audio[:, n] + feedback * last
        for stage, memory in enumerate(memories):
            passed = coefficient * value + memory
            memories[stage] = value - coefficient * passed
            value = passed
        last = value
        out.append(value)
    return torch.stack(out, dim=1), torch.stack(memories, dim=1)
