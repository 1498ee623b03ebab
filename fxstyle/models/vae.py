"""The convolutional spectrogram VAE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from fxstyle.errors import InputError
from fxstyle.models.spectrogram import Spectrogram


@dataclass(frozen=True)
class Posterior:
    """A diagonal Gaussian for each clip.

    Attributes:
        mean: ``(batch, latent)``; what is used at inference.
        log_variance: ``(batch, latent)``.
    """

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw ``(batch, latent)`` by reparameterisation."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + noise * torch.exp(0.5 * self.log_variance)

    def divergence(self) -> Tensor:
        """KL divergence to the standard normal in nats, for each unit ``(batch, latent)``.

        Source: Kingma and Welling 2014, appendix B.
        """
        return 0.5 * (self.mean**2 + self.log_variance.exp() - 1.0 - self.log_variance)


class SpectrogramVAE(nn.Module):
    """Encodes a clip's spectrogram into one latent vector and decodes it.

    Strided 3x3 convolutions halve both axes at every layer. Group normalisation is used because batch statistics
    would follow the effect of the epoch.

    Args:
        spectrogram: The front end.
        samples: Samples of a clip; the latent sees a whole clip at once.
        audio_channels: Channels of the sound.
        channels: Channels of each convolution, as Grant's 8-16-32-32.
        latent: Size of the latent vector.
        pooling: What of the last convolution reaches the latent vector: ``none`` keeps every frame, ``statistics``
            keeps mean and deviation over time, so that it matters what happens in a clip but not when.
    """

    def __init__(
        self,
        spectrogram: Spectrogram,
        samples: int,
        audio_channels: int,
        channels: Sequence[int],
        latent: int,
        pooling: Literal["none", "statistics"] = "none",
    ) -> None:
        super().__init__()
        if pooling not in ("none", "statistics"):
            raise InputError(f"model.pooling: {pooling!r} is unknown; choose none or statistics")
        if latent < 1 or not channels or min(channels) < 1:
            raise InputError(f"model.latent and model.channels must be positive, not {latent} and {list(channels)}")
        shapes = [(spectrogram.bins, spectrogram.frames(samples))]
        for _ in channels:
            bins, frames = shapes[-1]
            shapes.append(((bins + 1) // 2, (frames + 1) // 2))
        # Normalising groups of one value would leave constants.
        group = channels[-1] // _groups(channels[-1]) * shapes[-1][0] * shapes[-1][1]
        if min(shapes[-2]) < 2 or group < 2:
            raise InputError(
                f"model.channels: {len(channels)} layers halve a spectrogram of {shapes[0]} to nothing; "
                "use fewer layers, longer clips (data.clip_samples) or a smaller model.spectrogram.hop"
            )
        self.spectrogram = spectrogram
        self.samples = samples
        self.latent = latent
        widths = [audio_channels, *channels]
        self.encoder = nn.Sequential(*(_down(widths[i], widths[i + 1]) for i in range(len(channels))))
        self.pooling = pooling
        self.narrowest = (widths[-1], *shapes[-1])
        flat = widths[-1] * shapes[-1][0] * shapes[-1][1]
        seen = flat if pooling == "none" else 2 * flat // shapes[-1][1]
        self.to_posterior = nn.Linear(seen, 2 * latent)
        self.from_latent = nn.Linear(latent, flat)
        self.decoder = nn.Sequential(
            *(
                _up(widths[i + 1], widths[i], shapes[i + 1], shapes[i], last=i == 0)
                for i in reversed(range(len(channels)))
            )
        )

    def encode(self, spectrogram: Tensor) -> Posterior:
        """Posterior of a normalised spectrogram ``(batch, channels, bins, frames)``."""
        features = self.encoder(spectrogram)
        if self.pooling == "statistics":
            # Without the small term, the deviation of a constant has no gradient.
            deviation = (features.var(dim=3, unbiased=False) + 1e-5).sqrt()
            features = torch.cat((features.mean(dim=3), deviation), dim=1)
        mean, log_variance = self.to_posterior(features.flatten(1)).float().chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(-12.0, 6.0))

    def decode(self, latent: Tensor) -> Tensor:
        """Normalised spectrogram ``(batch, channels, bins, frames)`` of ``(batch, latent)``."""
        return self.decoder(self.from_latent(latent).unflatten(1, self.narrowest))

    def forward(self, audio: Tensor) -> Posterior:
        """Posterior of sound ``(batch, channels, samples)``."""
        if audio.shape[-1] != self.samples:
            raise InputError(
                f"the model was built for clips of {self.samples} samples, but got {audio.shape[-1]}; "
                "keep data.clip_samples as it was in training"
            )
        return self.encode(self.spectrogram(audio))


def _down(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.GroupNorm(_groups(outputs), outputs), nn.SiLU()
    )


def _up(inputs: int, outputs: int, small: tuple[int, int], large: tuple[int, int], last: bool) -> nn.Module:
    # A stride of 2 gives 2 n - 1 + padding: the padding restores an odd or even size.
    extra = (large[0] - (2 * small[0] - 1), large[1] - (2 * small[1] - 1))
    layer = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=extra)
    return layer if last else nn.Sequential(layer, nn.GroupNorm(_groups(outputs), outputs), nn.SiLU())


def _groups(channels: int) -> int:
    return next(groups for groups in (8, 4, 2, 1) if channels % groups == 0)
