from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

import fxstyle
from fxstyle.errors import InputError
from fxstyle.run import folder as run_folder

pytestmark = pytest.mark.unit

CONFIG = OmegaConf.create({"rate": 24000, "data": {"rate": "${rate}", "names": ["a", "b"]}})


def save(path: Path, **content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": {"weight": torch.ones(2)}, **content}, path)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that has trained."""
    run_folder.start_run(tmp_path / "run", CONFIG, ["data.names=[a,b]", "rate=24000"])
    save(tmp_path / "run" / "checkpoints" / "best.ckpt", config={"rate": 1})
    return tmp_path / "run"


def test_a_run_says_what_it_is(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == ["checkpoints", "config.yaml", "env.json", "overrides.yaml"]
    config = OmegaConf.load(run / "config.yaml")
    assert OmegaConf.to_container(config) == {"rate": 24000, "data": {"rate": 24000, "names": ["a", "b"]}}
    assert OmegaConf.load(run / "overrides.yaml") == ["data.names=[a,b]", "rate=24000"]
    environment = json.loads((run / "env.json").read_text())
    assert environment["versions"]["fxstyle"] == fxstyle.__version__
    assert environment["versions"]["pytorch-lightning"]
    assert len(environment["git_sha"] or "0" * 40) == 40
    assert environment["command"].startswith("python ")


def test_metrics_are_json_that_everybody_reads(tmp_path: Path) -> None:
    values = {"test/score/macro": 0.25, "val/score/macro": float("nan"), "best": float("inf"), "epochs": 3, "by": "x"}
    run_folder.write_metrics(tmp_path, values)
    text = (tmp_path / "metrics.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert json.loads(text) == {
        "test/score/macro": 0.25,
        "val/score/macro": None,
        "best": None,
        "epochs": 3,
        "by": "x",
    }


def test_metrics_are_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_folder.write_metrics(tmp_path, {"epochs": 1})
    run_folder.write_metrics(tmp_path, {"epochs": 2})
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        run_folder.write_metrics(tmp_path, {"epochs": 3})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"epochs": 2}


def test_runs_are_found_by_folder_and_by_checkpoint(run: Path) -> None:
    best = run / "checkpoints" / "best.ckpt"
    for choice in (run, str(run), best):
        folder, config, checkpoint = run_folder.read_run(choice)
        assert (folder, checkpoint) == (run, best)
        assert config.data.rate == 24000
    last = save(run / "checkpoints" / "last.ckpt")
    assert run_folder.read_run(last)[2] == last


def test_a_checkpoint_alone_brings_its_config(tmp_path: Path) -> None:
    path = save(tmp_path / "sent.ckpt", config={"rate": 8000})
    folder, config, checkpoint = run_folder.read_run(path)
    assert (folder, checkpoint, config.rate) == (tmp_path, path, 8000)


def test_what_is_no_run_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "config.yaml").write_text("rate: 1\n")
    (tmp_path / "notes.txt").write_text("no run\n")
    for choice, message in (
        ("nowhere", "no such run folder or checkpoint"),
        ("notes.txt", "no such run folder or checkpoint"),
        ("empty", "no config.yaml in this folder"),
        ("young", "no checkpoints/best.ckpt yet"),
    ):
        with pytest.raises(InputError, match=message) as refused:
            run_folder.read_run(tmp_path / choice)
        assert choice in str(refused.value)
    with pytest.raises(InputError, match=r"neither the checkpoint nor a config\.yaml"):
        run_folder.read_run(save(tmp_path / "bare.ckpt"))


@pytest.mark.parametrize("text", ["- a\n- b\n", "rate: [1\n", "", "\0", "rate: {a: 1, a: 2}\n"])
def test_a_damaged_config_is_refused(run: Path, text: str) -> None:
    (run / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=r"config\.yaml"):
        run_folder.read_run(run)


def test_checkpoints_hold_plain_data_only(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    with pytest.raises(InputError, match=r"evil\.ckpt is damaged or not a plain-data checkpoint"):
        run_folder.load_checkpoint(save(tmp_path / "evil.ckpt", config=Evil()))
    assert not (tmp_path / "ran").exists()
    (tmp_path / "cut.ckpt").write_bytes(save(tmp_path / "whole.ckpt").read_bytes()[:-100])
    with pytest.raises(InputError, match=r"cut\.ckpt is damaged"):
        run_folder.load_checkpoint(tmp_path / "cut.ckpt")
    with pytest.raises(InputError, match=r"none\.ckpt does not exist"):
        run_folder.load_checkpoint(tmp_path / "none.ckpt")
    loaded = run_folder.load_checkpoint(tmp_path / "whole.ckpt")
    assert torch.equal(loaded["state_dict"]["weight"], torch.ones(2))


def test_resuming_takes_the_newest_that_is_valid(tmp_path: Path) -> None:
    assert run_folder.resume_from(None, tmp_path) is None
    assert run_folder.resume_from("auto", tmp_path) is None
    last = save(tmp_path / "checkpoints" / "last.ckpt")
    assert run_folder.resume_from("auto", tmp_path) == last
    preempted = save(tmp_path / "checkpoints" / "preempt.ckpt")
    now = time.time()
    os.utime(last, (now, now - 100))
    os.utime(preempted, (now, now))
    assert run_folder.resume_from("auto", tmp_path) == preempted
    preempted.write_bytes(b"cut off")
    os.utime(preempted, (now, now))
    assert run_folder.resume_from("auto", tmp_path) == last
    last.write_bytes(b"")
    assert run_folder.resume_from("auto", tmp_path) is None


def test_resuming_from_a_named_checkpoint(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.ckpt")
    assert run_folder.resume_from(str(path), tmp_path / "elsewhere") == path
    with pytest.raises(InputError, match=r"other\.ckpt does not exist"):
        run_folder.resume_from(str(tmp_path / "other.ckpt"), tmp_path)


TRAINED = OmegaConf.create(
    {"ckpt": None, "seed": 0, "model": {"latent": 8, "channels": [4, 8]}, "loss": {"high": 1e-5}}
)


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    run_folder.refuse_taken(tmp_path, TRAINED)
    run_folder.start_run(tmp_path, TRAINED, [])
    with pytest.raises(InputError, match="already holds a run: go on with it by ckpt=auto"):
        run_folder.refuse_taken(tmp_path, TRAINED)
    run_folder.refuse_taken(tmp_path, OmegaConf.merge(TRAINED, {"ckpt": "auto"}))


@pytest.mark.parametrize(("change", "key"), [({"seed": 1}, "seed"), ({"model": {"latent": 9}}, "model")])
def test_another_model_is_not_resumed(tmp_path: Path, change: dict[str, Any], key: str) -> None:
    run_folder.start_run(tmp_path, TRAINED, [])
    with pytest.raises(InputError, match=f"was made with another {key}"):
        run_folder.refuse_taken(tmp_path, OmegaConf.merge(TRAINED, {"ckpt": "auto"}, change))


def test_what_is_finished_is_known_by_its_config_and_its_end(tmp_path: Path) -> None:
    again = OmegaConf.merge(TRAINED, {"ckpt": "auto"})
    assert run_folder.finished(tmp_path, again) is None
    run_folder.start_run(tmp_path, TRAINED, [])
    assert run_folder.finished(tmp_path, again) is None
    for stopped_by, done in (("interrupted", False), ("max_epochs", True), ("early_stopping", True)):
        run_folder.write_metrics(tmp_path, {"epochs": 2, "stopped_by": stopped_by})
        assert (run_folder.finished(tmp_path, again) is not None) is done
    assert run_folder.finished(tmp_path, TRAINED) is None
    assert run_folder.finished(tmp_path, OmegaConf.merge(again, {"seed": 5})) is None
    (tmp_path / "metrics.json").write_text("{")
    assert run_folder.finished(tmp_path, again) is None
