from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from fxstyle.data.pair import PairSet
from fxstyle.data.pair_module import PairDataModule
from fxstyle.errors import InputError
from fxstyle.losses.emulation import EmulationLoss
from fxstyle.tasks.emulation import Emulation
from tests.tasks.emulators import RATE, Leaky, gain_pairs

pytestmark = pytest.mark.unit


def task_of(pairs: PairSet, model: Leaky | None = None, lr: float = 0.1, **options: Any) -> Emulation:
    model = model or Leaky(len(pairs.condition_names))
    loss = EmulationLoss(pre_emphasis=None, dc=0.0)
    return Emulation(model, loss, partial(torch.optim.Adam, lr=lr), pairs, **options)


def data_of(pairs: PairSet, **options: Any) -> PairDataModule:
    defaults = {"segment_samples": 50, "context_samples": 32, "batch_size": 4, "train_items": 16, "score_batch": 4}
    return PairDataModule(pairs, order="random_sequential", drop_silence=True, seed=0, **(defaults | options))


def trainer_of(folder: Path, epochs: int = 4, **options: Any) -> pl.Trainer:
    plain = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return pl.Trainer(
        default_root_dir=folder, max_epochs=epochs, num_sanity_val_steps=0, use_distributed_sampler=False,
        **(plain | {"enable_checkpointing": False} | options),
    )  # fmt: skip


@pytest.mark.parametrize("tbptt", [None, 25])
def test_it_learns_the_gain_of_each_setting(tbptt: int | None, tmp_path: Path) -> None:
    pairs = gain_pairs()
    task = task_of(pairs, tbptt_samples=tbptt)
    trainer = trainer_of(tmp_path, epochs=40 if tbptt is None else 20)
    trainer.fit(task, data_of(pairs))
    gains = task.model.gain(torch.eye(2), 2).flatten().tolist()  # type: ignore[operator]
    assert gains == pytest.approx([0.5, -2.0], abs=0.02)
    values = trainer.callback_metrics
    assert float(values["val/score/macro"]) < 1e-3
    assert float(values["val/score/macro"]) == pytest.approx(
        (float(values["val/esr/g0"]) + float(values["val/esr/g1"])) / 2
    )
    # A fixed gain for each setting is all there is: nothing is left for skill.
    assert torch.isnan(values["val/skill/macro"])


def test_steps_and_sound_are_counted(tmp_path: Path) -> None:
    pairs = gain_pairs()
    task = task_of(pairs, tbptt_samples=20)
    trainer = trainer_of(tmp_path, epochs=2)
    trainer.fit(task, data_of(pairs))
    # 16 items in batches of 4, each 50 samples long: three steps (20, 20, 10).
    assert float(trainer.callback_metrics["train/steps"]) == 2 * 4 * 3
    assert float(trainer.callback_metrics["train/audio_seconds"]) == pytest.approx(2 * 16 * 50 / RATE)
    assert trainer.global_step == 2 * 4 * 3


def test_scores_are_those_of_whole_recordings_however_they_are_cut(tmp_path: Path) -> None:
    pairs = gain_pairs(leak=0.9)
    model = Leaky(2, leak=0.8)
    model.gain.assign(torch.tensor([[0.4], [-1.5]]))
    found = []
    for block, batch in ((7, 1), (1000, 4)):
        task = task_of(pairs, model, score_block=block)
        trainer = trainer_of(tmp_path)
        trainer.validate(task, data_of(pairs, score_batch=batch), verbose=False)
        found.append({key: float(value) for key, value in trainer.callback_metrics.items()})
    assert found[0] == pytest.approx(found[1], rel=1e-4)
    val = pairs.split("val")[0]
    with torch.no_grad():
        wet = torch.from_numpy(val.wet)
        error = model(torch.from_numpy(val.dry)[None], torch.from_numpy(val.condition)[None])[0] - wet
    assert found[0]["val/esr/g0"] == pytest.approx(float(error.square().sum() / wet.square().sum()), rel=1e-4)


def test_context_warms_the_state_up_but_is_not_in_the_loss(tmp_path: Path) -> None:
    pairs = gain_pairs(leak=0.95, gains=(1.0,))
    model = Leaky(leak=0.95)
    model.gain.assign(torch.ones(1))
    losses = {}
    for context in (0, 300):
        for tbptt in (None, 50):
            task = task_of(pairs, model, lr=0.0, tbptt_samples=tbptt)
            trainer = trainer_of(tmp_path, epochs=1)
            trainer.fit(task, data_of(pairs, context_samples=context))
            losses[context, tbptt] = float(trainer.callback_metrics["train/loss"])
    # The right model is only right once it has heard what came before.
    assert losses[0, None] > 0.1
    assert losses[0, 50] == pytest.approx(losses[0, None], rel=1e-5)
    assert losses[300, None] < 1e-6
    assert losses[300, 50] < 1e-6


def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    pairs = gain_pairs(leak=0.5)

    def fit(epochs: int, folder: str, resume: Path | None = None) -> dict[str, torch.Tensor]:
        keep = ModelCheckpoint(tmp_path / folder, save_last=True, save_top_k=0)
        task = task_of(pairs, tbptt_samples=25, schedule="constant")
        trainer = trainer_of(tmp_path, epochs, callbacks=[keep], enable_checkpointing=True)
        trainer.fit(task, data_of(pairs, train_items=13), ckpt_path=resume)
        return task.state_dict()

    straight = fit(4, "straight")
    fit(2, "first")
    resumed = fit(4, "second", tmp_path / "first" / "last.ckpt")
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(straight[key], resumed[key]) for key in straight)


def test_a_model_reads_the_training_pairs_once(tmp_path: Path) -> None:
    pairs, seen = gain_pairs(), []

    class Reading(Leaky):
        def identify(self, pairs: Any, sample_rate: int) -> None:
            seen.append(([pair.split for pair in pairs], sample_rate))

    keep = ModelCheckpoint(tmp_path, save_last=True, save_top_k=0)
    trainer_of(tmp_path, 1, callbacks=[keep], enable_checkpointing=True).fit(task_of(pairs, Reading(2)), data_of(pairs))
    assert seen == [(["train", "train"], RATE)]
    trainer_of(tmp_path, 2).fit(task_of(pairs, Reading(2)), data_of(pairs), ckpt_path=tmp_path / "last.ckpt")
    assert len(seen) == 1
    trainer_of(tmp_path, 1).fit(task_of(pairs, Reading(2), identify=False), data_of(pairs))
    assert len(seen) == 1
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["emulation"]["settings"] == ["g0", "g1"]
    assert checkpoint["emulation"]["setting_conditions"] == [[1, 0], [0, 1]]


def test_a_model_without_weights_is_only_scored(tmp_path: Path) -> None:
    pairs = gain_pairs()
    model = Leaky(2).requires_grad_(False)
    trainer = trainer_of(tmp_path, 1)
    trainer.fit(task_of(pairs, model), data_of(pairs))
    assert float(trainer.callback_metrics["val/score/macro"]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("constant", [1, 1, 1]), ("exponential", [1, 0.5, 0.25]), ("cosine", [1, 0.7525, 0.2575])],
)
def test_the_step_size_follows_its_schedule(schedule: Any, expected: list[float], tmp_path: Path) -> None:
    pairs, rates = gain_pairs(), []

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    trainer = trainer_of(tmp_path, 3, callbacks=[Watch()])
    trainer.fit(task_of(pairs, lr=0.2, schedule=schedule, decay=0.5), data_of(pairs, train_items=4))
    assert rates == pytest.approx([0.2 * factor for factor in expected], rel=1e-6)


def test_a_cosine_needs_an_end(tmp_path: Path) -> None:
    pairs = gain_pairs()
    with pytest.raises(InputError, match=r"task\.schedule=cosine"):
        trainer_of(tmp_path, -1, max_steps=3).fit(task_of(pairs), data_of(pairs))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tbptt_samples": 0}, "task.tbptt_samples"),
        ({"score_block": 0}, "task.score_block"),
        ({"gradient_clip": 0.0}, "task.gradient_clip"),
        ({"schedule": "linear"}, "task.schedule"),
        ({"decay": 0.0}, "task.decay"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        task_of(gain_pairs(), **options)


def test_gradients_are_clipped(tmp_path: Path) -> None:
    pairs = gain_pairs(gains=(1000.0,))
    moved = {}
    for clip in (None, 1e-3):
        task = task_of(pairs, gradient_clip=clip)
        task.optimizer = partial(torch.optim.SGD, lr=0.1)
        trainer_of(tmp_path, 1).fit(task, data_of(pairs, train_items=4))
        moved[clip] = float(task.model.gain(None, 1).detach().abs())  # type: ignore[operator]
    assert moved[1e-3] <= 1.01e-4
    assert moved[1e-3] < moved[None]
