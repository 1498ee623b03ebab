"""The emulation task: a net becomes an effect."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from fxstyle.data.pair import PairSet
from fxstyle.data.segments import RecordingBatch, SegmentBatch
from fxstyle.errors import InputError
from fxstyle.losses.emulation import EmulationLoss
from fxstyle.metrics.emulation import SettingErrors
from fxstyle.models.emulator import Emulator, State

ScheduleName = Literal["constant", "cosine", "exponential"]


class Emulation(pl.LightningModule):
    """Trains an emulator on paired recordings.

    The monitored ``val/score/macro`` is the mean over settings of the error-to-signal ratio of whole, streamed
    recordings.

    Args:
        model: The emulator.
        loss: Of a prediction and a target ``(batch, 1, samples)``.
        optimizer: ``parameters -> optimizer``.
        pairs: What is emulated; read are its facts, not its sound.
        tbptt_samples: Samples between two steps of the optimiser inside an item, over which gradients flow back
            (truncated backpropagation through time). The state goes on within the item, never to another one. ``None``
            takes one step an item, with gradients also through its context.
        gradient_clip: Largest norm of a gradient; ``None`` leaves it.
        schedule: How the step size goes over the run: ``constant``, ``cosine`` down to a hundredth, or
            ``exponential`` by ``decay`` an epoch.
        decay: Factor of an exponential schedule.
        identify: Let the model first read what it can from the training pairs.
        score_block: Samples of a block when whole recordings are scored.
    """

    def __init__(
        self,
        model: Emulator,
        loss: EmulationLoss,
        optimizer: Callable[[Iterable[Tensor]], Optimizer],
        pairs: PairSet,
        tbptt_samples: int | None = None,
        gradient_clip: float | None = 1.0,
        schedule: ScheduleName = "cosine",
        decay: float = 1.0,
        identify: bool = True,
        score_block: int = 65536,
    ) -> None:
        super().__init__()
        for name, value in (("tbptt_samples", tbptt_samples), ("score_block", score_block)):
            if value is not None and value < 1:
                raise InputError(f"task.{name} must be at least 1, not {value}")
        if gradient_clip is not None and not gradient_clip > 0:
            raise InputError(f"task.gradient_clip must be above 0, or null, not {gradient_clip}")
        if schedule not in ("constant", "cosine", "exponential"):
            raise InputError(f"task.schedule must be constant, cosine or exponential, not {schedule!r}")
        if not 0 < decay <= 1:
            raise InputError(f"task.decay must lie above 0 and up to 1, not {decay}")
        # Several steps an item are ours to make.
        self.automatic_optimization = False
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.tbptt_samples = tbptt_samples
        self.gradient_clip = gradient_clip
        self.schedule = schedule
        self.decay = decay
        self.identify = identify
        self.score_block = score_block
        self.settings = tuple(name or pairs.name for name in pairs.settings)
        self.facts: dict[str, Any] = {
            "name": pairs.name,
            "sample_rate": pairs.sample_rate,
            "settings": list(pairs.settings),
            "setting_conditions": pairs.setting_conditions.tolist(),
            "condition_names": list(pairs.condition_names),
            "lfo_hz": None if pairs.lfo_hz is None else list(pairs.lfo_hz),
            "licence": pairs.licence,
        }
        self.errors = torch.nn.ModuleDict({split: SettingErrors(len(self.settings)) for split in ("val", "testing")})
        # Kept with the weights: a resumed run must not identify again, and tables say how much was heard.
        self.identified: Tensor
        self.heard_samples: Tensor
        self.steps: Tensor
        self.register_buffer("identified", torch.tensor(False))
        self.register_buffer("heard_samples", torch.tensor(0, dtype=torch.long))
        self.register_buffer("steps", torch.tensor(0, dtype=torch.long))

    @property
    def trains(self) -> bool:
        """Whether the model has anything that gradients may move; some are only identified."""
        return any(weight.requires_grad for weight in self.model.parameters())

    def on_fit_start(self) -> None:
        """Let a fresh model read the training pairs."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if self.identify and not self.identified:
            self.model.identify(data.pairs.split("train"), data.pairs.sample_rate)
        self.identified.fill_(True)

    def on_train_batch_start(self, batch: SegmentBatch, batch_index: int) -> None:
        """Set the step size, a pure function of how far the run has come."""
        share = self.current_epoch + batch_index / max(1, self.trainer.num_training_batches)
        for group in self._optimizer().param_groups:
            group["lr"] = group["initial_lr"] * self._step_factor(share)

    def training_step(self, batch: SegmentBatch, batch_index: int) -> None:
        """One step of the optimiser, or several along the items."""
        dry, wet, condition = batch["dry"], batch["wet"], self._condition(batch["condition"])
        context = dry.shape[2] - wet.shape[2]
        losses = []
        if self.tbptt_samples is None:
            prediction = self.model(dry, condition, batch["seconds"])[..., context:]
            losses.append(self._step(self.loss(prediction, wet)))
        else:
            state = self._warmed_up(dry[..., :context], batch["seconds"], condition)
            for start in range(0, wet.shape[2], self.tbptt_samples):
                piece = slice(start, start + self.tbptt_samples)
                prediction, state = self.model.stream(dry[..., context:][..., piece], state, condition)
                losses.append(self._step(self.loss(prediction, wet[..., piece])))
                state = tuple(tensor.detach() for tensor in state)
        self.heard_samples += wet.shape[0] * wet.shape[2] * self.trainer.world_size
        mean = torch.stack(losses).mean()
        self.log("train/loss", mean, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(wet))

    def on_train_epoch_end(self) -> None:
        """Log how much the run has cost so far."""
        self.log("train/steps", self.steps.float())
        self.log("train/audio_seconds", self.heard_samples.float() / self.facts["sample_rate"])

    def validation_step(self, batch: RecordingBatch, batch_index: int) -> None:
        """Score whole recordings."""
        self._score("val", batch)

    def test_step(self, batch: RecordingBatch, batch_index: int) -> None:
        """Score whole recordings."""
        self._score("testing", batch)

    def on_validation_epoch_end(self) -> None:
        """Log each setting and the mean."""
        self._log_scores("val", "val")

    def on_test_epoch_end(self) -> None:
        """Log each setting and the mean."""
        self._log_scores("testing", "test")

    def configure_optimizers(self) -> Optimizer:
        """The optimiser of the config, over what may be trained."""
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        # Lightning wants one also where there is nothing to train.
        optimizer = self.optimizer(weights or [torch.nn.Parameter(torch.zeros(1))])
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        return optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say what the model emulates, so that the checkpoint alone can be applied and exported."""
        checkpoint["emulation"] = self.facts

    @torch.no_grad()
    def render(self, batch: RecordingBatch) -> Tensor:
        """What the model makes of whole recordings ``(batch, 1, samples)``, streamed in blocks."""
        dry, condition = batch["dry"], self._condition(batch["condition"])
        state = self.model.initial_state(len(dry), batch["seconds"])
        pieces = []
        for block in dry.split(self.score_block, dim=2):
            piece, state = self.model.stream(block, state, condition)
            pieces.append(piece)
        return torch.cat(pieces, dim=2)

    def _condition(self, condition: Tensor) -> Tensor | None:
        return condition if self.model.conditions else None

    @torch.no_grad()
    def _warmed_up(self, context: Tensor, seconds: Tensor, condition: Tensor | None) -> State:
        """The state after the context."""
        if not context.shape[2]:
            # A learned initial state gets its gradient here.
            with torch.enable_grad():
                return self.model.initial_state(len(context), seconds)
        return self.model.stream(context, self.model.initial_state(len(context), seconds), condition)[1]

    def _step(self, loss: Tensor) -> Tensor:
        if self.trains:
            optimizer = self.optimizers()
            optimizer.zero_grad()  # type: ignore[union-attr]
            self.manual_backward(loss)
            if self.gradient_clip is not None:
                self.clip_gradients(self._optimizer(), self.gradient_clip, "norm")
            optimizer.step()  # type: ignore[union-attr]
        self.steps += 1
        return loss.detach()

    def _optimizer(self) -> Optimizer:
        return self.trainer.optimizers[0]

    def _step_factor(self, epochs: float) -> float:
        """Step size over the one that was asked for, after so many epochs."""
        if self.schedule == "constant":
            return 1.0
        if self.schedule == "exponential":
            return self.decay ** math.floor(epochs)
        length = self.trainer.max_epochs
        if length is None or length < 1:
            raise InputError("task.schedule=cosine needs an end: give trainer.max_epochs, or task.schedule=constant")
        return 0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, epochs / length))) / 2

    def _score(self, split: str, batch: RecordingBatch) -> None:
        prediction = self.render(batch)
        places = torch.arange(prediction.shape[2], device=prediction.device)
        mask = places < batch["samples"][:, None]
        self._errors(split).update(prediction, batch["wet"], batch["dry"], batch["setting"], mask)

    def _errors(self, split: str) -> SettingErrors:
        errors = self.errors[split]
        assert isinstance(errors, SettingErrors)
        return errors

    def _log_scores(self, split: str, prefix: str) -> None:
        errors = self._errors(split)
        values: dict[str, Any] = {}
        for metric, per_setting in errors.compute().items():
            scores = per_setting.reshape(-1).float()
            for name, value in zip(self.settings, scores, strict=True):
                values[f"{prefix}/{metric}/{name}"] = value
            values[f"{prefix}/{metric}/macro"] = scores.nanmean()
        for name in (*self.settings, "macro"):
            values[f"{prefix}/score/{name}"] = values[f"{prefix}/esr/{name}"]
        self.log_dict(values)
        errors.reset()
