"""The spectrogram that networks see, computed on the device from the waveform."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fxstyle.errors import InputError


class Spectrogram(nn.Module):
    """Compressed magnitude spectrogram, normalised for each clip so that volume is not encoded.

    Args:
        n_fft: Samples of a transform; the result has ``n_fft / 2`` bins (without the Nyquist bin).
        window: Samples of the Hann window.
        hop: Samples between frames.
        exponent: Power that the magnitude is raised to, as Grant's ``|X|^0.3``.
    """

    hann: Tensor

    def __init__(self, n_fft: int, window: int, hop: int, exponent: float) -> None:
        super().__init__()
        # A hop above half a window leaves gaps, and an end, that cannot be turned back into sound.
        if not (0 < 2 * hop <= window <= n_fft) or n_fft % 2:
            raise InputError(
                f"model.spectrogram: needs 0 < 2 hop <= window <= n_fft and an even n_fft, not hop={hop}, "
                f"window={window}, n_fft={n_fft}"
            )
        if not 0 < exponent <= 1:
            raise InputError(f"model.spectrogram.exponent must lie in (0, 1], not {exponent}")
        self.n_fft = n_fft
        self.hop = hop
        self.exponent = exponent
        self.register_buffer("hann", torch.hann_window(window), persistent=False)

    def frames(self, samples: int) -> int:
        """Frames of a clip of so many samples."""
        return samples // self.hop

    @property
    def bins(self) -> int:
        """Frequency bins."""
        return self.n_fft // 2

    def transform(self, audio: Tensor) -> Tensor:
        """Complex spectrum ``(batch, channels, bins, frames)`` of sound; stereo as mid and side."""
        if audio.shape[1] == 2:
            audio = torch.stack((audio[:, 0] + audio[:, 1], audio[:, 0] - audio[:, 1]), dim=1) * 0.5
        batch, channels, samples = audio.shape
        # Transforms have no half-precision kernels; reflection has no deterministic backward on GPUs.
        with torch.autocast(audio.device.type, enabled=False):
            spectrum = torch.stft(
                audio.reshape(-1, samples).float(),
                self.n_fft,
                self.hop,
                self.hann.numel(),
                self.hann,
                pad_mode="constant",
                return_complex=True,
            )
        frames = self.frames(samples)
        return spectrum[:, :-1, :frames].reshape(batch, channels, self.bins, frames)

    def forward(self, audio: Tensor) -> Tensor:
        """Normalised spectrogram ``(batch, channels, bins, frames)``: mean 0 and variance 1 in each clip."""
        return self.normalise(self.compress(self.transform(audio)))[0]

    def compress(self, spectrum: Tensor) -> Tensor:
        """Magnitude raised to the exponent."""
        return spectrum.abs().clamp_min(1e-8) ** self.exponent

    def normalise(self, compressed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Subtract each clip's mean and divide by its deviation; also returns both, ``(batch, 1, 1, 1)``."""
        mean = compressed.mean(dim=(1, 2, 3), keepdim=True)
        deviation = compressed.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-5)
        return (compressed - mean) / deviation, mean, deviation

    def to_audio(self, normalised: Tensor, like: Tensor) -> Tensor:
        """Sound of a normalised spectrogram, with the phase and level of ``like`` ``(batch, channels, samples)``."""
        batch, channels, samples = like.shape
        spectrum = self.transform(like)
        _, mean, deviation = self.normalise(self.compress(spectrum))
        magnitude = (normalised.float() * deviation + mean).clamp_min(0.0) ** (1.0 / self.exponent)
        complete = torch.polar(magnitude, spectrum.angle()).reshape(batch * channels, self.bins, -1)
        complete = nn.functional.pad(complete, (0, samples // self.hop + 1 - complete.shape[-1], 0, 1))
        audio = torch.istft(complete, self.n_fft, self.hop, self.hann.numel(), self.hann, length=samples)
        audio = audio.reshape(batch, channels, samples)
        if channels == 2:
            audio = torch.stack((audio[:, 0] + audio[:, 1], audio[:, 0] - audio[:, 1]), dim=1)
        return audio
