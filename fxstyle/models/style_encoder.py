"""Encoders that a controller listens with: from sound to one vector a clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fxstyle.features.style_features import FEATURES, style_features
from fxstyle.models.vae import SpectrogramVAE


class StatisticsEncoder(nn.Module):
    """Style features (:mod:`fxstyle.features.style_features`): nothing to train.

    Args:
        sample_rate: In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.size = FEATURES

    def forward(self, audio: Tensor) -> Tensor:
        """Features ``(batch, size)`` of ``(batch, channels, samples)``."""
        with torch.no_grad():
            return style_features(audio, self.sample_rate)


class VAEEncoder(nn.Module):
    """The posterior mean of a spectrogram VAE.

    Args:
        vae: The VAE; trained weights are loaded by whoever builds an experiment.
        frozen: Whether it stays as it is while the controller trains.
    """

    def __init__(self, vae: SpectrogramVAE, frozen: bool) -> None:
        super().__init__()
        self.vae = vae
        self.frozen = frozen
        self.size = vae.latent
        # The decoder has no part in this.
        for part in (vae.decoder, vae.from_latent) if not frozen else (vae,):
            part.requires_grad_(False)

    def forward(self, audio: Tensor) -> Tensor:
        """Latent vectors ``(batch, size)`` of ``(batch, channels, samples)``."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.vae(audio).mean
