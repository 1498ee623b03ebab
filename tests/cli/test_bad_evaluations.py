"""Evaluations that cannot be are refused in one sentence, with exit code 2, and leave nothing behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from tests.programs import TINY, check_refused, run_here

pytestmark = pytest.mark.unit

EVALUATION = ("items_per_effect=10", "retrieval_contents=2", "reducer=pca")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    done = run_here("train", *TINY, "~callbacks.media", "test=false", "trainer.max_epochs=1", f"run_dir='{folder}'")
    assert done.code == 0
    return folder


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("", ("run has no value", "run=")),
        ("run=3", ("run", "a path")),
        ("run=nowhere", ("run=nowhere", "no such run folder or checkpoint")),
        ("run=RUN out=RUN/config.yaml", ("config.yaml", "give a folder")),
        ("run=RUN out=RUN/config.yaml/below", ("config.yaml", "give a folder")),
        ("run=RUN items_per_effect=3", ("items_per_effect", "at least 10")),
        ("run=RUN retrieval_contents=0", ("retrieval_contents", "at least 1")),
        ("run=RUN reducer=tsne", ("reducer", "umap or pca")),
        ("run=RUN seed=-1", ("seed", "at least 0")),
        ("run=RUN device=tpu", ("device=tpu", "cpu or cuda")),
        ("run=RUN item=3", ("item is not a key", "items_per_effect")),
        ("run=RUN model.latent=3", ("model.latent is not a key", "items_per_effect")),
        ("run=RUN effects=chorsu", ("effects=chorsu", "did you mean effects=chorus?")),
        ("run=RUN audio=folder", ("audio.root has no value",)),
        ("run=RUN audio=folder audio.root=RUN", ("RUN", "has no audio file")),
    ],
)
def test_evaluations_that_cannot_be(settings: str, words: tuple[str, ...], trained: Path) -> None:
    before = sorted(trained.rglob("*"))
    given = [word.replace("RUN", str(trained)) for word in settings.split(" ") if word]
    keys = [word.split("=")[0] for word in given]
    done = run_here("evaluate", *(word for word in EVALUATION if word.split("=")[0] not in keys), *given)
    check_refused(done, "evaluate", tuple(word.replace("RUN", str(trained)) for word in words))
    assert sorted(trained.rglob("*")) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_evaluation_on_a_gpu_that_is_not_there(trained: Path) -> None:
    done = run_here("evaluate", f"run={trained}", "device=cuda")
    check_refused(done, "evaluate", ("device=cuda", "device=auto"), trained / "eval")


def test_runs_that_cannot_be_evaluated(trained: Path, tmp_path: Path) -> None:
    def spoilt(name: str) -> Path:
        shutil.copytree(trained, tmp_path / name)
        return tmp_path / name

    (spoilt("bare") / "config.yaml").unlink()
    (spoilt("cut") / "checkpoints" / "best.ckpt").write_bytes(b"PK" + bytes(1000))
    (spoilt("young") / "checkpoints" / "best.ckpt").unlink()
    (spoilt("text") / "config.yaml").write_text("model: [")
    other = OmegaConf.load(spoilt("other") / "config.yaml")
    other.model.latent = 7
    OmegaConf.save(other, tmp_path / "other" / "config.yaml")
    for name, words in (
        ("bare", ("no config.yaml",)),
        ("cut", ("best.ckpt", "is damaged")),
        ("young", ("no checkpoints/best.ckpt yet",)),
        ("text", ("config.yaml", "is damaged")),
        ("other", ("best.ckpt", "does not fit")),
    ):
        done = run_here("evaluate", f"run={tmp_path / name}", *EVALUATION)
        check_refused(done, "evaluate", (str(tmp_path / name), *words), tmp_path / name / "eval")


@pytest.mark.parametrize(
    "key",
    ["model", "model.spectrogram", "optimizer", "loss.beta", "task", "audio", "renderer", "renderer.limits"],
)
def test_a_run_somebody_sent_runs_nothing(key: str, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    config = OmegaConf.load(tmp_path / "run" / "config.yaml")
    OmegaConf.update(config, key, {"_target_": "os.system", "command": f"touch {tmp_path}/ran"}, merge=False)
    if key in ("model", "task"):
        OmegaConf.update(config, key, {"tasks": ["representation"], "name": "representation"})
    if key == "renderer":
        OmegaConf.update(config, key, {"cores": 1})
    OmegaConf.save(config, tmp_path / "run" / "config.yaml")
    done = run_here("evaluate", f"run={tmp_path}/run", *EVALUATION)
    check_refused(done, "evaluate", ("'os.system'", key.split(".")[0]), tmp_path / "run" / "eval")
    assert not (tmp_path / "ran").exists()
