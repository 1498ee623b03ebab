"""Starts a Hydra program so that bad input ends in one sentence and exit code 2."""

from __future__ import annotations

import difflib
import functools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
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
    except (HydraException, OmegaConfBaseException) as error:
        _refuse(" ".join(str(error).split()))


def refusing(function: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Wrap a task function so that refused input leaves with one sentence, before Hydra adds its own."""

    @functools.wraps(function)
    def wrapped(config: DictConfig) -> Any:
        try:
            return function(config)
        except InputError as error:
            return _refuse(str(error))

    return wrapped


def _refuse(sentence: str) -> NoReturn:
    sys.stderr.write(f"{Path(sys.argv[0]).name}: {sentence}\n")
    sys.exit(2)


def _explain_choice(error: MissingConfigException) -> str:
    text = str(error)
    found = re.search(r"Could not find '([^']+)'", text)
    options = [str(option) for option in error.options or ()]
    if found is None:
        return " ".join(text.split())
    group, _, choice = found.group(1).rpartition("/")
    near = difflib.get_close_matches(choice, options, 1)
    hint = f"did you mean {group}={near[0]}? " if near else ""
    return f"{group}={choice} is not a choice; {hint}choose one of {', '.join(options)}"


def _explain_override(error: ConfigCompositionException, config_name: str) -> str:
    found = re.search(r"Could not (?:override|delete from config\. )'?([\w./@]+)'?", str(error))
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
