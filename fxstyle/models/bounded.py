"""A head for controllers that cannot get stuck at the ends of a range."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def bounded(raw: Tensor) -> Tensor:
    """Clamp to 0..1; the gradient passes unless a step against it would lead further outside.

    A sigmoid that has once gone to 0 or 1 has no slope there and stays for ever; this comes back as soon as the loss
    asks for it.
    """
    return _Bounded.apply(raw)


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, raw: Tensor) -> Tensor:
        ctx.save_for_backward(raw)
        return raw.clamp(0.0, 1.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> Tensor:
        (raw,) = ctx.saved_tensors
        outwards = ((raw > 1.0) & (incoming < 0.0)) | ((raw < 0.0) & (incoming > 0.0))
        return incoming.masked_fill(outwards, 0.0)
