"""Refuses configurations that cannot work, before anything is built."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf

from fxstyle.errors import InputError

_COUNTS = (
    "data.batch_size",
    "data.train_items",
    "data.val_items",
    "data.test_items",
    "data.clip_samples",
    "sample_rate",
)


def check_config(config: DictConfig) -> None:
    """Check a composed config.

    Raises:
        InputError: With the key and the remedy.
    """
    if missing := sorted(OmegaConf.missing_keys(config)):
        raise InputError(f"{missing[0]} has no value: give it on the command line, as in {missing[0]}=VALUE")
    for key in _COUNTS:
        value = OmegaConf.select(config, key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"{key} must be a whole number of at least 1, not {value!r}")
    if not isinstance(config.seed, int) or not 0 <= config.seed < 2**32:
        raise InputError(f"seed must be a whole number from 0 to 2^32 - 1, not {config.seed!r}")
    if config.channels not in (1, 2):
        raise InputError(f"channels must be 1 (mono) or 2 (stereo), not {config.channels!r}")
    tasks = list(config.model.get("tasks", []))
    if config.task.name not in tasks:
        raise InputError(
            f"model {config.model.get('_target_', '?').rsplit('.', 1)[-1]} does not do the task {config.task.name!r}; "
            f"it does: {', '.join(tasks) or 'none'}"
        )
    cores = config.renderer.cores
    if cores != "auto" and (not isinstance(cores, int) or cores < 1):
        raise InputError(f"renderer.cores must be 'auto' or a whole number of at least 1, not {cores!r}")


def check_evaluation(config: DictConfig) -> None:
    """Check the config of an evaluation.

    Raises:
        InputError: With the key and the remedy.
    """
    if OmegaConf.is_missing(config, "run"):
        raise InputError("run has no value: give a run folder or a checkpoint, as in run=runs/demo/FOLDER")
    for key, least in (("items_per_effect", 10), ("retrieval_contents", 1), ("seed", 0)):
        value = config[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(f"{key} must be a whole number of at least {least}, not {value!r}")
    if config.reducer not in ("umap", "pca"):
        raise InputError(f"reducer must be umap or pca, not {config.reducer!r}")


def local_ranks(config: DictConfig) -> int:
    """Processes that will share this machine's cores."""
    devices = config.trainer.devices
    if isinstance(devices, int) and devices > 0:
        return devices
    if OmegaConf.is_list(devices):
        return max(1, len(devices))
    if config.trainer.accelerator == "cpu":
        return 1
    import torch

    return max(1, torch.cuda.device_count())
