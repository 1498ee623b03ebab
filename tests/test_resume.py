"""A resumed run equals a straight one to the bit; workers change nothing; ranks share the same keys, each once."""

from __future__ import annotations

import json
from functools import partial
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from fxstyle.audio.levels import Level
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.callbacks.schedule import ScheduleCheck
from fxstyle.data.module import EffectDataModule
from fxstyle.effects.parse import parse_effects
from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.effects.schedule import Schedule
from fxstyle.losses.annealing import Annealing
from fxstyle.models.spectrogram import Spectrogram
from fxstyle.models.vae import SpectrogramVAE
from fxstyle.tasks.representation import Representation

pytestmark = pytest.mark.unit

RATE, CLIP, ITEMS = 8000, 4096, 10
EFFECTS = {
    "distortion": {
        "host": "pedalboard",
        "plugin": "Distortion",
        "parameters": {"drive_db": {"low": 10, "high": 40, "default": 20, "unit": "dB"}},
    },
    "delay": {
        "host": "pedalboard",
        "plugin": "Delay",
        "parameters": {"delay_seconds": {"low": 0.05, "high": 0.2, "default": 0.1, "unit": "s"}},
    },
    "highpass": {
        "host": "pedalboard",
        "plugin": "HighpassFilter",
        "parameters": {"cutoff_frequency_hz": {"low": 50, "high": 2000, "default": 300, "unit": "Hz", "scale": "log"}},
    },
}


class Seen(pl.Callback):
    """Writes down what each rank was trained on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        row = {
            "epoch": trainer.current_epoch,
            "step": batch_idx,
            "rank": trainer.global_rank,
            "index": batch["index"].tolist(),
            "effect": batch["effect"].tolist(),
            "start": batch["start"].tolist(),
            "power": batch["wet"].square().mean(dim=(1, 2)).tolist(),
        }
        with (self.folder / f"rank{trainer.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def train(
    folder: Path, epochs: int, workers: int = 0, ranks: int = 1, resume: Path | None = None, kind: str = "cycle"
) -> dict[str, torch.Tensor]:
    """Train to an epoch and give the weights of ``last.ckpt``."""
    folder.mkdir(parents=True, exist_ok=True)
    if ranks > 1:
        # Forked ranks cannot use a server of worker processes that is this process's child.
        forkserver._forkserver._stop()  # type: ignore[attr-defined]
    source = SyntheticSource(
        sample_rate=RATE, seconds=1.0, train_recordings=6, val_recordings=2, test_recordings=2, seed=3
    )
    data = EffectDataModule(
        source=source,
        effects=parse_effects(EFFECTS, 1),
        renderer=ThreadRenderer(2),
        schedule=Schedule(kind),  # type: ignore[arg-type]
        level=Level(),
        clip_samples=CLIP,
        preroll_seconds=0.1,
        batch_size=4,
        train_items=ITEMS,
        val_items=3,
        test_items=3,
        num_workers=workers,
        seed=11,
    )
    pl.seed_everything(5, verbose=False)
    task = Representation(
        SpectrogramVAE(Spectrogram(256, 256, 128, 0.3), CLIP, 1, (4, 8), 6),
        Annealing("cyclic", 1e-5, 1e-3, 3),
        partial(torch.optim.Adam, lr=1e-3),
        ("distortion", "delay", "highpass"),
        (),
        seed=5,
    )
    checkpoint = pl.callbacks.ModelCheckpoint(
        dirpath=folder / "checkpoints", save_last=True, save_on_train_epoch_end=True, enable_version_counter=False
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp_fork" if ranks > 1 else "auto",
        max_epochs=epochs,
        callbacks=[checkpoint, ScheduleCheck(), Seen(folder)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(task, datamodule=data, ckpt_path=resume, weights_only=True)
    loaded = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert loaded["epoch"] == epochs - 1
    return loaded["state_dict"]


def seen(folder: Path, ranks: int = 1) -> list[dict[str, Any]]:
    """What the ranks were trained on, in order."""
    rows = [json.loads(line) for r in range(ranks) for line in (folder / f"rank{r}.jsonl").read_text().splitlines()]
    return sorted(rows, key=lambda row: (row["epoch"], row["step"], row["rank"]))


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], tuple[Path, dict[str, torch.Tensor]]]:
    """Four straight epochs for each number of workers and ranks."""
    runs = {}
    for workers in (0, 2):
        for ranks in (1, 2):
            folder = tmp_path_factory.mktemp(f"straight_{workers}_{ranks}")
            runs[workers, ranks] = (folder, train(folder, 4, workers, ranks))
    return runs


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("ranks", [1, 2])
def test_two_epochs_and_two_resumed_equal_four(straight: Any, tmp_path: Path, workers: int, ranks: int) -> None:
    train(tmp_path, 2, workers, ranks)
    resumed = train(tmp_path, 4, workers, ranks, resume=tmp_path / "checkpoints" / "last.ckpt")
    folder, weights = straight[workers, ranks]
    assert equal(resumed, weights)
    assert seen(tmp_path, ranks) == seen(folder, ranks)


@pytest.mark.parametrize("ranks", [1, 2])
def test_workers_change_nothing(straight: Any, ranks: int) -> None:
    assert equal(straight[0, ranks][1], straight[2, ranks][1])


def test_training_moves_the_weights(straight: Any, tmp_path: Path) -> None:
    assert not equal(straight[0, 1][1], train(tmp_path, 3))


def test_effects_follow_the_schedule(straight: Any) -> None:
    for row in seen(straight[2, 1][0]):
        assert set(row["effect"]) == {row["epoch"] % 3}


def clips(rows: list[dict[str, Any]], epoch: int) -> list[tuple[int, int, float]]:
    """Index, start and power of all clips of an epoch, in the order of their index."""
    rows = [row for row in rows if row["epoch"] == epoch]
    columns = ([value for row in rows for value in row[name]] for name in ("index", "start", "power"))
    return sorted(zip(*columns, strict=True))


def test_ranks_share_the_keys(straight: Any) -> None:
    alone = seen(straight[0, 1][0])
    for workers in (0, 2):
        together = seen(straight[workers, 2][0], 2)
        for epoch in range(4):
            assert [index for index, _, _ in clips(together, epoch)] == list(range(ITEMS))
            assert clips(together, epoch) == clips(alone, epoch)


def test_mixed_batches_hold_all_effects(tmp_path: Path) -> None:
    train(tmp_path, 1, kind="mixed")
    assert all(set(row["effect"]) == {0, 1, 2} for row in seen(tmp_path))


def test_a_batch_off_schedule_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EffectDataModule, "training_keys", lambda self, epoch: self.fixed_keys("val"))
    with pytest.raises(RuntimeError, match="does not follow"):
        train(tmp_path, 1)
