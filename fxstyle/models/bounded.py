"""Outputs in 0..1 that never stick at the ends."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, raw: Tensor) -> Tensor:
        context.save_for_backward(raw)
        return raw.clamp(0.0, 1.0)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (raw,) = context.saved_tensors
        # A descent step goes against the gradient.
        outward = ((raw < 0.0) & (gradient > 0.0)) | ((raw > 1.0) & (gradient < 0.0))
        return gradient.masked_fill(outward, 0.0)


def bounded(raw: Tensor) -> Tensor:
    """Clamp to 0..1; the gradient passes unless descent would push a value that is outside further out.

    A sigmoid at its end has no gradient and stays there for good; this comes back as soon as the loss asks for it.
    """
    return _Bounded.apply(raw)
