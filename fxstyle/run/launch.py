"""Starts a Hydra program so that bad input ends in one sentence and exit code 2."""

from __future__ import annotations

import difflib
import functools
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fxstyle.errors import InputError
from fxstyle.run.conf import CONF


def launch(main: Callable[[], Any], config_name: str) -> None:
    """Run a ``hydra.main`` function and turn what goes wrong into an exit code."""
    # With this, Hydra raises instead of printing and leaving with code 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        main()
    except MissingConfigException as error:
        _refuse(_explain_choice(error))
    except ConfigCompositionException as error:
        _refuse(_explain_override(error, config_name))
    except OverrideParseException as error:
        reasons = [line for line in error.message.splitlines() if not line.startswith(("Error parsing", "See "))]
        _refuse(f"{error.override!r} is not of the form KEY=VALUE: {' '.join(reasons)}")
    except HydraException as error:
        _refuse(_one_line(error))
    except OmegaConfBaseException as error:
        _refuse(_explain_value(error))
    except (OSError, ValueError) as error:
        if any(step.name == "wrapped" for step in traceback.extract_tb(error.__traceback__)):
            raise
        # Hydra could not compose the config or make the run folder.
        if isinstance(error, OSError):
            _refuse(f"{error.filename} cannot be made: {error.strerror}; give another run_dir")
        _refuse(f"{_one_line(error)} (in {' '.join(sys.argv[1:])})")


def refusing(function: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Wrap a task function so that refused input leaves with one sentence, before Hydra adds its own."""

    @functools.wraps(function)
    def wrapped(config: DictConfig) -> Any:
        try:
            return function(config)
        except (InputError, OmegaConfBaseException) as error:
            _remove_empty(Path(HydraConfig.get().runtime.output_dir))
            return _refuse(_one_line(error) if isinstance(error, InputError) else _explain_value(error))

    return wrapped


def _remove_empty(folder: Path) -> None:
    """Remove the log and the folder that Hydra made, if nothing was written to them."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.close()
            log = Path(handler.baseFilename)
            if log.parent == folder and log.is_file() and not log.stat().st_size:
                log.unlink()
    if folder != Path.cwd() and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _refuse(sentence: str) -> NoReturn:
    sys.stderr.write(f"{Path(sys.argv[0]).name}: {sentence}\n")
    sys.exit(2)


def _explain_value(error: OmegaConfBaseException) -> str:
    """Such as an interpolation of a key that does not exist."""
    return f"{error.full_key or 'config'}: {str(error).splitlines()[0]}"


def _explain_choice(error: MissingConfigException) -> str:
    text = str(error)
    found = re.search(r"Could not find '([^']+)'", text)
    options = [str(option) for option in error.options or ()]
    if found is None:
        return _one_line(error)
    group, _, choice = found.group(1).rpartition("/")
    near = difflib.get_close_matches(choice, options, 1)
    hint = f"did you mean {group}={near[0]}? " if near else ""
    return f"{group}={choice} is not a choice; {hint}choose one of {', '.join(options)}"


def _explain_override(error: ConfigCompositionException, config_name: str) -> str:
    found = re.search(r"Could not (?:override|delete from config\.) '([^']+)'", str(error))
    if found is None:
        reason = error.__cause__ or error
        return " ".join(f"{error} {reason if reason is not error else ''}".split())
    key = found.group(1)
    cause = error.__cause__
    if cause is not None and "is not in struct" not in str(cause):
        return f"{key}: {' '.join(str(cause).splitlines()[0].split())}"
    parent, names = _siblings(key, config_name)
    near = difflib.get_close_matches(key.rsplit(".", 1)[-1], names, 1)
    full = f"{parent}.{near[0]}" if near and parent else near[0] if near else ""
    hint = f"did you mean {full}? " if full else ""
    where = f"{parent} has" if parent else "the config has"
    return f"{key} is not a key of the config; {hint}{where}: {', '.join(names)}"


def _siblings(key: str, config_name: str) -> tuple[str, list[str]]:
    """The keys beside an unknown one, in the config as it is without the key overrides."""
    choices = [word for word in sys.argv[1:] if "=" in word and "." not in word.split("=", 1)[0]]
    choices = [word for word in choices if word.split("=", 1)[0].lstrip("+~") != key]
    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF, version_base="1.3"):
        try:
            config = compose(config_name, overrides=choices)
        except HydraException:
            config = compose(config_name)
    parts = key.split(".")
    for count in range(len(parts) - 1, 0, -1):
        parent = ".".join(parts[:count])
        node = OmegaConf.select(config, parent)
        if isinstance(node, DictConfig):
            return parent, [str(name) for name in node]
    return "", [str(name) for name in config]
