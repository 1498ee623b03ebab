"""W&B runs offline by itself, never asks, and holds what a run did."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
import wandb
from omegaconf import OmegaConf
from pytorch_lightning.loggers import CSVLogger

from fxstyle.errors import InputError
from fxstyle.run import tracking
from fxstyle.run.guards import goes_online, has_key
from tests.cli.wandb_readback import OfflineRun, read_run
from tests.programs import TINY, run_here

pytestmark = pytest.mark.unit

QUICK = (*(override for override in TINY if override != "logger=none"), "logger=default", "test=false")


def offline_runs(folder: Path) -> list[OfflineRun]:
    """The finished runs of a folder; W&B's own process may write their end a moment later."""
    for _ in range(100):
        found = [read_run(path) for path in sorted((folder / "wandb").glob("offline-run-*"))]
        if found and all(run.exit_code is not None for run in found):
            return found
        time.sleep(0.1)
    raise AssertionError(f"runs in {folder} were not finished: {found}")


@pytest.fixture
def no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither key nor mode, as on a new machine."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs after one another in one process."""
    home = tmp_path_factory.mktemp("runs")
    for name, seed in (("first", 1), ("second", 2)):
        options = (f"name={name}", f"seed={seed}", f"run_dir='{home}/{name}'")
        done = run_here("train", *QUICK, *options, "trainer.max_epochs=2", "callbacks.media.every_epochs=5")
        assert (done.code, done.err) == (0, "")
    return home / "first", home / "second"


def test_a_run_holds_its_config(runs: tuple[Path, Path]) -> None:
    (found,) = offline_runs(runs[0])
    assert (found.name, found.project, found.exit_code) == ("first", "fxstyle", 0)
    config = {key: found.config[key] for key in found.config if key != "_wandb"}
    saved = OmegaConf.to_container(OmegaConf.load(runs[0] / "config.yaml"))
    assert isinstance(saved, dict)
    flat = {key.replace("/", "."): value for key, value in config.items()}
    assert flat["seed"] == 1
    for key, value in saved.items():
        assert flat[key] == value if not isinstance(value, dict) or key in flat else _nested(flat, key)


def _nested(flat: dict[str, Any], key: str) -> bool:
    return any(name.startswith(f"{key}.") for name in flat)


def test_a_run_holds_metrics_of_every_epoch(runs: tuple[Path, Path]) -> None:
    (found,) = offline_runs(runs[0])
    for name in ("train/loss", "val/score/macro", "val/score/distortion", "val/kl/macro", "train/effect"):
        assert len(found.values(name)) == 2, name
    assert found.values("epoch")[-1] == 1
    with (runs[0] / "metrics" / "metrics.csv").open() as file:
        names = file.readline().strip().split(",")
        column = [line.split(",")[names.index("val/score/macro")] for line in file.read().splitlines()]
    assert [float(value) for value in column if value] == pytest.approx(found.values("val/score/macro"))


def test_a_run_holds_audio_and_pictures(runs: tuple[Path, Path]) -> None:
    (found,) = offline_runs(runs[0])
    (files,) = (runs[0] / "wandb").glob("offline-run-*/files")
    logged = {key: value for row in found.history for key, value in row.items() if key.startswith("media/")}
    kinds = {key: value for key, value in logged.items() if key.endswith("_type")}
    for name in ("dry", "wet", "reconstruction"):
        assert any(key.startswith(f"media/distortion/{name}") and "audio" in kinds[key] for key in kinds), kinds
    assert any(key.startswith("media/distortion/spectrograms") and "image" in kinds[key] for key in kinds), kinds
    stored = [path for path in files.rglob("*") if path.suffix in (".wav", ".png")]
    assert len([path for path in stored if path.suffix == ".wav"]) == 3
    assert len([path for path in stored if path.suffix == ".png"]) == 1
    assert all(path.stat().st_size > 1000 for path in stored)


def test_runs_of_one_process_do_not_mix(runs: tuple[Path, Path]) -> None:
    (first,), (second,) = (offline_runs(folder) for folder in runs)
    assert first.identity != second.identity
    assert (first.name, second.name) == ("first", "second")
    assert second.config["seed"] == 2
    assert len(second.values("val/score/macro")) == 2
    assert first.values("val/score/macro") != second.values("val/score/macro")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert wandb.run is None


def test_a_run_that_fails_is_finished_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("fxstyle.run.fit.fit", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run_here("train", *QUICK, f"run_dir='{tmp_path}/run'")
    assert wandb.run is None
    (found,) = offline_runs(tmp_path / "run")
    assert found.exit_code == 1


def test_a_resumed_run_stays_one_run(runs: tuple[Path, Path]) -> None:
    folder = runs[1]
    options = ("name=second", "seed=2", "ckpt=auto", f"run_dir='{folder}'", "~callbacks.media")
    assert run_here("train", *QUICK, *options, "trainer.max_epochs=3").code == 0
    parts = offline_runs(folder)
    assert len(parts) == 2
    assert len({part.identity for part in parts}) == 1
    assert parts[1].values("epoch")[-1] == 2


@pytest.mark.usefixtures("no_key")
def test_without_a_key_nothing_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*arguments: object) -> str:
        raise AssertionError("it asked")

    monkeypatch.setattr("builtins.input", asked)
    monkeypatch.setattr("getpass.getpass", asked)
    for terminal in (False, True):
        monkeypatch.setattr(sys.stdin, "isatty", lambda terminal=terminal: terminal, raising=False)
        folder = tmp_path / f"run{terminal}"
        logger = tracking.wandb_logger(str(folder), "project", "name")
        logger.log_metrics({"x": 1.0})
        tracking.finish_loggers()
        (found,) = offline_runs(folder)
        assert found.values("x") == [1.0]


@pytest.mark.usefixtures("no_key")
def test_a_key_is_what_makes_it_online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_key()
    assert not goes_online("auto")
    with pytest.raises(InputError, match="WANDB_API_KEY"):
        goes_online("online")
    with pytest.raises(InputError, match="choose auto, online or offline"):
        goes_online("on")
    (tmp_path / ".netrc").write_text("machine api.wandb.ai\n  login user\n  password " + "0" * 40 + "\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert has_key()
    assert goes_online("auto")
    assert goes_online("online")
    assert not goes_online("offline")
    (tmp_path / ".netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert goes_online("auto")
    for mode in ("offline", "disabled", "dryrun"):
        monkeypatch.setenv("WANDB_MODE", mode)
        assert not goes_online("auto")


def test_the_curves_of_a_resumed_run_are_kept(tmp_path: Path) -> None:
    for name in ("metrics", "metrics_1", "metrics_2"):
        logger = tracking.csv_logger(str(tmp_path))
        assert isinstance(logger, CSVLogger)
        logger.log_metrics({"x": 1.0}, step=0)
        logger.save()
        assert (tmp_path / name / "metrics.csv").is_file()
