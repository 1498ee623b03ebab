"""A run's folder: what it holds and how it is read back."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from yaml import YAMLError

from fxstyle.errors import InputError
from fxstyle.writing import write_text

CONFIG = "config.yaml"
METRICS = "metrics.json"
_SAME_ON_RESUME = ("task", "model", "effects", "loss", "seed", "sample_rate", "channels", "data.clip_samples")
PACKAGES = [
    "fxstyle",
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "pedalboard",
    "torchmetrics",
    "wandb",
    "umap-learn",
    "scikit-learn",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "pyloudnorm",
]


def environment() -> dict[str, Any]:
    """Commit, versions and machine, as ``env.json`` holds them."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    commit = _git("rev-parse", "HEAD")
    return {
        "git_sha": commit,
        "git_dirty": bool(_git("status", "--porcelain")) if commit else None,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "command": shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]]),
        "versions": versions,
    }


def start_run(folder: Path, config: DictConfig, overrides: Sequence[str]) -> None:
    """Write what defines a run before anything is computed."""
    write_text(folder / CONFIG, OmegaConf.to_yaml(config, resolve=True))
    write_text(folder / "overrides.yaml", OmegaConf.to_yaml(OmegaConf.create(list(overrides))))
    write_text(folder / "env.json", json.dumps(environment(), indent=2))


@rank_zero_only
def refuse_taken(folder: Path, config: DictConfig) -> None:
    """Refuse to write over another run, or to go on with one whose data or model was another.

    Raises:
        InputError: With the remedy.
    """
    if not (folder / CONFIG).is_file():
        return
    if config.ckpt is None:
        raise InputError(f"run_dir={folder} already holds a run: go on with it by ckpt=auto, or give another run_dir")
    before = OmegaConf.load(folder / CONFIG)
    for key in _SAME_ON_RESUME:
        old, new = OmegaConf.select(before, key), OmegaConf.select(config, key)
        plain = OmegaConf.to_container(new, resolve=True) if OmegaConf.is_config(new) else new
        if config.ckpt == "auto" and old != plain:
            raise InputError(
                f"run_dir={folder} was made with another {key}: repeat its overrides (overrides.yaml there has them) "
                "or give another run_dir"
            )


def finished(folder: Path, config: DictConfig) -> dict[str, Any] | None:
    """What a run of this folder and config has reached when it came to its end; ``None`` where it has more to do.

    So a sweep that was broken off goes on by its own command: ``ckpt=auto`` skips what is done.
    """
    if config.ckpt != "auto":
        return None
    try:
        values = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        before = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    except (OSError, ValueError, YAMLError):
        return None
    now = OmegaConf.to_container(config, resolve=True)
    assert isinstance(now, dict)
    if not isinstance(before, dict) or before | {"ckpt": None} != now | {"ckpt": None}:
        return None
    return values if values.get("stopped_by") in ("max_epochs", "max_steps", "early_stopping") else None


def write_metrics(folder: Path, values: Mapping[str, Any]) -> None:
    """Write ``metrics.json``; NaN becomes null, which JSON can hold."""
    clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
    write_text(folder / METRICS, json.dumps(clean, indent=2, sort_keys=True))


def read_run(run: str | Path) -> tuple[Path, DictConfig, Path]:
    """Find a run by its folder or a checkpoint: ``(folder, config, checkpoint)``.

    Raises:
        InputError: When it is neither, or the run has no checkpoint yet.
    """
    path = Path(run)
    if path.is_file() and path.suffix == ".ckpt":
        folder, checkpoint = path.parent.parent if path.parent.name == "checkpoints" else path.parent, path
        if not (folder / CONFIG).is_file():
            return folder, OmegaConf.create(dict(_config_in(path))), path
    elif path.is_dir():
        folder, checkpoint = path, path / "checkpoints" / "best.ckpt"
        if not (folder / CONFIG).is_file():
            raise InputError(f"run={run}: no {CONFIG} in this folder; give the folder of a run that train.py made")
        if not checkpoint.is_file():
            raise InputError(f"run={run}: no checkpoints/best.ckpt yet; let the run finish at least one epoch")
    else:
        raise InputError(f"run={run}: no such run folder or checkpoint (.ckpt)")
    try:
        config = OmegaConf.load(folder / CONFIG)
    except (OSError, ValueError, YAMLError) as error:
        raise InputError(f"{folder / CONFIG} is damaged; give another run, or its checkpoint alone") from error
    if not isinstance(config, DictConfig) or not config:
        raise InputError(f"{folder / CONFIG} does not hold a run's config")
    return folder, config, checkpoint


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint of tensors and plain containers.

    Raises:
        InputError: When it is missing, damaged, or holds anything that could run code.
    """
    import torch

    if not path.is_file():
        raise InputError(f"checkpoint {path} does not exist")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"checkpoint {path} is damaged or not a plain-data checkpoint of fxstyle; use another one"
        ) from error


def resume_from(choice: str | None, folder: Path) -> Path | None:
    """The checkpoint to resume from: ``auto`` takes the newest valid one of this run's folder, if there is one.

    Raises:
        InputError: When a named checkpoint cannot be used.
    """
    if choice is None:
        return None
    if choice != "auto":
        if "state_dict" not in load_checkpoint(Path(choice)):
            raise InputError(f"ckpt={choice} is not a checkpoint of a training run; use its checkpoints/last.ckpt")
        return Path(choice)
    found = [path for name in ("last.ckpt", "preempt.ckpt") if (path := folder / "checkpoints" / name).is_file()]
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            load_checkpoint(path)
        except InputError:
            continue
        return path
    return None


def _config_in(path: Path) -> Mapping[str, Any]:
    checkpoint = load_checkpoint(path)
    config = checkpoint.get("config") if isinstance(checkpoint, dict) else None
    if not isinstance(config, Mapping):
        raise InputError(f"run={path}: neither the checkpoint nor a config.yaml beside it says how the model was built")
    return config


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
