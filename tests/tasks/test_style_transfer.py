from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from fxstyle.audio.levels import Level
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.data.module import EffectDataModule
from fxstyle.effects.parse import EffectSet
from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.effects.schedule import Schedule
from fxstyle.errors import InputError
from fxstyle.gradients.estimator import Estimator
from fxstyle.models.controller import QueryController, StyleModel
from fxstyle.models.style_encoder import StatisticsEncoder
from fxstyle.tasks import style_transfer
from fxstyle.tasks.style_transfer import StyleTransfer
from tests.effects.catalogue import effect

pytestmark = pytest.mark.unit

RATE, CLIP = 16000, 8192
EFFECTS = EffectSet((effect("distortion"), effect("ladder")), (effect("highpass"),))
OPTIONS: dict[str, Any] = {
    "parameters": 1.0,
    "mrstft": 0.5,
    "fft_sizes": [128, 512, 2048],
    "l1": 1.0,
    "style": 0.1,
    "estimator": Estimator("spsa", 1, 0.05),
    "through": "loss",
    "matched_share": 0.5,
    "schedule": "cosine",
}


class Task(StyleTransfer):
    """Writes down what it logs, also without a trainer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.logged: dict[str, float] = {}

    def log(self, name: str, value: Any, **options: Any) -> None:  # type: ignore[override]
        self.logged[name] = float(value)
        if self._trainer is not None and self.trainer.state.fn is not None:
            super().log(name, value, **options)

    def log_dict(self, values: Any, **options: Any) -> None:  # type: ignore[override]
        self.logged |= {name: float(value) for name, value in values.items()}
        super().log_dict(values, **options)


def made(folder: Path, epochs: int, effects: EffectSet = EFFECTS, **changes: Any) -> tuple[Task, Any, pl.Trainer]:
    renderer = ThreadRenderer(2)
    data = EffectDataModule(
        source=SyntheticSource(RATE, seconds=2.0, train_recordings=4, val_recordings=2, test_recordings=2),
        effects=effects,
        renderer=renderer,
        schedule=Schedule("mixed"),
        level=Level(jitter_db=6.0),
        clip_samples=CLIP,
        preroll_seconds=0.1,
        batch_size=4,
        train_items=8,
        val_items=4,
        test_items=3,
        num_workers=0,
        seed=3,
        wet_probability=0.9,
        clips=2,
    )
    pl.seed_everything(5, verbose=False)
    model = StyleModel(StatisticsEncoder(RATE), partial(QueryController, width=16, layers=1, heads=2))
    options = {**OPTIONS, "optimizer": partial(torch.optim.Adam, lr=3e-3), **changes}
    task = Task(model=model, effects=effects, renderer=renderer, sample_rate=RATE, channels=1, seed=5, **options)
    checkpoint = pl.callbacks.ModelCheckpoint(
        dirpath=folder / "checkpoints", save_last=True, save_on_train_epoch_end=True, enable_version_counter=False
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[checkpoint],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
    )
    return task, data, trainer


def weights(folder: Path) -> dict[str, Tensor]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def test_resumed_equals_straight_with_renders_in_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_transfer, "MEASURED_CLIPS", 8)
    # A step size that knows the end of the run would be another one for a shorter run.
    estimator = Estimator("spsa", 2, 0.1, final_epsilon=0.01, steps=6)
    options = {"schedule": "constant", "estimator": estimator}
    task, data, trainer = made(tmp_path / "straight", 3, **options)
    trainer.fit(task, data)
    first = weights(tmp_path / "straight")
    task, data, trainer = made(tmp_path / "parts", 1, **options)
    trainer.fit(task, data)
    assert any(not torch.equal(one, first[name]) for name, one in weights(tmp_path / "parts").items())
    task, data, trainer = made(tmp_path / "parts", 3, **options)
    trainer.fit(task, data, ckpt_path=tmp_path / "parts" / "checkpoints" / "last.ckpt", weights_only=True)
    second = weights(tmp_path / "parts")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert bool(first["model.controller.standardisation.measured"])
    assert first["query_values"].any()
    for name in ("val/score/macro", "val/relative_same/distortion", "val/parameter_mae/ladder", "train/rendered"):
        assert task.logged[name] == task.logged[name]
    assert "val/score/highpass" not in task.logged
    trainer.test(task, data, verbose=False)
    assert 0 < task.logged["test/score/highpass"] < 100


def one_batch(task: Task, data: Any) -> Any:
    task.trainer = made(Path(), 1)[2]
    task.trainer.datamodule = data  # type: ignore[attr-defined]
    return data.dataset("train").__getitems__(data.training_keys(0)[:4])


@pytest.mark.parametrize(("through", "style"), [("loss", 0.1), ("sound", 0.0)])
def test_the_sound_alone_teaches(tmp_path: Path, through: str, style: float) -> None:
    gain = EffectSet((replace(effect("gain"), sampling="uniform"),))
    task, data, _ = made(
        tmp_path, 1, gain, parameters=0.0, style=style, through=through, matched_share=1.0, l1=0.0, mrstft=1.0
    )
    batch = one_batch(task, data)
    task.measure_effects()
    optimizer = torch.optim.Adam(task.parameters(), lr=1e-2)
    losses = []
    for step in range(25):
        optimizer.zero_grad()
        loss = task.training_step(batch, step)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-3:]) < 0.6 * sum(losses[:3])


def test_settings_that_are_not_known_do_not_teach(tmp_path: Path) -> None:
    task, data, _ = made(tmp_path, 1, mrstft=0.0, l1=0.0, style=0.0)
    batch = one_batch(task, data)
    batch["bypassed"][:] = True
    assert not task.training_step(batch, 0).detach().any()
    batch["bypassed"][:2] = False
    both = float(task.training_step(batch, 0).detach())
    batch["parameters"][2:] = 0.0
    assert float(task.training_step(batch, 0).detach()) == both


def test_sounds_are_named(tmp_path: Path) -> None:
    task, data, _ = made(tmp_path, 1)
    batch = one_batch(task, data)
    with torch.inference_mode():
        sounds = task.sounds(batch)
    assert list(sounds) == ["dry", "reference", "target", "result"]
    assert {sound.shape for sound in sounds.values()} == {(4, 1, CLIP)}
    assert torch.equal(sounds["target"], batch["wet"][..., :CLIP])


def test_doing_nothing_scores_one(tmp_path: Path) -> None:
    gain = EffectSet((replace(effect("gain"), sampling="uniform"),))
    task, data, _ = made(tmp_path, 1, gain)
    batch = one_batch(task, data)
    task._render = lambda prediction, batch, queries: batch["dry"][..., :CLIP]  # type: ignore[method-assign]
    task.validation_step(batch, 0)
    means = {name: float(task._metric(name).compute()) for name in ("identity", "same", "other")}
    assert means["same"] == means["other"] == means["identity"] > 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mrstft": -1.0}, "loss.mrstft must be 0 or more"),
        ({"parameters": 0.0, "mrstft": 0.0, "l1": 0.0, "style": 0.0}, "every weight is 0"),
        ({"through": "magic"}, "loss.through must be loss or sound"),
        ({"through": "sound"}, "loss.style needs loss.through=loss"),
        ({"matched_share": 1.5}, "task.matched_share"),
        ({"schedule": "none"}, "task.schedule"),
        ({"effects": EffectSet((effect("invert"),))}, "has no control to set"),
    ],
)
def test_impossible_options_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        made(tmp_path, 1, **changes)
