"""A short filter before a loss, so that errors count where the ear hears them and not where the energy is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from fxstyle.errors import InputError


class PreEmphasis(nn.Module):
    """A causal FIR filter ``y[n] = sum_k h[k] x[n - k]``, with silence before the sound.

    Args:
        coefficients: ``h``, first that of the sample itself: ``[1, -0.85]`` is a high-pass; ``[1, 0, -1]`` the folded
            differentiator, which also takes away what is near half the sample rate; ``[1, 0, -0.7225]`` the high-pass
            followed by the low-pass ``[1, 0.85]``.

    Raises:
        InputError: No coefficients, only zeros or one that is not finite.

    Source: Wright and Valimaki 2020, "Perceptual loss function for neural modeling of audio systems", sec. 3.
    """

    def __init__(self, coefficients: Sequence[float]) -> None:
        super().__init__()
        self.coefficients = tuple(coefficients)
        if not any(self.coefficients) or not all(map(math.isfinite, self.coefficients)):
            raise InputError(
                "loss.loss.pre_emphasis must hold finite numbers that are not all 0, such as [1, -0.85], or be null, "
                f"not {list(coefficients)}"
            )

    def forward(self, audio: Tensor) -> Tensor:
        """Sound of the same shape ``(batch, channels, samples)``."""
        before = len(self.coefficients) - 1
        padded = functional.pad(audio, (before, 0))
        # For a few taps a CPU adds shifted copies many times faster than it convolves.
        filtered = self.coefficients[0] * audio
        for delay, coefficient in enumerate(self.coefficients[1:], start=1):
            filtered = filtered + coefficient * padded[..., before - delay : before - delay + audio.shape[-1]]
        return filtered
