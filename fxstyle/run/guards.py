"""Refuses configurations that cannot work, before anything is built."""

from __future__ import annotations

import netrc
import os

from omegaconf import DictConfig, OmegaConf

from fxstyle.errors import InputError
from fxstyle.run.style_guard import check_benchmark

_COUNTS = (
    "data.batch_size",
    "data.train_items",
    "data.val_items",
    "data.test_items",
    "data.clip_samples",
    "sample_rate",
)
_EMULATION_COUNTS = ("data.batch_size", "data.segment_samples", "data.score_batch")
_EXAMPLES = {"audio": "audio=folder audio.root=RECORDINGS", "effects": "effects=ts808"}
_TEXTS = ("ckpt", "run_dir", "name", "audio.root", "audio.real.root", "audio.test_root")


def check_config(config: DictConfig) -> None:
    """Check a composed config.

    Raises:
        InputError: With the key and the remedy.
    """
    if "study" in config:
        raise InputError(f"experiment: {config.study} is one of evaluate.py: python evaluate.py experiment=...")
    _check_model(config)
    _check_root(config)
    if missing := sorted(OmegaConf.missing_keys(config)):
        raise InputError(f"{missing[0]} has no value: give it on the command line, as in {missing[0]}=VALUE")
    emulating = config.task.name == "emulation"
    _check_pairs(config, emulating)
    for key in _EMULATION_COUNTS if emulating else _COUNTS:
        value = OmegaConf.select(config, key)
        if not _is_whole(value) or value < 1:
            raise InputError(f"{key} must be a whole number of at least 1, not {value!r}")
    for key in _TEXTS:
        value = OmegaConf.select(config, key)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise InputError(f"{key} must be a name or a path, not {value!r}")
    if not isinstance(config.test, bool):
        raise InputError(f"test must be true or false, not {config.test!r}")
    if not _is_whole(config.seed) or not 0 <= config.seed < 2**32:
        raise InputError(f"seed must be a whole number from 0 to 2^32 - 1, not {config.seed!r}")
    if not _is_whole(config.channels) or config.channels not in (1, 2):
        raise InputError(f"channels must be 1 (mono) or 2 (stereo), not {config.channels!r}")
    clips = 2 if config.task.name == "style_transfer" else 1
    if not emulating and OmegaConf.select(config, "data.clips") != clips:
        choice = "data=pairs" if clips == 2 else "data=clips"
        raise InputError(f"data.clips must be {clips} for the task {config.task.name!r}: use {choice}")
    cores = config.renderer.cores
    if cores != "auto" and (not _is_whole(cores) or cores < 1):
        raise InputError(f"renderer.cores must be 'auto' or a whole number of at least 1, not {cores!r}")
    _check_trainer(config)
    goes_online(OmegaConf.select(config, "logger.wandb.mode", default="auto"))


def _check_model(config: DictConfig) -> None:
    """First of all: other sections refer to what a model of the right task has."""
    tasks = list(config.model.get("tasks", []))
    if config.task.name not in tasks:
        raise InputError(
            f"model {config.model.get('_target_', '?').rsplit('.', 1)[-1]} does not do the task {config.task.name!r}; "
            f"it does: {', '.join(tasks) or 'none'}"
        )


def _check_root(config: DictConfig) -> None:
    """A folder that other keys refer to, before they are read; a missing value does not survive beside a default."""
    plain = OmegaConf.to_container(config, resolve=False)
    if "${data.root}" in str(plain) and (OmegaConf.is_missing(config.data, "root") or config.data.root is None):
        raise InputError("data.root has no value: give the folder of pairs.csv, as in data.root=PAIRS")


def _check_pairs(config: DictConfig, emulating: bool) -> None:
    """Emulation learns from pairs and makes its own steps; the other tasks do neither."""
    kind = OmegaConf.select(config, "data.kind")
    if emulating and kind is None:
        raise InputError(
            "data: the task 'emulation' learns from pairs: use data=recorded, data=rendered or data=impulse"
        )
    if not emulating and kind is not None:
        raise InputError(
            f"data.kind={kind} holds pairs for emulation, not for the task {config.task.name!r}: use data=clips"
        )
    if not emulating:
        return
    if config.trainer.get("gradient_clip_val") is not None:
        raise InputError("trainer.gradient_clip_val must be null for emulation: use task.gradient_clip")
    for group in ("audio", "effects") if kind == "rendered" else ("audio",) if kind == "impulse" else ():
        if not config.get(group):
            raise InputError(f"{group} has no choice: give one, as in {_EXAMPLES[group]}")
    if not _is_whole(config.sample_rate) and not (config.sample_rate is None and kind == "recorded"):
        raise InputError(f"sample_rate must be a whole number of at least 1, not {config.sample_rate!r}")


def _check_trainer(config: DictConfig) -> None:
    epochs = OmegaConf.select(config, "trainer.max_epochs", default=-1)
    if not _is_whole(epochs) or (epochs < 1 and epochs != -1):
        raise InputError(f"trainer.max_epochs must be a whole number of at least 1, or -1 for no limit, not {epochs!r}")
    if config.trainer.accelerator in ("gpu", "cuda"):
        import torch

        if not torch.cuda.is_available():
            raise InputError(
                f"trainer.accelerator={config.trainer.accelerator}, but no GPU was found: use trainer=cpu, or "
                "trainer.accelerator=auto for whatever is there"
            )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def has_key() -> bool:
    """Whether a W&B key is configured, in the environment or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def goes_online(mode: str) -> bool:
    """Whether W&B is to be reached: ``auto`` does with a key, unless ``WANDB_MODE`` says otherwise.

    Raises:
        InputError: When the mode is unknown, or there is no key to go online with.
    """
    if mode not in ("auto", "online", "offline"):
        raise InputError(f"logger.wandb.mode: {mode!r} is unknown; choose auto, online or offline")
    asked = os.environ.get("WANDB_MODE", "")
    online = mode == "online" or (mode == "auto" and has_key() and asked not in ("offline", "disabled", "dryrun"))
    if online and not has_key():
        raise InputError("logger.wandb.mode=online needs a W&B key: set WANDB_API_KEY, or leave the mode at auto")
    return online


def check_evaluation(config: DictConfig) -> None:
    """Check the config of an evaluation.

    Raises:
        InputError: With the key and the remedy.
    """
    if config.study == "style_benchmark":
        check_benchmark(config)
        return
    if config.study == "emulation_table":
        _check_table(config)
        return
    if config.study != "latent" or "data" in config:
        raise InputError(
            "experiment: evaluate.py takes experiment=style_benchmark or emulation_table, or a run of any experiment "
            "of train.py by run="
        )
    if OmegaConf.is_missing(config, "run"):
        raise InputError("run has no value: give a run folder or a checkpoint, as in run=runs/demo/FOLDER")
    for key in ("run", "out"):
        if config[key] is not None and not isinstance(config[key], str):
            raise InputError(f"{key} must be a path, not {config[key]!r}")
    for key, least in (("items_per_effect", 10), ("retrieval_contents", 1), ("seed", 0)):
        value = config[key]
        if not _is_whole(value) or value < least:
            raise InputError(f"{key} must be a whole number of at least {least}, not {value!r}")
    if config.reducer not in ("umap", "pca"):
        raise InputError(f"reducer must be umap or pca, not {config.reducer!r}")


def _check_table(config: DictConfig) -> None:
    if OmegaConf.is_missing(config, "runs"):
        raise InputError("runs has no value: give a folder of runs, as in runs=runs/diary")
    for key in ("runs", "out", "title"):
        if not isinstance(config[key], str) and (config[key] is not None or key != "out"):
            raise InputError(f"{key} must be a text, not {config[key]!r}")


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
