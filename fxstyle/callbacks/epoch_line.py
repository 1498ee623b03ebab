"""One line an epoch: what a log file or a cluster's output should hold instead of a progress bar."""

from __future__ import annotations

import logging
import math
import time

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

log = logging.getLogger(__name__)


class EpochLine(Callback):
    """Logs epoch, effect, loss, score, the best score so far and the time of each epoch."""

    def __init__(self) -> None:
        self._began = 0.0
        self._best = math.inf

    def state_dict(self) -> dict[str, float]:
        """The best score, so that a resumed run goes on with it."""
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Take the best score back."""
        self._best = state_dict["best"]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the line."""
        values = trainer.callback_metrics
        score = float(values.get("val/score/macro", math.nan))
        mark = " *" if score < self._best else ""
        self._best = min(self._best, score)
        data = trainer.datamodule  # type: ignore[attr-defined]
        effect = int(values.get("train/effect", -1))
        name = data.effects.train[effect].name if effect >= 0 else "all effects"
        log.info(
            "epoch %3d/%s  %-14s  loss %.4f  val %.4f  best %.4f  %.1f s%s",
            trainer.current_epoch + 1,
            trainer.max_epochs,
            name,
            float(values.get("train/loss", math.nan)),
            score,
            self._best,
            time.monotonic() - self._began,
            mark,
        )
