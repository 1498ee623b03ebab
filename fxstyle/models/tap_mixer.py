"""Copies of a sound at fixed delays, weighed by the phase of an LFO: what a recurrent net cannot keep for itself."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fxstyle.models.emulator import ConditionedValues

_RIDGE = 1e-6
_STEP = 151


def delayed(joined: Tensor, taps: int, spacing: int) -> Tensor:
    """The present and past of a sound side by side.

    Args:
        joined: ``(batch, 1, taps * spacing + samples)``.
        taps: How many copies there are beside the undelayed one.
        spacing: Samples between them.

    Returns:
        ``(batch, 1 + taps, samples)``.
    """
    samples = joined.shape[-1] - taps * spacing
    return torch.cat([joined[..., at * spacing : at * spacing + samples] for at in range(taps, -1, -1)], dim=1)


class TapMixer(nn.Module):
    """A sum of copies whose weights are Fourier series of the LFO's phase.

    A delay that an LFO moves by +-d turns a partial of frequency f into sidebands of Bessel functions of 2 pi f d
    (Chowning, 1973): ``harmonics`` of about that many are enough for it.

    Args:
        taps: Copies beside the undelayed one.
        harmonics: Harmonics of the LFO in each weight.
        conditions: Size of the condition.
    """

    def __init__(self, taps: int, harmonics: int, conditions: int) -> None:
        super().__init__()
        self.taps = taps
        self.harmonics = harmonics
        self.weights = ConditionedValues(torch.zeros((1 + taps) * (1 + 2 * harmonics)), conditions)

    def forward(self, copies: Tensor, angles: Tensor, condition: Tensor | None) -> Tensor:
        """Mix copies ``(batch, 1 + taps, samples)`` by phase ``(batch, samples)`` to ``(batch, 1, samples)``."""
        series = self.series(angles)
        weights = self.weights(condition, len(copies)).view(len(copies), 1 + self.taps, -1) @ series
        return (weights * copies).sum(dim=1, keepdim=True)

    def series(self, angles: Tensor) -> Tensor:
        """One, cosines and sines of the phase's multiples ``(batch, 1 + 2 harmonics, samples)``."""
        orders = torch.arange(1, self.harmonics + 1, dtype=angles.dtype, device=angles.device)
        multiples = orders[:, None] * angles[:, None]
        return torch.cat((torch.ones_like(angles)[:, None], multiples.cos(), multiples.sin()), dim=1)

    @torch.no_grad()
    def solve(self, sounds: Iterable[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
        """The weights with the least squared error at evenly spread places in recordings of one setting.

        Args:
            sounds: Copies ``(1 + taps, samples)``, phase ``(samples,)`` and wet sound ``(samples,)`` of each recording.

        Returns:
            ``(weights,)``; zeros where there is no recording.
        """
        size = len(self.weights.base)
        gram = torch.zeros(size, size, device=self.weights.base.device)
        right = torch.zeros(size, device=gram.device)
        for copies, angles, wet in sounds:
            # A prime step, so that no partial of the sound and no LFO is always met at the same phase.
            for part in torch.arange(0, len(wet), _STEP, device=gram.device).split(4096):
                series = self.series(angles[None, part])[0]
                rows = (copies[:, None, part] * series).flatten(0, 1)
                gram += rows @ rows.T
                right += rows @ wet[part]
        gram.diagonal().add_(_RIDGE * gram.diagonal().mean() + 1e-12)
        return torch.linalg.solve(gram, right)
