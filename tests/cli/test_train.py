"""``train.py`` from the command line: what a run leaves, goes on from, and survives."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from omegaconf import OmegaConf

import train
from tests.programs import CLONE, TINY, Finished, composed, run, run_here, started

pytestmark = pytest.mark.unit

EPOCH_LINE = "epoch   1/"


def plain(node: Any) -> bool:
    """Whether it holds nothing but tensors and what JSON can hold."""
    if isinstance(node, dict):
        return all(isinstance(key, (str, int)) and plain(value) for key, value in node.items())
    if isinstance(node, (list, tuple)):
        return all(map(plain, node))
    return node is None or type(node) in (str, int, float, bool, torch.Tensor)


def metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A run of two epochs, as a user starts it."""
    home = tmp_path_factory.mktemp("home")
    done = run("train", *TINY, "logger=csv", "trainer.max_epochs=2", "run_dir=run", cwd=home)
    assert done.code == 0, done.err
    return home / "run", done


def test_a_run_folder_holds_what_it_should(trained: tuple[Path, Finished]) -> None:
    folder, _ = trained
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoints",
        "config.yaml",
        "env.json",
        "metrics",
        "metrics.json",
        "overrides.yaml",
        "samples",
        "train.log",
    ]
    config = OmegaConf.load(folder / "config.yaml")
    assert OmegaConf.to_container(config) == OmegaConf.to_container(config, resolve=True)
    assert (config.trainer.max_epochs, config.model.samples, config.name) == (2, 8192, "representation")
    overrides = OmegaConf.load(folder / "overrides.yaml")
    assert "trainer.max_epochs=2" in overrides
    assert "logger=csv" in overrides
    environment = json.loads((folder / "env.json").read_text())
    assert environment["versions"]["torch"] == torch.__version__
    assert "train.py" in environment["command"]
    assert sorted(path.name for path in (folder / "samples" / "epoch_0000").iterdir()) == [
        "distortion.png",
        "distortion_dry.flac",
        "distortion_reconstruction.flac",
        "distortion_wet.flac",
    ]
    audio, rate = soundfile.read(folder / "samples" / "epoch_0000" / "distortion_wet.flac")
    assert (len(audio), rate) == (8192, 24000)


def test_metrics_are_named_as_all_tables_are(trained: tuple[Path, Finished]) -> None:
    found = metrics(trained[0])
    expected = {"epochs", "best_epoch", "seconds", "stopped_by", "val/active_units", "test/active_units"} | {
        f"{split}/{metric}/{effect}"
        for split in ("val", "test")
        for metric in ("reconstruction", "kl", "score")
        for effect in ("distortion", "macro")
    }
    # What the weekly report monitored.
    assert set(found) - {"val/score/cycled"} == expected
    assert (found["epochs"], found["stopped_by"]) == (2, "max_epochs")
    assert found["best_epoch"] in (1, 2)
    assert found["seconds"] > 0
    for split in ("val", "test"):
        assert found[f"{split}/score/macro"] == found[f"{split}/score/distortion"]
        assert 0 < found[f"{split}/reconstruction/macro"] < found[f"{split}/score/macro"]


def test_a_line_for_each_epoch(trained: tuple[Path, Finished]) -> None:
    folder, done = trained
    lines = [line for line in done.out.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert all("distortion" in line for line in lines)
    assert done.out.splitlines()[-1] == "max_epochs after 2 epochs; run folder: " + str(folder)
    assert done.err == ""
    log = (folder / "train.log").read_text()
    assert all(line in log for line in done.out.splitlines())


def test_checkpoints_are_plain_data_and_know_their_config(trained: tuple[Path, Finished]) -> None:
    folder, _ = trained
    found = metrics(folder)
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    for name in ("best", "last"):
        checkpoint = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert plain(checkpoint["config"])
        assert checkpoint["config"] == OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
        assert checkpoint["scores"]["val/score/macro"] > 0
        if name == "best":
            assert checkpoint["epoch"] + 1 == found["best_epoch"]
            assert checkpoint["scores"]["val/score/macro"] == found["val/score/macro"]
        else:
            assert checkpoint["epoch"] == 1


def test_a_run_goes_on(trained: tuple[Path, Finished], tmp_path: Path) -> None:
    shutil.copytree(trained[0], tmp_path / "run")
    again = (*TINY, "logger=csv", "ckpt=auto", f"run_dir='{tmp_path}/run'")
    done = run_here("train", *again, "trainer.max_epochs=3")
    assert done.code == 0
    assert [line.split()[1] for line in done.out.splitlines() if line.startswith("epoch ")] == ["3/3"]
    assert metrics(tmp_path / "run")["epochs"] == 3
    assert torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 2
    # The curves of the first part stay.
    assert (tmp_path / "run" / "metrics" / "metrics.csv").read_bytes() == (
        trained[0] / "metrics" / "metrics.csv"
    ).read_bytes()
    assert (tmp_path / "run" / "metrics_1" / "metrics.csv").is_file()


def test_auto_starts_afresh_where_there_is_nothing(tmp_path: Path) -> None:
    quick = (*TINY, "trainer.max_epochs=1", "test=false", "~callbacks.media")
    done = run_here("train", *quick, "ckpt=auto", f"run_dir='{tmp_path}/run'")
    assert done.code == 0
    assert EPOCH_LINE in done.out


def test_the_objective_is_the_best_score(tmp_path: Path) -> None:
    quick = [*TINY, "trainer.max_epochs=3", "test=false", "~callbacks.media"]
    objective = train.main(composed("train", quick, tmp_path))
    assert math.isfinite(objective)
    assert objective == metrics(tmp_path)["val/score/macro"]
    assert not any(key.startswith("test/") for key in metrics(tmp_path))


def test_what_stopped_a_run_is_said(tmp_path: Path) -> None:
    # A step of 0 never improves.
    quick = [*TINY, "test=false", "~callbacks.media", "optimizer.lr=0", "trainer.max_epochs=9"]
    train.main(composed("train", quick, tmp_path))
    found = metrics(tmp_path)
    assert (found["stopped_by"], found["epochs"], found["best_epoch"]) == ("early_stopping", 2, 1)
    # With more patience it goes on.
    patient = [*quick, "ckpt=auto", "callbacks.early_stopping.patience_cycles=9", "trainer.max_epochs=4"]
    train.main(composed("train", patient, tmp_path))
    found = metrics(tmp_path)
    assert (found["stopped_by"], found["epochs"], found["best_epoch"]) == ("max_epochs", 4, 1)
    train.main(composed("train", [*quick, "trainer.max_steps=1"], tmp_path / "short"))
    assert metrics(tmp_path / "short")["stopped_by"] == "max_steps"


def test_ctrl_c_keeps_the_best_checkpoint(tmp_path: Path) -> None:
    long = ("trainer.max_epochs=100000", "callbacks.early_stopping.patience_cycles=100000", "~callbacks.media")
    process = started("train", *TINY, *long, "run_dir=run", cwd=tmp_path)
    try:
        assert process.stdout is not None
        while (line := process.stdout.readline()) and not line.startswith("epoch   3/"):
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert "Traceback" not in err
    assert process.returncode == 0
    found = metrics(tmp_path / "run")
    assert found["stopped_by"] == "interrupted"
    assert found["epochs"] >= 2
    assert "the best checkpoint so far is kept" in out
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    assert checkpoint["scores"]["val/score/macro"] == found["val/score/macro"]
    assert not list((tmp_path / "run").rglob("*.part"))


@pytest.mark.parametrize("program", ["train", "evaluate"])
def test_help_is_quick_and_shows_examples(program: str) -> None:
    """Quick: it does not wait for the packages that take seconds to import."""
    code = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('LOADED', *sys.modules))\n"
        f"sys.argv = ['{program}.py', '--help']\n"
        f"runpy.run_path({str(CLONE / f'{program}.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    text, _, loaded = done.stdout.partition("LOADED")
    assert not {"torch", "pytorch_lightning", "wandb", "umap", "sklearn"} & set(loaded.split())
    assert "Examples" in text
    assert f"python {program}.py " in text
    assert done.stderr == ""
    if program == "train":
        for words in ("experiment=demo", "audio.root=RECORDINGS", "ckpt=auto", "six_plus_three", "data.batch_size"):
            assert words in text


def test_two_ranks_on_the_cpu(tmp_path: Path) -> None:
    tiny = [override for override in TINY if not override.startswith("trainer.")]
    few = ("data.train_items=4", "data.test_items=4", "~callbacks.media")
    process = started("train", *tiny, *few, "trainer=ddp_sim", "trainer.max_epochs=1", "run_dir=run", cwd=tmp_path)
    try:
        out, err = process.communicate(timeout=150)
    finally:
        # The second rank is a process of its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 0, err
    assert out.count(EPOCH_LINE) == 1
    found = metrics(tmp_path / "run")
    assert (found["epochs"], found["stopped_by"]) == (1, "max_epochs")
    assert found["val/score/macro"] > 0
    assert found["test/score/macro"] > 0
