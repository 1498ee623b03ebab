"""The spectral distance of other people's recipes, to compare with them on their own terms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fxstyle.errors import InputError

FFT_SIZES = (512, 1024, 2048)
HOPS = (50, 120, 240)
WINDOWS = (240, 600, 1200)
_LEAST_POWER = 1e-8


class ConvergenceSTFT(nn.Module):
    """Spectral convergence plus log-magnitude distance, averaged over three resolutions.

    At each it is ``||S - S'||_F / ||S||_F`` plus the mean of ``|ln S - ln S'|``, with the target's magnitudes
    ``S = sqrt(max(|STFT|^2, 1e-8))`` and clips mirrored at their ends. The norms run over the whole batch, so that
    loud items decide; :class:`~fxstyle.losses.spectral.MultiResolutionSTFT` is the distance of our own recipes.

    Source: Yamamoto et al. 2020, eq. 3 to 6, with the resolutions of their table 1, as in auraloss 0.4.0 and in
    neural-amp-modeler.
    """

    def __init__(self) -> None:
        super().__init__()
        for length in WINDOWS:
            self.register_buffer(f"window_{length}", torch.hann_window(length), persistent=False)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The distance of a whole batch, a scalar.

        Args:
            prediction: ``(batch, channels, samples)`` of more than 1,024 samples.
            target: Of the same shape; it gets no gradient.

        Raises:
            InputError: The sounds are too short to be mirrored.
        """
        if prediction.shape[-1] <= FFT_SIZES[-1] // 2:
            raise InputError(
                f"the spectral distance of loss=emulation_nam needs pieces of more than {FFT_SIZES[-1] // 2} samples, "
                f"not {prediction.shape[-1]}: lengthen the segments, or task.tbptt_samples, or use loss=emulation"
            )
        total = prediction.new_zeros(())
        with torch.autocast(prediction.device.type, enabled=False):
            for resolution in zip(FFT_SIZES, HOPS, WINDOWS, strict=True):
                found = self._magnitude(prediction.float(), *resolution)
                wanted = self._magnitude(target.detach().float(), *resolution)
                convergence = torch.linalg.vector_norm(wanted - found) / torch.linalg.vector_norm(wanted)
                total = total + convergence + (wanted.log() - found.log()).abs().mean()
        return total / len(FFT_SIZES)

    def _magnitude(self, audio: Tensor, size: int, hop: int, window: int) -> Tensor:
        """Magnitudes ``(batch * channels, bins, frames)``."""
        flat, half = audio.flatten(0, 1), size // 2
        # Reflecting by hand, as PyTorch's own has no deterministic gradient on a GPU.
        mirrored = torch.cat([flat[:, 1 : half + 1].flip(1), flat, flat[:, -half - 1 : -1].flip(1)], dim=1)
        spectrum = torch.stft(
            mirrored, size, hop, window, getattr(self, f"window_{window}"), center=False, return_complex=True
        )
        return (spectrum.real.square() + spectrum.imag.square()).clamp(min=_LEAST_POWER).sqrt()
