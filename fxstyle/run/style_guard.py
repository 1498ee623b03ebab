"""Refuses configs of the style benchmark that cannot work, before anything heavy is imported."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from fxstyle.audio.source import SPLITS
from fxstyle.errors import InputError
from fxstyle.report.files import safe_name

KNOWN = (
    "identity",
    "random",
    "mid",
    "mean_preset",
    "rule_based",
    "nearest_preset",
    "controllers",
    "searches",
    "ours",
    "oracle",
)
SEARCHES = ("cma", "hybrid", "hybrid_random")
CONTENTS = ("same", "other")
_COUNTS = {
    "pairs": 1,
    "search_pairs": 1,
    "calibration_pairs": 0,
    "presets": 1,
    "clip_samples": 2048,
    "sample_rate": 1,
    "seed": 0,
}


def check_benchmark(config: DictConfig) -> None:
    """Check the config of a benchmark.

    Raises:
        InputError: With the key and the remedy.
    """
    for key, least in _COUNTS.items():
        if not _is_whole(config[key]) or config[key] < least:
            raise InputError(f"{key} must be a whole number of at least {least}, not {config[key]!r}")
    if config.channels not in (1, 2) or not _is_whole(config.channels):
        raise InputError(f"channels must be 1 (mono) or 2 (stereo), not {config.channels!r}")
    for key, low, high in (("wet_probability", 0.0, 1.0), ("preroll_seconds", 0.0, 60.0)):
        value = config[key]
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{key} must lie between {low:g} and {high:g}, not {value!r}")
    if not isinstance(config.acceptance_to_run, bool):
        raise InputError(f"acceptance_to_run must be true or false, not {config.acceptance_to_run!r}")
    for key in ("out", "dataset", "acceptance"):
        if not (isinstance(config[key], str) and config[key].strip()) and not (config[key] is None and key != "out"):
            raise InputError(f"{key} must be a path, not {config[key]!r}")
    if config.split not in SPLITS:
        raise InputError(f"split={config.split} is unknown: choose one of {', '.join(SPLITS)}")
    _check_choices("contents", config.contents, CONTENTS)
    _check_choices("arms", config.arms, KNOWN)
    _check_arms(config)
    _check_sound(config)


def _check_sound(config: DictConfig) -> None:
    if config.get("effects") is None:
        raise InputError("effects has no value: choose a set or an effect, as in effects=six_plus_three")
    if (config.get("audio") is None) == (config.dataset is None):
        problem = "neither" if config.dataset is None else "both"
        raise InputError(
            f"{problem} of audio and dataset is given: use dataset=RECORDINGS, or audio=folder audio.root=RECORDINGS, "
            "or audio=synthetic"
        )
    if missing := sorted(key for key in OmegaConf.missing_keys(config) if key.startswith(("audio", "effects"))):
        raise InputError(f"{missing[0]} has no value: give it on the command line, as in {missing[0]}=VALUE")


def _check_arms(config: DictConfig) -> None:
    controllers: Any = config.controllers or {}
    if not isinstance(controllers, (dict, DictConfig)):
        raise InputError("controllers must map names to runs, as in controllers={controller_all: RUN}")
    for name, run in ((str(key), value) for key, value in controllers.items()):
        if name in (*KNOWN, *SEARCHES) or safe_name(name) != name:
            raise InputError(f"controllers.{name}: choose another name, of letters, digits, - and _")
        if not isinstance(run, str) or not run.strip():
            raise InputError(f"controllers.{name} must be a run folder or a folder of run folders, not {run!r}")
    if config.start is not None and config.start not in controllers:
        raise InputError(
            f"start={config.start} is none of the controllers: {', '.join(controllers) or 'there are none'}"
        )
    searches: Any = config.searches or {}
    for key in ("searches", "identifiable"):
        if config[key] is not None and not isinstance(config[key], (dict, DictConfig)):
            raise InputError(f"{key} must map names to lists, not {config[key]!r}")
    for name, controls in (config.identifiable or {}).items():
        if not isinstance(controls, ListConfig) or not all(isinstance(control, str) for control in controls):
            raise InputError(f"identifiable.{name} must be a list of names of controls, not {controls!r}")
    if not isinstance(config.comparisons, ListConfig):
        raise InputError(
            f"comparisons must be a list of pairs of arms, as [[ours, grant2023]], not {config.comparisons!r}"
        )
    for name, budgets in searches.items():
        if name not in SEARCHES:
            raise InputError(f"searches.{name} is unknown: choose from {', '.join(SEARCHES)}")
        if not isinstance(budgets, ListConfig) or not all(_is_whole(budget) and budget > 0 for budget in budgets):
            raise InputError(f"searches.{name} must be a list of budgets of at least 1 render, as [32, 128]")
        if len(set(budgets)) < len(budgets):
            raise InputError(f"searches.{name} names a budget twice: {list(budgets)}")
    if "ours" in config.arms and config.ours_renders not in (searches.get("hybrid") or []):
        raise InputError(
            f"ours_renders={config.ours_renders} is none of searches.hybrid: choose one of its budgets, or leave ours "
            "out of arms"
        )
    for pair in config.comparisons:
        if not isinstance(pair, ListConfig) or len(pair) != 2 or not all(isinstance(name, str) for name in pair):
            raise InputError(f"comparisons must be pairs of arms, as [ours, grant2023], not {pair!r}")


def _check_choices(key: str, chosen: Any, known: tuple[str, ...]) -> None:
    texts = isinstance(chosen, ListConfig) and all(isinstance(name, str) for name in chosen)
    if not texts or not chosen or len(set(chosen)) < len(chosen):
        raise InputError(f"{key} must be a list of different names, as [{', '.join(known[:2])}]")
    for name in chosen:
        if name not in known:
            raise InputError(f"{key}: {name!r} is unknown; choose from {', '.join(known)}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
