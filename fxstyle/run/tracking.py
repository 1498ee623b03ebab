"""Loggers: CSV always, Weights & Biases beside it, offline by itself where there is no key."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any, Literal

import wandb
from omegaconf import DictConfig
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from fxstyle.run.guards import goes_online
from fxstyle.run.instantiate import build
from fxstyle.writing import write_text

Mode = Literal["auto", "online", "offline"]


def wandb_logger(
    folder: str,
    project: str,
    name: str,
    mode: Mode = "auto",
    group: str | None = None,
    job_type: str | None = None,
    tags: list[str] | None = None,
) -> WandbLogger:
    """Make a W&B logger that never prompts.

    Args:
        folder: Run folder; holds ``wandb/`` and the run's id, so that a resumed run stays one run.
        project: W&B project.
        name: Name of the run.
        mode: ``auto`` is online with a key and offline without.
        group: Runs that belong together.
        job_type: Such as the task.
        tags: Tags of the run.
    """
    online = goes_online(mode)
    remembered = Path(folder) / "wandb_id"
    if not remembered.is_file():
        rank_zero_only(write_text)(remembered, secrets.token_hex(4))
    identity = remembered.read_text().strip() if remembered.is_file() else None
    logger = WandbLogger(
        name=name,
        save_dir=folder,
        project=project,
        id=identity,
        resume="allow",
        offline=not online,
        log_model=False,
        group=group,
        job_type=job_type,
        tags=tags,
        settings=wandb.Settings(init_timeout=20, silent=True),
    )
    # Lightning always sets it, and W&B warns about it in every run.
    logger._wandb_init.pop("anonymous", None)
    return logger


def csv_logger(folder: str) -> CSVLogger:
    """Make a CSV logger that writes ``metrics/metrics.csv``; a resumed run has a folder of its own beside it."""
    taken = len(list(Path(folder).glob("metrics*/metrics.csv")))
    return CSVLogger(folder, name="", version="metrics" if taken == 0 else f"metrics_{taken}")


def build_loggers(config: DictConfig, plain: dict[str, Any]) -> list[Logger]:
    """Build all loggers of the config and give them the hyper-parameters."""
    loggers = [build(options, f"logger.{name}") for name, options in config.logger.items() if options is not None]
    for logger in loggers:
        logger.log_hyperparams(plain)
    return loggers


def finish_loggers() -> None:
    """End the W&B run, as failed where an error is on its way, so that the next job of this process starts its own."""
    if wandb.run is not None:
        wandb.finish(exit_code=int(sys.exc_info()[0] is not None))
