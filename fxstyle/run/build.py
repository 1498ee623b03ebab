"""One visible place that turns a config into everything a run needs."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, RichProgressBar

from fxstyle.audio.levels import Level
from fxstyle.data.module import EffectDataModule
from fxstyle.data.pair_module import PairDataModule
from fxstyle.effects.parse import EffectSet, parse_effects
from fxstyle.effects.renderer import Renderer, ThreadRenderer
from fxstyle.effects.schedule import Schedule
from fxstyle.errors import InputError
from fxstyle.run.arguments import check_arguments
from fxstyle.run.instantiate import build, checked_target, named_section

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Experiment:
    """What a config composes to.

    Attributes:
        data: The DataModule.
        task: The LightningModule.
    """

    data: EffectDataModule | PairDataModule
    task: pl.LightningModule


def plain_config(config: DictConfig) -> dict[str, Any]:
    """The resolved config as plain containers, for checkpoints and trackers."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def build_effects(config: DictConfig) -> EffectSet:
    """The effects of a config."""
    with named_section("effects"):
        return parse_effects(plain_config(config.effects), config.channels)


def build_renderer(config: DictConfig, ranks: int) -> Renderer:
    """The renderer of a config; ``cores=auto`` takes the machine's cores, shared by the ranks on it."""
    cores = config.renderer.cores
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = max(1, (available if cores == "auto" else int(cores)) // ranks)
    return build({**config.renderer, "cores": share}, "renderer")


def refuse_unsafe(effects: EffectSet, renderer: Renderer) -> None:
    """Plugins that may crash or hang, or need a process's main thread, have no place on threads of this process."""
    unsafe = [effect.name for effect in effects.all if effect.isolated]
    if unsafe and isinstance(renderer, ThreadRenderer):
        raise InputError(
            f"effects.{unsafe[0]} only runs in a process of its own: use renderer=auto or renderer=processes, not "
            "renderer=threads"
        )


def build_rendering(config: DictConfig, ranks: int) -> tuple[EffectSet, Renderer]:
    """The effects of a config, and what renders them at its sample rate."""
    effects = build_effects(config)
    for effect in effects.all:
        effect.check_rate(config.sample_rate)
    renderer = build_renderer(config, ranks)
    refuse_unsafe(effects, renderer)
    return effects, renderer


def build_data(config: DictConfig, ranks: int = 1) -> EffectDataModule:
    """The DataModule of a config."""
    source = build(config.audio, "audio")
    effects, renderer = build_rendering(config, ranks)
    with named_section("data"):
        options = plain_config(config.data)
        for target, section in ((Schedule, "schedule"), (Level, "level")):
            check_arguments(target, options[section], f"data.{section}")
        schedule = Schedule(**options.pop("schedule"), seed=config.seed)
        level = Level(**options.pop("level"))
        check_arguments(EffectDataModule, options, "data")
        data = EffectDataModule(
            source=source,
            effects=effects,
            renderer=renderer,
            schedule=schedule,
            level=level,
            seed=config.seed,
            **options,
        )
    everywhere = ranks * config.trainer.num_nodes
    for key, items in (("train", data.train_items), ("val", len(data.fixed_keys("val")))):
        if items < everywhere:
            raise InputError(
                f"data.{key}_items={items} cannot be shared by {everywhere} devices; raise it or use fewer"
            )
    return data


def build_optimizer(config: DictConfig) -> Callable[[Iterable[torch.Tensor]], torch.optim.Optimizer]:
    """``parameters -> optimizer`` of a config."""
    optimizer = build(config.optimizer, "optimizer")
    with named_section("optimizer"):
        # Its settings are only looked at now, and the trainer would do that after everything else.
        optimizer([torch.nn.Parameter(torch.zeros(1))])
    return optimizer


def build_task(config: DictConfig, effects: EffectSet, renderer: Renderer | None = None) -> pl.LightningModule:
    """The LightningModule of a config, with freshly seeded weights."""
    pl.seed_everything(config.seed, workers=True, verbose=False)
    model = build(_model_section(config), "model")
    optimizer = build_optimizer(config)
    loss = build(config.loss, "loss")
    options = {key: value for key, value in config.task.items() if key != "name"}
    surroundings = {
        "seen": tuple(effect.name for effect in effects.train),
        "unseen": tuple(effect.name for effect in effects.unseen),
        "effects": effects,
        "renderer": renderer,
        "sample_rate": config.sample_rate,
        "channels": config.channels,
    }
    wanted = inspect.signature(checked_target(str(options["_target_"]), "task")).parameters
    chosen = {name: value for name, value in surroundings.items() if name in wanted}
    return build(options, "task", model=model, optimizer=optimizer, seed=config.seed, **chosen, **loss)


def _model_section(config: DictConfig) -> dict[str, Any]:
    """What the model is built from; the tasks it can do and the run its encoder comes from are for others."""
    model = plain_config(config.model)
    model.pop("tasks", None)
    if isinstance(model.get("encoder"), dict):
        model["encoder"].pop("run", None)
        if isinstance(model["encoder"].get("vae"), dict):
            model["encoder"]["vae"].pop("tasks", None)
    return model


def build_experiment(config: DictConfig, ranks: int = 1) -> Experiment:
    """Data and task of a config."""
    if config.task.name == "emulation":
        from fxstyle.run.emulation import build_emulation

        return Experiment(*build_emulation(config, ranks))
    data = build_data(config, ranks)
    return Experiment(data, build_task(config, data.effects, data.renderer))


def build_callbacks(config: DictConfig) -> list[Callback]:
    """Callbacks of the config, and a progress bar where a person is watching."""
    callbacks = [build(options, f"callbacks.{name}") for name, options in config.callbacks.items() if options]
    if sys.stdout.isatty() and config.trainer.enable_progress_bar:
        callbacks.append(RichProgressBar(leave=False))
    return [ConfigInCheckpoint(plain_config(config)), *callbacks]


def build_trainer(config: DictConfig, callbacks: list[Callback], loggers: list[Any], folder: Path) -> pl.Trainer:
    """The trainer of a config."""
    _quiet_lightning()
    options = dict(config.trainer)
    options["enable_progress_bar"] = bool(options["enable_progress_bar"]) and sys.stdout.isatty()
    trainer = build(
        OmegaConf.create(options),
        "trainer",
        callbacks=callbacks,
        logger=loggers,
        default_root_dir=str(folder),
        use_distributed_sampler=False,
    )
    if not trainer.is_global_zero:
        # One rank tells what all of them do.
        logging.getLogger().setLevel(logging.WARNING)
    return trainer


class ConfigInCheckpoint(Callback):
    """Puts config and scores into each checkpoint, so that it alone says how its model was built and how good it is."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add it, and the validation scores of the epoch."""
        checkpoint["config"] = self._config
        checkpoint["scores"] = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}


def _quiet_lightning() -> None:
    """Silence what the user cannot act on; importing Lightning sets its level, so this comes later."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        # Their own handlers print every line a second time beside Hydra's.
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
    warnings.filterwarnings("ignore", message=".*Checkpoint directory.*exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*Experiment logs directory.*")
    warnings.filterwarnings("ignore", message=".*isinstance.*LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*number of training batches.*smaller than the logging interval.*")
