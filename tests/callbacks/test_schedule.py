from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning.trainer.states import TrainerFn

import train
from fxstyle.callbacks.schedule import CycleEarlyStopping, ScheduleCheck
from fxstyle.data.module import EffectDataModule
from fxstyle.errors import InputError
from fxstyle.run import build
from tests.programs import TINY, composed

pytestmark = pytest.mark.unit

SIX = "effects=six_plus_three"


def data_of(folder: Path, *overrides: str) -> EffectDataModule:
    return build.build_data(composed("train", [*TINY, SIX, *overrides], folder))


def trainer_of(data: EffectDataModule) -> Any:
    """As much of a trainer as early stopping asks for."""
    return SimpleNamespace(
        datamodule=data,
        callback_metrics={},
        should_stop=False,
        current_epoch=0,
        world_size=1,
        fast_dev_run=False,
        sanity_checking=False,
        state=SimpleNamespace(fn=TrainerFn.FITTING),
        strategy=SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision),
    )


@pytest.mark.parametrize(
    ("overrides", "cycles", "epochs"),
    [
        ((), 1, 6),
        ((), 3, 18),
        (("data.schedule.epochs_per_effect=2",), 1, 12),
        (("data.schedule.epochs_per_effect=5",), 2, 60),
        (("data.schedule.kind=shuffled",), 1, 6),
        (("data.schedule.kind=mixed",), 1, 1),
        (("data.schedule.kind=mixed",), 4, 4),
        (("~effects.train.delay", "~effects.train.reverb"), 2, 8),
    ],
)
def test_patience_is_counted_in_cycles(tmp_path: Path, overrides: tuple[str, ...], cycles: int, epochs: int) -> None:
    stopping = CycleEarlyStopping(cycles, "val/score/macro")
    stopping.setup(trainer_of(data_of(tmp_path, *overrides)), None, "fit")  # type: ignore[arg-type]
    assert stopping.patience == epochs


def epochs_until_stop(stopping: CycleEarlyStopping, trainer: Any, scores: list[float]) -> int:
    for epoch, score in enumerate(scores):
        trainer.current_epoch = epoch
        trainer.callback_metrics = {"val/score/macro": torch.tensor(score)}
        stopping.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        if trainer.should_stop:
            return epoch + 1
    return 0


@pytest.mark.parametrize(
    ("scores", "epochs"),
    [
        ([1.0] * 20, 7),
        ([1.0, 2, 2, 2, 2, 2, 0.9] + [1.0] * 20, 13),
        ([1.0 - 0.01 * epoch for epoch in range(30)], 0),
        ([1.0, 1.0, math.nan], 3),
    ],
)
def test_a_run_stops_after_whole_cycles_without_improvement(tmp_path: Path, scores: list[float], epochs: int) -> None:
    stopping, trainer = CycleEarlyStopping(1, "val/score/macro"), trainer_of(data_of(tmp_path))
    stopping.setup(trainer, None, "fit")  # type: ignore[arg-type]
    assert epochs_until_stop(stopping, trainer, scores) == epochs


def test_a_resumed_run_goes_on_counting_with_its_own_patience(tmp_path: Path) -> None:
    data = data_of(tmp_path)
    first, trainer = CycleEarlyStopping(1, "val/score/macro"), trainer_of(data)
    first.setup(trainer, None, "fit")  # type: ignore[arg-type]
    assert epochs_until_stop(first, trainer, [0.5] + [1.0] * 4) == 0
    for cycles, epochs in ((1, 2), (2, 8)):
        again, trainer = CycleEarlyStopping(cycles, "val/score/macro"), trainer_of(data)
        again.setup(trainer, None, "fit")  # type: ignore[arg-type]
        again.load_state_dict(first.state_dict())
        assert epochs_until_stop(again, trainer, [0.6] * 20) == epochs


def test_early_stopping_refuses_what_it_cannot_watch(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="patience_cycles must be at least 1"):
        CycleEarlyStopping(0, "val/score/macro")
    stopping, trainer = CycleEarlyStopping(1, "val/best"), trainer_of(data_of(tmp_path))
    trainer.callback_metrics = {"val/score/macro": torch.tensor(1.0), "train/loss": torch.tensor(1.0)}
    with pytest.raises(InputError, match=r"monitor=val/best is not logged; choose one of val/score/macro$"):
        stopping.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]


def checked(data: EffectDataModule, epoch: int) -> tuple[ScheduleCheck, Any, dict[str, float]]:
    """A check that has begun an epoch, and what it logs."""
    logged: dict[str, float] = {}
    module: Any = SimpleNamespace(log=lambda name, value: logged.update({name: float(value)}))
    check, trainer = ScheduleCheck(), trainer_of(data)
    trainer.current_epoch = epoch
    check.on_train_epoch_start(trainer, module)
    return check, (trainer, module), logged


def test_each_epoch_logs_its_effect_and_its_score(tmp_path: Path) -> None:
    data = data_of(tmp_path)
    for epoch, effect in ((0, 0), (4, 4), (6, 0)):
        check, (trainer, module), logged = checked(data, epoch)
        name = data.effects.train[effect].name
        trainer.callback_metrics = {f"val/score/{spec.name}": torch.tensor(9.0) for spec in data.effects.train}
        trainer.callback_metrics[f"val/score/{name}"] = torch.tensor(0.5)
        check.on_train_epoch_end(trainer, module)
        assert logged == {"train/effect": effect, "val/score/cycled": 0.5}


def test_mixed_epochs_have_no_effect_of_their_own(tmp_path: Path) -> None:
    check, (trainer, module), logged = checked(data_of(tmp_path, "data.schedule.kind=mixed", "data.train_items=12"), 0)
    check.on_train_epoch_end(trainer, module)
    assert logged == {"train/effect": -1.0}
    check.on_train_batch_start(trainer, module, {"effect": torch.tensor([5, 0, 3])}, 0)  # type: ignore[typeddict-item]


def test_a_batch_off_schedule_is_refused(tmp_path: Path) -> None:
    check, (trainer, module), _ = checked(data_of(tmp_path), 2)
    check.on_train_batch_start(trainer, module, {"effect": torch.tensor([2, 2])}, 0)  # type: ignore[typeddict-item]
    with pytest.raises(RuntimeError, match=r"epoch 2 should hold effects \[2\], but batch 1 holds \[1, 2\]"):
        check.on_train_batch_start(trainer, module, {"effect": torch.tensor([2, 1])}, 1)  # type: ignore[typeddict-item]


def test_a_real_run_stops_after_a_cycle(tmp_path: Path) -> None:
    """A step of 0 cannot improve: the first epoch is the best, and one cycle of six effects follows it."""
    train.main(composed("train", [*TINY, SIX, "optimizer.lr=0", "test=false", "~callbacks.media"], tmp_path))
    text = (tmp_path / "metrics.json").read_text()
    assert '"epochs": 7' in text
    assert '"early_stopping"' in text
