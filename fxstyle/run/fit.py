"""Fitting and testing, and what a run has to say for itself afterwards."""

from __future__ import annotations

import logging
import math
import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from fxstyle.errors import InputError
from fxstyle.run.folder import load_checkpoint

log = logging.getLogger(__name__)


def fit(trainer: pl.Trainer, task: pl.LightningModule, data: pl.LightningDataModule, resume: Path | None) -> str:
    """Train; Ctrl-C ends it early and keeps the best checkpoint.

    Returns:
        What stopped it: ``early_stopping``, ``max_epochs``, ``max_steps`` or ``interrupted``.
    """
    try:
        trainer.fit(task, datamodule=data, ckpt_path=None if resume is None else str(resume), weights_only=True)
    except MisconfigurationException as error:
        raise InputError(f"the trainer cannot run this config: {' '.join(str(error).split())}") from error
    except SystemExit:
        # Lightning turns Ctrl-C into an exit after it has shut down, and ignores the signal from then on.
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)
        log.warning("stopped by Ctrl-C: the best checkpoint so far is kept")
        return "interrupted"
    if trainer.should_stop:  # only early stopping asks for it; its own `stopped_epoch` outlives a resume
        return "early_stopping"
    if trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps:
        return "max_steps"
    return "max_epochs"


def best_checkpoint(trainer: pl.Trainer) -> Path | None:
    """The best checkpoint; ``None`` where no epoch has ended."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, ModelCheckpoint) and callback.best_model_path:
            return Path(callback.best_model_path)
    return None


def summary(trainer: pl.Trainer, seconds: float, stopped_by: str, best: Path | None) -> dict[str, Any]:
    """The bookkeeping and validation scores of ``metrics.json``; epochs are counted from 1."""
    values: dict[str, Any] = {
        "epochs": trainer.current_epoch,
        "best_epoch": None,
        "seconds": round(seconds, 2),
        "stopped_by": stopped_by,
    }
    for name in ("steps", "audio_seconds"):
        if (cost := trainer.callback_metrics.get(f"train/{name}")) is not None:
            values[name] = float(cost)
    if best is not None:
        checkpoint = load_checkpoint(best)
        values |= {"best_epoch": int(checkpoint["epoch"]) + 1, **checkpoint["scores"]}
    return values


def numbers(trainer: pl.Trainer, prefix: str) -> dict[str, float]:
    """Logged values whose names begin with a prefix."""
    return {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith(prefix)}


def objective(values: dict[str, Any]) -> float:
    """What a sweep minimises: the best monitored score, infinite where no epoch has ended."""
    value = values.get("val/score/macro")
    return float(value) if value is not None and math.isfinite(value) else math.inf
