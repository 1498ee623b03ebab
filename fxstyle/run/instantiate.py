"""Hydra's instantiate, restricted to the packages an experiment is made of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hydra._internal.utils import _locate
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from fxstyle.errors import InputError
from fxstyle.run.arguments import check_arguments

ALLOWED = ("fxstyle", "torch.optim", "torch.nn", "pytorch_lightning")
"""Packages whose classes a config may name: a run folder somebody sent must not run anything else."""

FACTORIES = ("fxstyle.run.tracking",)
"""Modules whose functions a config may name, too."""

_HYDRA_KEYS = ("_target_", "_partial_", "_convert_", "_recursive_")


def build(config: DictConfig | dict[str, Any], section: str, **arguments: Any) -> Any:
    """Build what a section of the config describes.

    Raises:
        InputError: When it names a class that is not allowed or does not exist, or arguments that do not fit.
    """
    plain = _plain(config)
    if _interpolates(plain):
        # Hydra would resolve it after the check.
        raise InputError(f"config section '{section}' holds an escaped interpolation; write the value itself")
    targets = [
        (where, options, checked_target(str(options["_target_"]), section))
        for where, options in _targets(plain, section)
    ]
    for where, options, target in targets:
        if "_args_" not in options:
            check_arguments(target, {key: value for key, value in options.items() if key not in _HYDRA_KEYS}, where)
    with named_section(section):
        if not arguments:
            return instantiate(plain, _convert_="all")
        # Hydra would turn the dataclasses among the arguments into dictionaries.
        return instantiate({**plain, "_partial_": True}, _convert_="all")(**arguments)


@contextmanager
def named_section(section: str) -> Iterator[None]:
    """Turn what goes wrong while a section is built into one sentence that names it."""
    try:
        yield
    except InputError:
        raise
    except HydraException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, InputError):
                raise cause from None
            cause = cause.__cause__
        reason = error.__cause__ or error
        raise InputError(f"config section '{section}' cannot be built: {_one_line(reason)}") from error
    except (TypeError, ValueError, OverflowError, MisconfigurationException, OmegaConfBaseException) as error:
        raise InputError(f"config section '{section}' cannot be built: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split("\n\n")[0].split())


def _plain(config: Any) -> Any:
    """Resolved containers, also of the configs that a plain container holds: the check looks into no others."""
    if OmegaConf.is_config(config):
        return OmegaConf.to_container(config, resolve=True)
    if isinstance(config, dict):
        return {key: _plain(value) for key, value in config.items()}
    return config


def _targets(config: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Whatever is to be built, with its key."""
    if isinstance(config, dict):
        if "_target_" in config:
            yield key, config
        for name, value in config.items():
            yield from _targets(value, f"{key}.{name}")
    elif isinstance(config, list):
        for value in config:
            yield from _targets(value, key)


def _interpolates(config: Any) -> bool:
    if isinstance(config, dict):
        return any(_interpolates(part) for pair in config.items() for part in pair)
    if isinstance(config, list):
        return any(map(_interpolates, config))
    return isinstance(config, str) and "${" in config


def checked_target(target: str, section: str) -> Callable[..., Any]:
    """What a target names, if a config may name it."""
    allowed = ", ".join(ALLOWED)
    if not any(target.startswith(prefix + ".") for prefix in ALLOWED):
        raise InputError(f"config section '{section}' names {target!r}, which is not part of {allowed}")
    try:
        found = _locate(target)
    except Exception as error:
        raise InputError(f"config section '{section}' names {target!r}, which does not exist") from error
    # A dotted path can leave the package through a module it imports, such as fxstyle.cli.os.system.
    home = str(getattr(found, "__module__", None) or "")
    if not any(home == prefix or home.startswith(prefix + ".") for prefix in ALLOWED):
        raise InputError(f"config section '{section}' names {target!r}, which lives in {home!r}, not in {allowed}")
    # Functions and methods can do anything, such as run git or load a checkpoint that runs code.
    name = target.rsplit(".", 1)[-1]
    if name.startswith("_") or not (inspect.isclass(found) or home in FACTORIES):
        raise InputError(f"config section '{section}' names {target!r}, which is not a class that a config may build")
    return found
