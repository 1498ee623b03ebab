"""Distance between two styles, where the content differs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fxstyle.errors import InputError
from fxstyle.features.style_features import GROUPS

WEIGHTS: Mapping[str, float] = {
    "spectrum": 2.8,
    "variation": 1.6,
    "level": 2.7,
    "shape": 3.0,
    "dynamics": 0.7,
    "modulation": 0.7,
    "echo": 0.37,
    "comb": 1.0,
    "width": 1.0,
}
"""How far effects move a group, over how far it differs between two halves of one recording at the same settings.

Measured on 360 pairs of training recordings through the six effects of ``mda_paper`` (docs/style_transfer.md); mono
sound says nothing about the width.
"""


class StyleDistance(nn.Module):
    """Weighted mean over groups of the mean absolute difference of their features.

    Args:
        weights: Weight of each group of :data:`fxstyle.features.style_features.GROUPS`; one that is left out has its
            default.
    """

    weight: Tensor

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        chosen = {**WEIGHTS, **(weights or {})}
        if unknown := sorted(set(chosen) - {name for name, _ in GROUPS}):
            raise InputError(
                f"style weights: {unknown[0]!r} is no group; choose from {', '.join(n for n, _ in GROUPS)}"
            )
        if min(chosen.values()) < 0 or sum(chosen.values()) <= 0:
            raise InputError("style weights must be 0 or more, and not all 0")
        total = sum(chosen.values())
        parts = [torch.full((count,), chosen[name] / total / count) for name, count in GROUPS]
        self.register_buffer("weight", torch.cat(parts), persistent=False)

    def forward(self, features: Tensor, reference: Tensor) -> Tensor:
        """Distances ``(batch,)`` of features ``(batch, FEATURES)`` to ``(1 or batch, FEATURES)``."""
        return (features - reference).abs() @ self.weight
