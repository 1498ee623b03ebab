"""The style transfer task: a controller sets a real effect so that dry sound gets the style of a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor

from fxstyle.data.dataset import Batch
from fxstyle.doctor.fingerprint import response_fingerprint
from fxstyle.effects.parse import EffectSet
from fxstyle.effects.renderer import Renderer
from fxstyle.errors import InputError
from fxstyle.features.style_features import style_features
from fxstyle.gradients.black_box import render_with_gradient, rendered_loss
from fxstyle.gradients.estimator import Estimator
from fxstyle.losses.parameters import parameter_loss
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.losses.style import StyleDistance
from fxstyle.metrics.per_effect import PerEffectMean
from fxstyle.models.controller import Prediction, Standardisation, StyleModel
from fxstyle.models.queries import Queries, effect_queries
from fxstyle.tasks.randomness import step_generator

MEASURED_CLIPS = 96
"""Training clips whose embeddings are measured before training."""
CONTENTS = ("same", "other")


class StyleTransfer(pl.LightningModule):
    """Trains a controller through the real effect.

    A clip is cut in halves: the input A is the dry first half, the reference is the wet second half (other content) or,
    for a share of the items, the wet first half itself (same content), and the hidden target is the wet first half.

    The monitored ``val/score/macro`` is the mean over effects of the distance to the target relative to doing nothing:
    below 1 is better than the dry sound.

    Args:
        model: Encoder and controller.
        parameters: Weight of the loss of the settings, which are known in training.
        mrstft: Weight of the multi-resolution STFT distance to the target, through the effect.
        fft_sizes: Sizes of its FFT in training; scores always have all six.
        l1: Weight of the mean absolute difference of the waveforms, through the effect.
        style: Weight of the distance of style features to the reference, through the effect.
        estimator: How gradients get through the effect.
        through: ``loss`` differentiates the loss itself, ``sound`` the waveform.
        matched_share: Share of training items whose reference has the content of the input.
        schedule: How the step size goes over the run: ``constant``, or ``cosine`` down to 0.
        optimizer: ``parameters -> optimizer``.
        effects: Effects to train on, and unseen ones for the test.
        renderer: Renders them.
        sample_rate: In Hz.
        channels: 1 or 2.
        seed: Seeds the contents and the perturbations.
    """

    def __init__(
        self,
        model: StyleModel,
        parameters: float,
        mrstft: float,
        fft_sizes: Sequence[int],
        l1: float,
        style: float,
        estimator: Estimator,
        through: Literal["loss", "sound"],
        matched_share: float,
        schedule: Literal["constant", "cosine"],
        optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer],
        effects: EffectSet,
        renderer: Renderer,
        sample_rate: int,
        channels: int,
        seed: int,
    ) -> None:
        super().__init__()
        weights = {"parameters": parameters, "mrstft": mrstft, "l1": l1, "style": style}
        for name, weight in weights.items():
            if not 0 <= weight < float("inf"):
                raise InputError(f"loss.{name} must be 0 or more, not {weight}")
        if not any(weights.values()):
            raise InputError("loss: every weight is 0; give parameters, mrstft, l1 or style a weight above 0")
        if through not in ("loss", "sound"):
            raise InputError(f"loss.through must be loss or sound, not {through!r}")
        if through == "sound" and style:
            raise InputError("loss.style needs loss.through=loss: style features have no useful gradient to the sound")
        if not 0 <= matched_share <= 1:
            raise InputError(f"task.matched_share must lie between 0 and 1, not {matched_share}")
        if schedule not in ("constant", "cosine"):
            raise InputError(f"task.schedule must be constant or cosine, not {schedule!r}")
        for effect in effects.all:
            if not effect.free.any():
                raise InputError(f"effect {effect.name!r} has no control to set: leave it out for style_transfer")
        self.model = model
        self.weights = weights
        self.estimator = estimator
        self.through = through
        self.matched_share = matched_share
        self.schedule = schedule
        self.optimizer = optimizer
        self.effects = effects.all
        self.seen = tuple(effect.name for effect in effects.train)
        self.names = tuple(effect.name for effect in self.effects)
        self.renderer = renderer
        self.sample_rate = sample_rate
        self.channels = channels
        self.seed = seed
        self.spectral = MultiResolutionSTFT()
        self.training_spectral = MultiResolutionSTFT(fft_sizes)
        self.style_distance = StyleDistance()
        count = max(1, *(len(effect.parameters) for effect in self.effects))
        empty = effect_queries([], count)
        for field in fields(Queries):
            rows = getattr(empty, field.name)
            self.register_buffer(f"query_{field.name}", rows.new_zeros((len(self.effects), *rows.shape[1:])))
        names = ("identity", *CONTENTS, "mae")
        self.scores = torch.nn.ModuleDict({name: PerEffectMean(len(self.names)) for name in names})

    @property
    def queries(self) -> Queries:
        """One row for each effect."""
        return Queries(*(getattr(self, f"query_{field.name}") for field in fields(Queries)))

    def on_fit_start(self) -> None:
        """Measure what every control does, and what embeddings are like; a resumed run has both in its checkpoint."""
        standardisation = self.model.controller.standardisation
        assert isinstance(standardisation, Standardisation)
        if bool(standardisation.measured):
            return
        self.measure_effects()
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        keys = [data.plan("train").key(0, index, index % len(self.seen), attempt=1) for index in range(MEASURED_CLIPS)]
        embeddings = []
        dataset = data.dataset("train")
        with torch.no_grad():
            for first in range(0, len(keys), 12):
                batch = dataset.__getitems__(keys[first : first + 12])
                half = batch["dry"].shape[2] // 2
                for sound in (batch["dry"][..., :half], batch["wet"][..., :half]):
                    embeddings.append(self.model.encoder(sound.to(self.device)))
        standardisation.measure(torch.cat(embeddings))

    def measure_effects(self) -> None:
        """Fill the queries from response fingerprints."""
        measured = [
            (effect, response_fingerprint(effect, self.renderer, self.sample_rate, self.channels))
            for effect in self.effects
        ]
        made = effect_queries(measured, self.queries.mask.shape[1])
        for field in fields(Queries):
            getattr(self, f"query_{field.name}").copy_(getattr(made, field.name))

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch."""
        dry, wet, other = _halves(batch)
        key = (self.seed, self.current_epoch, batch_index, self.global_rank)
        draw = torch.rand(len(dry), generator=step_generator(self.device, *key), device=self.device)
        reference = torch.where((draw < self.matched_share)[:, None, None], wet, other)
        queries = self.queries.of(batch["effect"])
        prediction = self.model(dry, reference, queries)
        loss = dry.new_zeros(())
        if self.weights["parameters"]:
            known = self._parameter_loss(prediction, batch, queries)
            wet_items = ~batch["bypassed"]
            loss = loss + self.weights["parameters"] * (known * wet_items).sum() / wet_items.sum().clamp_min(1)
        if any(self.weights[name] for name in ("mrstft", "l1", "style")):
            rendered = self._rendered(prediction.positions(queries.steps), batch, wet, reference, key).mean()
            self.log("train/rendered", rendered.detach(), on_step=False, on_epoch=True, sync_dist=True)
            loss = loss + rendered
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, sync_dist=True, batch_size=len(dry))
        rejected = batch["rejected"].sum().float()
        self.log("train/rejected", rejected, on_step=False, on_epoch=True, sync_dist=True, reduce_fx="sum")
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Update the metrics of one batch."""
        self._evaluate(batch)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Update the metrics of one batch."""
        self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        """Log every effect and the mean."""
        self._log_scores("val", self.seen)

    def on_test_epoch_end(self) -> None:
        """Log every effect; the macro mean is over the seen effects."""
        self._log_scores("test", self.names)

    def configure_optimizers(self) -> Any:
        """The optimiser of the config, over what may be trained, with its schedule."""
        optimizer = self.optimizer([weight for weight in self.parameters() if weight.requires_grad])
        if self.schedule == "constant":
            return optimizer
        steps = self.trainer.estimated_stepping_batches
        if steps == float("inf"):
            raise InputError("task.schedule=cosine needs an end: give trainer.max_epochs, or task.schedule=constant")
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, int(steps)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def sounds(self, batch: Batch) -> dict[str, Tensor]:
        """The dry half, the reference of other content, the target and the controller's result."""
        dry, wet, other = _halves(batch)
        queries = self.queries.of(batch["effect"].to(self.device))
        prediction = self.model(dry.to(self.device), other.to(self.device), queries)
        return {"dry": dry, "reference": other, "target": wet, "result": self._render(prediction, batch, queries)}

    def _parameter_loss(self, prediction: Prediction, batch: Batch, queries: Queries) -> Tensor:
        return parameter_loss(
            prediction.estimate, prediction.spread, prediction.logits, batch["parameters"], queries.mask, queries.steps
        )

    def _rendered(
        self, positions: Tensor, batch: Batch, target: Tensor, reference: Tensor, key: tuple[int, ...]
    ) -> Tensor:
        """Weighted losses through the effect, ``(batch,)``."""
        half = target.shape[2]
        audio = torch.cat((batch["before"], batch["dry"][..., :half]), dim=2)
        effects = [self.effects[effect] for effect in batch["effect"].tolist()]
        preroll = batch["before"].shape[2]
        spectra = self.training_spectral.spectra(target) if self.weights["mrstft"] else []
        features = style_features(reference, self.sample_rate) if self.weights["style"] else target.new_zeros(())

        def loss(wet: Tensor) -> Tensor:
            total = wet.new_zeros(len(wet))
            if self.weights["mrstft"]:
                total = total + self.weights["mrstft"] * self.training_spectral(wet, spectra)
            if self.weights["l1"]:
                total = total + self.weights["l1"] * (wet - target).abs().mean(dim=(1, 2))
            if self.weights["style"]:
                distance = self.style_distance(style_features(wet, self.sample_rate), features)
                total = total + self.weights["style"] * distance
            return total

        estimator = self.estimator.at(self.global_step)
        if self.through == "sound":
            wet = render_with_gradient(
                estimator, self.renderer, effects, audio, positions, self.sample_rate, preroll, key
            )
            return loss(wet)

        def losses(candidates: Tensor) -> Tensor:
            # One candidate of all items at a time: the target's spectra are not repeated.
            return torch.stack([loss(wet) for wet in candidates.unbind(dim=1)], dim=1)

        return rendered_loss(
            estimator, self.renderer, effects, audio, positions, self.sample_rate, preroll, losses, key
        )

    def _render(self, prediction: Prediction, batch: Batch, queries: Queries) -> Tensor:
        half = batch["dry"].shape[2] // 2
        audio = torch.cat((batch["before"], batch["dry"][..., :half]), dim=2).cpu().numpy()
        positions = prediction.positions(queries.steps).detach().float().cpu().numpy()
        effects = [self.effects[effect] for effect in batch["effect"].tolist()]
        preroll = batch["before"].shape[2]
        done = self.renderer.render(effects, audio, positions[:, None], self.sample_rate, preroll)
        return torch.from_numpy(done.audio[:, 0]).to(batch["dry"].device)

    def _evaluate(self, batch: Batch) -> None:
        dry, wet, other = _halves(batch)
        queries = self.queries.of(batch["effect"])
        spectra = self.spectral.spectra(wet)
        self._metric("identity").update(self.spectral(dry, spectra), batch["effect"])
        for content, reference in zip(CONTENTS, (wet, other), strict=True):
            prediction = self.model(dry, reference, queries)
            result = self._render(prediction, batch, queries)
            self._metric(content).update(self.spectral(result, spectra), batch["effect"])
        known = queries.mask & (queries.steps == 0) & ~batch["bypassed"][:, None]
        error = (prediction.estimate - batch["parameters"]).abs()
        # No wet item, or no continuous control: nothing to be wrong about.
        mae = torch.where(known, error, torch.nan).nanmean(dim=1)
        self._metric("mae").update(mae, batch["effect"])

    def _metric(self, name: str) -> PerEffectMean:
        metric = self.scores[name]
        assert isinstance(metric, PerEffectMean)
        return metric

    def _log_scores(self, prefix: str, names: tuple[str, ...]) -> None:
        # torchmetrics turns the vector of a single effect into a scalar.
        means = {name: self._metric(name).compute().reshape(-1) for name in self.scores}
        relative = {f"relative_{content}": means[content] / means["identity"] for content in CONTENTS}
        score = torch.stack(list(relative.values())).mean(dim=0)
        values: dict[str, Any] = {}
        for metric, per_effect in {"score": score, **relative, "parameter_mae": means["mae"]}.items():
            for index, name in enumerate(names):
                values[f"{prefix}/{metric}/{name}"] = per_effect[index]
            values[f"{prefix}/{metric}/macro"] = per_effect[: len(self.seen)].nanmean()
        self.log_dict(values)
        for name in self.scores:
            self._metric(name).reset()


def _halves(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Dry first half, wet first half and wet second half."""
    half = batch["dry"].shape[2] // 2
    return batch["dry"][..., :half], batch["wet"][..., :half], batch["wet"][..., half : 2 * half]
