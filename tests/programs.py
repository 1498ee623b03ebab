"""Runs ``train.py`` and ``evaluate.py`` as a user does, and composes their configs, with everything tiny."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from fxstyle.run.conf import CONF
from fxstyle.run.launch import launch

CLONE = Path(__file__).parents[1]

SHORT = (
    "data.clip_samples=8192",
    "data.preroll_seconds=0.1",
    "data.train_items=2",
    "data.val_items=2",
    "data.test_items=2",
    "data.batch_size=2",
    "renderer.cores=1",
)
"""Few and short clips."""
SMALL = ("model.spectrogram.n_fft=512", "model.spectrogram.window=512", "model.spectrogram.hop=256", "model.latent=4")
"""A small model."""
FEW = ("audio.seconds=2", "audio.train_recordings=3", "audio.val_recordings=2", "audio.test_recordings=2")
"""Few synthetic recordings."""
CPU = ("trainer.accelerator=cpu", "trainer.devices=1", "trainer.strategy=auto")
TINY = (*SHORT, *SMALL, *FEW, *CPU, "model.channels=[4,8]", "effects=distortion", "logger=none")
"""A run of a second, on one effect and without loggers."""


@dataclass(frozen=True)
class Finished:
    """A program that has ended."""

    code: int
    out: str
    err: str


def composed(program: str, overrides: list[str], folder: Path) -> DictConfig:
    """The config of a command, with Hydra knowing ``folder`` as its run folder."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose(
            program, overrides=[*overrides, f"hydra.runtime.output_dir='{folder}'"], return_hydra_config=True
        )
    HydraConfig.instance().set_config(config)
    with open_dict(config):
        del config["hydra"]
    return config


def run(program: str, *overrides: str, cwd: Path | None = None, **environment: str) -> Finished:
    """Run a program in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(CLONE / f"{program}.py"), *overrides],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def run_here(program: str, *overrides: str) -> Finished:
    """Run a program in this process, which saves the seconds that its imports take."""
    main: Any = import_module(program).main
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    out, err, code = io.StringIO(), io.StringIO(), 0
    GlobalHydra.instance().clear()
    with ExitStack() as changed:
        changed.enter_context(mock.patch.dict(os.environ))
        changed.enter_context(mock.patch.object(sys, "argv", [f"{program}.py", *overrides]))
        changed.enter_context(redirect_stdout(out))
        changed.enter_context(redirect_stderr(err))
        try:
            launch(main, program)
        except SystemExit as left:
            code = int(left.code or 0)
        finally:
            GlobalHydra.instance().clear()
            for handler in set(root.handlers) - set(handlers):
                handler.close()
            root.handlers[:] = handlers
            root.setLevel(level)
    return Finished(code, out.getvalue(), err.getvalue())


def check_refused(done: Finished, program: str, words: tuple[str, ...], run_folder: Path | None = None) -> None:
    """Exit code 2, one line that holds the words, and no folder."""
    assert done.code == 2, done
    assert done.err.startswith(f"{program}.py: ")
    assert done.err.endswith("\n")
    assert len(done.err.splitlines()) == 1, done.err
    for word in words:
        assert word in done.err
    assert run_folder is None or not run_folder.exists()


def started(program: str, *overrides: str, cwd: Path) -> subprocess.Popen[str]:
    """A program that runs on, in a session of its own: a signal to its group ends all its processes."""
    return subprocess.Popen(
        [sys.executable, str(CLONE / f"{program}.py"), *overrides],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
