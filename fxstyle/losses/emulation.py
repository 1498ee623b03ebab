"""What an emulation learns from: the difference of two waveforms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from fxstyle.errors import InputError
from fxstyle.losses.pre_emphasis import PreEmphasis
from fxstyle.losses.spectral import MultiResolutionSTFT

FLOOR = 1e-5
"""Mean power (-50 dBFS) that is added to that of the target, so that silence can be divided by."""


class EmulationLoss(nn.Module):
    """A weighted sum of errors of a waveform; those of weight 0 are not computed.

    With the error ``e`` and the target ``y``, means over the whole batch, and ``h`` the pre-emphasis:
    ``esr = mean((h * e)^2) / (mean((h * y)^2) + 1e-5)``, ``dc = mean(m^2) / (mean(y^2) + 1e-5)`` with ``m`` the
    mean of ``e`` over each item's time, ``mse = mean(e^2)``, ``l1 = mean(|e|)``. The energies of a batch are added up
    before they are divided, so that a silent item does no harm. ``mrstft`` is the multi-resolution spectral distance,
    the mean over items.

    Args:
        esr: Weight of the error-to-signal ratio.
        dc: Weight of the offset.
        mse: Weight of the mean squared error.
        l1: Weight of the mean absolute error.
        mrstft: Weight of the spectral distance; it does not see the phase and cannot stand alone.
        pre_emphasis: Coefficients of the filter before ``esr``; ``None`` takes the waveform as it is.
        fft_sizes: Sizes of the FFT of ``mrstft`` in samples.
        distance: Another spectral distance of two sounds ``(batch, channels, samples)`` in place of ours.

    Raises:
        InputError: A weight below 0 or infinite, all weights 0, no weight on the waveform, or filter coefficients or
            sizes that cannot be used.

    Source: Wright and Valimaki 2020, eq. 2 to 4, for ``esr``, ``dc`` and the floor.
    """

    def __init__(
        self,
        esr: float = 1.0,
        dc: float = 1.0,
        mse: float = 0.0,
        l1: float = 0.0,
        mrstft: float = 0.0,
        pre_emphasis: Sequence[float] | None = (1.0, -0.85),
        fft_sizes: Sequence[int] = (128, 512, 2048),
        distance: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.weights = {"esr": esr, "dc": dc, "mse": mse, "l1": l1, "mrstft": mrstft}
        for name, weight in self.weights.items():
            if not (weight >= 0 and math.isfinite(weight)):
                raise InputError(f"loss.loss.{name} must be 0 or more and finite, not {weight}")
        if not esr + mse + l1 > 0:
            raise InputError(
                "loss.loss.esr, mse or l1 must be above 0: dc and mrstft do not see the phase, and alone they would "
                "accept a waveform that is far from the target"
            )
        self.filter = None if pre_emphasis is None else PreEmphasis(pre_emphasis)
        self.distance = distance or MultiResolutionSTFT(fft_sizes)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            prediction: ``(batch, 1, samples)``.
            target: Of the same shape; it gets no gradient.
        """
        terms = self.terms(prediction, target)
        return sum((self.weights[name] * term for name, term in terms.items()), start=prediction.new_zeros(()).float())

    def terms(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The errors that have a weight, without it, each a scalar.

        Args:
            prediction: ``(batch, 1, samples)``.
            target: Of the same shape; it gets no gradient.

        Raises:
            ValueError: Shapes differ.
        """
        if prediction.shape != target.shape:
            raise ValueError(f"prediction {tuple(prediction.shape)} does not fit target {tuple(target.shape)}")
        # Half precision cannot hold the squares of quiet sound.
        output, wanted = prediction.float(), target.detach().float()
        error = output - wanted
        terms = {}
        if self.weights["esr"]:
            # The filter is linear: that of the difference is the difference of the filtered.
            heard, signal = (error, wanted) if self.filter is None else (self.filter(error), self.filter(wanted))
            terms["esr"] = heard.square().mean() / (signal.square().mean() + FLOOR)
        if self.weights["dc"]:
            terms["dc"] = error.mean(dim=-1).square().mean() / (wanted.square().mean() + FLOOR)
        if self.weights["mse"]:
            terms["mse"] = error.square().mean()
        if self.weights["l1"]:
            terms["l1"] = error.abs().mean()
        if self.weights["mrstft"]:
            terms["mrstft"] = self.distance(output, wanted).mean()
        return terms
