"""Distances between spectra at many resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from fxstyle.errors import InputError

FFT_SIZES = (32, 128, 512, 2048, 8192, 32768)
FLOOR = 1e-4
"""Smallest magnitude: whatever is quieter counts as this, so that silence has a logarithm."""
_PIECE_SAMPLES = 1 << 18


class MultiResolutionSTFT(nn.Module):
    """Distance of magnitude spectra, averaged over resolutions, for each item by itself.

    At each size of the FFT (Hann window, hop of half the size, silence around the clip) it is the mean over channels,
    bins and frames of ``linear |S - S'| + log |ln S - ln S'|`` with magnitudes ``S = max(|STFT|, 1e-4)``. Stereo sound
    counts as mid ``(left + right) / 2`` and side ``(left - right) / 2``. No item depends on another, unlike with the
    spectral convergence that some versions add.

    Args:
        fft_sizes: Sizes of the FFT in samples; clips may be shorter.
        linear: Weight of the difference of magnitudes.
        log: Weight of the difference of their natural logarithms.
        bandwidth: Share of the frequencies up to half the sample rate that count, such as those which a reference of a
            lower rate can have.

    Raises:
        InputError: No size, an odd one, a negative weight or a bandwidth outside 0 to 1.

    Source: Yamamoto et al. 2020, eq. 5 and 6, with the sizes and weights of Steinmetz et al. 2022 (DeepAFx-ST).
    """

    def __init__(
        self, fft_sizes: Sequence[int] = FFT_SIZES, linear: float = 1.0, log: float = 1.0, bandwidth: float = 1.0
    ) -> None:
        super().__init__()
        if not 0 < bandwidth <= 1:
            raise InputError(f"loss.bandwidth must lie above 0 and up to 1, not {bandwidth}")
        if not fft_sizes or any(size < 2 or size % 2 for size in fft_sizes):
            raise InputError(f"loss.fft_sizes must hold even numbers of at least 2, not {list(fft_sizes)}")
        if not (0 <= linear < float("inf") and 0 <= log < float("inf")) or linear + log == 0:
            raise InputError(f"loss.linear and loss.log must be 0 or more and not both 0, not {linear} and {log}")
        self.fft_sizes = tuple(fft_sizes)
        self.linear = linear
        self.log = log
        self.bandwidth = bandwidth
        for size in self.fft_sizes:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def spectra(self, audio: Tensor) -> list[Tensor]:
        """Magnitudes of ``(batch, channels, samples)``, for each size ``(batch, channels, frames, bins)``.

        A target's can be computed once and given to :meth:`forward` as often as needed.
        """
        with torch.no_grad(), torch.autocast(audio.device.type, enabled=False):
            sides = _mid_side(audio.float())
            return [_magnitude(self._spectrum(sides, size)) for size in self.fft_sizes]

    def forward(self, prediction: Tensor, target: Tensor | Sequence[Tensor]) -> Tensor:
        """The distance ``(batch,)`` of a prediction ``(batch, channels, samples)`` to a target.

        Args:
            prediction: The sound that is judged.
            target: Sound of the same shape or its :meth:`spectra`; one of batch 1 serves all predictions. It gets no
                gradient.

        Raises:
            ValueError: Prediction and target differ in channels or samples, or in a batch above 1.
        """
        wanted = self.spectra(target) if isinstance(target, Tensor) else target
        # Pieces that stay in the cache take a third less time.
        items = max(1, _PIECE_SAMPLES // max(1, prediction[0].numel()))
        with torch.autocast(prediction.device.type, enabled=False):
            distances = []
            for start in range(0, len(prediction), items):
                sides = _mid_side(prediction[start : start + items].float())
                total = sides.new_zeros(len(sides))
                for size, reference in zip(self.fft_sizes, wanted, strict=True):
                    spectrum = self._spectrum(sides, size)
                    if spectrum.shape[1:] != reference.shape[1:] or len(reference) not in (1, len(prediction)):
                        raise ValueError(
                            f"prediction {tuple(prediction.shape)} does not fit a target whose spectra at {size} have "
                            f"the shape {tuple(reference.shape)}, not {tuple(spectrum.shape)}"
                        )
                    piece = reference if len(reference) == 1 else reference[start : start + items]
                    total = total + _Distance.apply(spectrum, piece, self.linear, self.log)
                distances.append(total / len(self.fft_sizes))
            return torch.cat(distances)

    def candidates(self, predictions: Tensor, target: Tensor | Sequence[Tensor]) -> Tensor:
        """The distances ``(batch, candidates)`` of ``(batch, candidates, channels, samples)`` to their item's target.

        Args:
            predictions: Several sounds for each item.
            target: Sound ``(batch, channels, samples)`` or its :meth:`spectra`; one of batch 1 serves all items.
        """
        wanted = self.spectra(target) if isinstance(target, Tensor) else target
        own = [wanted if len(wanted[0]) == 1 else [s[i : i + 1] for s in wanted] for i in range(len(predictions))]
        return torch.stack([self(*pair) for pair in zip(predictions, own, strict=True)])

    def _spectrum(self, audio: Tensor, size: int) -> Tensor:
        """The STFT ``(batch, channels, frames, bins)``, which is its layout in memory."""
        batch, channels, samples = audio.shape
        spectrum = torch.stft(
            audio.reshape(batch * channels, samples),
            n_fft=size,
            hop_length=size // 2,
            window=getattr(self, f"window_{size}"),
            pad_mode="constant",
            return_complex=True,
        )
        spectrum = spectrum.transpose(1, 2).unflatten(0, (batch, channels))
        if self.bandwidth == 1:
            return spectrum
        return spectrum[..., : max(1, int(self.bandwidth * (size // 2 + 1)))].contiguous()


class _Distance(torch.autograd.Function):
    """The distance of each item at one size, with its gradient in a single pass over the spectrum."""

    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, reference: Tensor, linear: float, log: float) -> Tensor:
        magnitude = _magnitude(spectrum)
        difference = magnitude - reference
        if ctx.needs_input_grad[0]:
            # Both terms have the sign of the difference; whatever lies below the floor has no slope.
            slope = difference.sign() * (linear + log / magnitude) / magnitude
            slope = torch.where(magnitude > FLOOR, slope, 0.0) * (len(magnitude) / magnitude.numel())
            ctx.save_for_backward(spectrum, slope)
        total = difference.abs_().mean(dim=(1, 2, 3)) * linear
        if log:
            total = total + log * (magnitude.log_() - reference.log()).abs_().mean(dim=(1, 2, 3))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor, None, None, None]:
        spectrum, slope = ctx.saved_tensors
        return spectrum * (slope * incoming[:, None, None, None]), None, None, None


def _magnitude(spectrum: Tensor) -> Tensor:
    """Magnitudes from the floor up, in far fewer passes than ``abs()`` takes."""
    power = torch.addcmul(spectrum.real.square(), spectrum.imag, spectrum.imag)
    return power.sqrt_().clamp_min_(FLOOR)


def _mid_side(audio: Tensor) -> Tensor:
    """Mid and side of stereo sound; other sound as it is."""
    if audio.shape[-2] != 2:
        return audio
    left, right = audio.unbind(-2)
    return torch.stack([(left + right) / 2, (left - right) / 2], dim=-2)
