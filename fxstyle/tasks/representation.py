"""The representation task: a VAE learns a timbre space across effects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional

from fxstyle.data.dataset import Batch
from fxstyle.losses.annealing import Annealing
from fxstyle.metrics.per_effect import ActiveUnits, PerEffectMean
from fxstyle.models.vae import SpectrogramVAE
from fxstyle.tasks.randomness import step_generator

log = logging.getLogger(__name__)

COLLAPSED_BELOW = 2
"""Active units from which on a latent space counts as collapsed."""


class Representation(pl.LightningModule):
    """Trains a spectrogram VAE on wet sound.

    The monitored ``val/score/macro`` is the mean over effects of the reconstruction error plus the *final* weight
    times the divergence: a constant yardstick while the training weight moves.

    Args:
        model: The VAE.
        beta: Weight of the divergence (nats a clip) beside the squared error (mean over bins of variance 1).
        optimizer: ``parameters -> optimizer``.
        seen: Names of the training effects, in the order of their index.
        unseen: Names of the effects kept for the test.
        seed: Seeds the latent noise.
    """

    def __init__(
        self,
        model: SpectrogramVAE,
        beta: Annealing,
        optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer],
        seen: tuple[str, ...],
        unseen: tuple[str, ...],
        seed: int,
    ) -> None:
        super().__init__()
        self.model = model
        self.beta = beta
        self.optimizer = optimizer
        self.seen = seen
        self.names = seen + unseen
        self.seed = seed
        splits = ("fit", "validation", "testing")
        self.errors = torch.nn.ModuleDict({split: PerEffectMean(len(self.names)) for split in splits})
        self.divergences = torch.nn.ModuleDict({split: PerEffectMean(len(self.names)) for split in splits})
        self.active_units = ActiveUnits(model.latent)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch."""
        target = self.model.spectrogram(batch["wet"])
        posterior = self.model.encode(target)
        generator = step_generator(self.device, self.seed, self.current_epoch, batch_index, self.global_rank)
        reconstruction = self.model.decode(posterior.sample(generator))
        error = functional.mse_loss(reconstruction.float(), target, reduction="none").mean(dim=(1, 2, 3))
        divergence = posterior.divergence().sum(dim=1)
        beta = self.beta(self.current_epoch + batch_index / max(1, self.trainer.num_training_batches))
        loss = (error + beta * divergence).mean()
        self._update("fit", error, divergence, batch["effect"])
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(error))
        self.log("train/beta", beta, on_step=True, on_epoch=False)
        rejected = batch["rejected"].sum().float()
        self.log("train/rejected", rejected, on_step=False, on_epoch=True, sync_dist=True, reduce_fx="sum")
        return loss

    def on_train_epoch_end(self) -> None:
        """Log what the epoch's effect reached."""
        errors, divergences = self._metrics("fit")
        self.log("train/reconstruction", errors.macro())
        self.log("train/kl", divergences.macro())
        errors.reset()
        divergences.reset()

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Update the metrics of one batch."""
        self._evaluate("validation", batch)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Update the metrics of one batch."""
        self._evaluate("testing", batch)

    def on_validation_epoch_end(self) -> None:
        """Log every effect and the mean, and say when the latent space has collapsed."""
        self._log_scores("validation", "val", self.seen)
        active = self.active_units.compute()
        self.log("val/active_units", active.float())
        self.active_units.reset()
        warmed_up = not self.trainer.sanity_checking and self.current_epoch >= self.beta.epochs
        if warmed_up and int(active) < COLLAPSED_BELOW:
            log.warning(
                "posterior collapse: %d of %d latent units carry information; lower loss.beta.high",
                int(active),
                self.model.latent,
            )

    def on_test_epoch_end(self) -> None:
        """Log every effect; the macro mean is over the seen effects."""
        self._log_scores("testing", "test", self.names)
        self.log("test/active_units", self.active_units.compute().float())
        self.active_units.reset()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimiser of the config."""
        return self.optimizer(self.parameters())

    def reconstruct(self, audio: Tensor) -> Tensor:
        """Sound decoded from the mean of the posterior, with the phase of ``audio`` ``(batch, channels, samples)``."""
        return self.model.spectrogram.to_audio(self.model.decode(self.model(audio).mean), audio)

    def sounds(self, batch: Batch) -> dict[str, Tensor]:
        """The dry sound, the wet one and its reconstruction."""
        reconstruction = self.reconstruct(batch["wet"].to(self.device))
        return {"dry": batch["dry"], "wet": batch["wet"], "reconstruction": reconstruction}

    def _evaluate(self, split: str, batch: Batch) -> None:
        target = self.model.spectrogram(batch["wet"])
        posterior = self.model.encode(target)
        reconstruction = self.model.decode(posterior.mean)
        error = functional.mse_loss(reconstruction.float(), target, reduction="none").mean(dim=(1, 2, 3))
        divergence = posterior.divergence()
        self._update(split, error, divergence.sum(dim=1), batch["effect"])
        self.active_units.update(divergence)

    def _update(self, split: str, error: Tensor, divergence: Tensor, effect: Tensor) -> None:
        errors, divergences = self._metrics(split)
        errors.update(error.detach(), effect)
        divergences.update(divergence.detach(), effect)

    def _metrics(self, split: str) -> tuple[PerEffectMean, PerEffectMean]:
        """Reconstruction errors and divergences of a split."""
        errors, divergences = self.errors[split], self.divergences[split]
        assert isinstance(errors, PerEffectMean)
        assert isinstance(divergences, PerEffectMean)
        return errors, divergences

    def _log_scores(self, split: str, prefix: str, names: tuple[str, ...]) -> None:
        errors, divergences = self._metrics(split)
        # torchmetrics turns the vector of a single effect into a scalar.
        error, divergence = errors.compute().reshape(-1), divergences.compute().reshape(-1)
        score = error + self.beta.high * divergence
        values: dict[str, Any] = {}
        for metric, per_effect in (("reconstruction", error), ("kl", divergence), ("score", score)):
            for index, name in enumerate(names):
                values[f"{prefix}/{metric}/{name}"] = per_effect[index]
            values[f"{prefix}/{metric}/macro"] = per_effect[: len(self.seen)].nanmean()
        self.log_dict(values)
        errors.reset()
        divergences.reset()
