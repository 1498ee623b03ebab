from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from fxstyle.data.dataset import Batch
from fxstyle.losses.annealing import Annealing
from fxstyle.models.spectrogram import Spectrogram
from fxstyle.models.vae import SpectrogramVAE
from fxstyle.tasks.randomness import step_generator
from fxstyle.tasks.representation import Representation

pytestmark = pytest.mark.unit

SAMPLES, RATE = 4096, 8000
SEEN, UNSEEN = ("gain", "drive"), ("echo",)
CPU = torch.device("cpu")


class Task(Representation):
    """Writes down what it logs."""

    logged: dict[str, float]

    def log(self, name: str, value: Any, **options: Any) -> None:  # type: ignore[override]
        self.logged[name] = float(value.detach() if isinstance(value, Tensor) else value)

    def log_dict(self, values: Any, **options: Any) -> None:  # type: ignore[override]
        self.logged |= {name: float(value) for name, value in values.items()}


def task_of(
    seed: int = 0,
    beta: Annealing | None = None,
    seen: tuple[str, ...] = SEEN,
    unseen: tuple[str, ...] = UNSEEN,
    channels: int = 1,
    rate: float = 1e-2,
) -> Task:
    torch.manual_seed(0)
    task = Task(
        SpectrogramVAE(Spectrogram(256, 256, 128, 0.3), SAMPLES, channels, (8, 16), 6),
        beta or Annealing("constant", 0.0, 0.0),
        partial(torch.optim.Adam, lr=rate),
        seen,
        unseen,
        seed,
    )
    task.logged = {}
    task.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)
    return task


def go_to_epoch(task: Task, epoch: int) -> None:
    task.trainer.fit_loop.epoch_progress.current.completed = epoch
    assert task.current_epoch == epoch


def batch_of(effects: list[int], channels: int = 1, seed: int = 0) -> Batch:
    """Chords that differ from item to item."""
    random = torch.Generator().manual_seed(seed)
    time = torch.arange(SAMPLES) / RATE
    tones = 100 + 3000 * torch.rand((len(effects), channels, 3, 1), generator=random)
    wet = 0.1 * torch.sin(2 * torch.pi * tones * time).sum(dim=2)
    zeros = torch.zeros(len(effects), dtype=torch.int64)
    return {
        "dry": wet,
        "wet": wet,
        "effect": torch.tensor(effects),
        "parameters": torch.zeros((len(effects), 1)),
        "parameter_mask": torch.zeros((len(effects), 1), dtype=torch.bool),
        "recording": zeros,
        "start": zeros,
        "index": torch.arange(len(effects)),
        "rejected": torch.ones(len(effects), dtype=torch.int64),
    }


def test_the_loss_falls_when_a_batch_is_learnt_by_heart() -> None:
    task, batch = task_of(), batch_of([0, 1, 0, 1])
    optimizer = task.configure_optimizers()
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = task.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 0.9
    assert losses[-1] < 0.6 * losses[0]
    assert task.logged["train/loss"] == losses[-1]
    assert task.logged["train/rejected"] == 4


def test_the_divergence_is_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of([0, 1])
    plain, weighed = (
        float(task_of(beta=Annealing("constant", 0.0, beta)).training_step(batch, 0).detach()) for beta in (0.0, 0.5)
    )
    task = task_of()
    divergence = task.model.encode(task.model.spectrogram(batch["wet"])).divergence().sum(dim=1).mean()
    assert weighed - plain == pytest.approx(0.5 * float(divergence.detach()), rel=1e-4)


def test_the_weight_follows_training_not_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    task, batch = task_of(beta=Annealing("linear", 0.0, 1.0, 10)), batch_of([0])
    monkeypatch.setattr(type(task.trainer), "num_training_batches", 4)
    for epoch, index, weight in ((0, 0, 0.0), (0, 2, 0.05), (3, 1, 0.325), (3, 1, 0.325), (20, 0, 1.0)):
        go_to_epoch(task, epoch)
        task.training_step(batch, index)
        assert task.logged["train/beta"] == pytest.approx(weight)


def test_noise_is_a_function_of_seed_epoch_batch_and_rank() -> None:
    def noise(*key: int) -> Tensor:
        return torch.randn(8, generator=step_generator(CPU, *key))

    torch.manual_seed(1)
    first = noise(0, 3, 5, 1)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert torch.equal(noise(0, 3, 5, 1), first)
    assert torch.equal(torch.get_rng_state(), before)
    others = [noise(*key) for key in ((1, 3, 5, 1), (0, 4, 5, 1), (0, 3, 6, 1), (0, 3, 5, 0), (3, 0, 5, 1))]
    assert len({tuple(one.tolist()) for one in (first, *others)}) == 6


@pytest.mark.parametrize(
    "change",
    [
        lambda task, patch: go_to_epoch(task, 1),
        lambda task, patch: patch.setattr(task, "seed", 1),
        lambda task, patch: patch.setattr(type(task.trainer), "global_rank", 1),
    ],
    ids=["epoch", "seed", "rank"],
)
def test_every_step_has_its_own_noise(
    change: Callable[[Task, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, batch = task_of(), batch_of([0, 1])
    loss = task.training_step(batch, 3)
    torch.manual_seed(99)
    assert torch.equal(task.training_step(batch, 3), loss)
    assert not torch.equal(task.training_step(batch, 4), loss)
    change(task, monkeypatch)
    assert not torch.equal(task.training_step(batch, 3), loss)


def expected(task: Task, batch: Batch) -> tuple[Tensor, Tensor]:
    """Reconstruction error and divergence of each item, from the mean of the posterior."""
    with torch.no_grad():
        target = task.model.spectrogram(batch["wet"])
        posterior = task.model.encode(target)
        error = (task.model.decode(posterior.mean) - target).square().mean(dim=(1, 2, 3))
        return error, posterior.divergence().sum(dim=1)


def test_validation_scores_each_effect_with_the_final_weight() -> None:
    task = task_of(beta=Annealing("linear", 0.0, 0.25, 100))
    batches = [batch_of([0, 0, 0, 1], seed=1), batch_of([1, 0], seed=2)]
    found = [expected(task, batch) for batch in batches]
    errors, divergences = (torch.cat(parts) for parts in zip(*found, strict=True))
    effects = torch.tensor([0, 0, 0, 1, 1, 0])
    for index, batch in enumerate(batches):
        task.validation_step(batch, index)
    task.on_validation_epoch_end()
    scores = []
    for effect, name in enumerate(SEEN):
        error, divergence = errors[effects == effect].mean(), divergences[effects == effect].mean()
        assert task.logged[f"val/reconstruction/{name}"] == pytest.approx(float(error), rel=1e-5)
        assert task.logged[f"val/kl/{name}"] == pytest.approx(float(divergence), rel=1e-5)
        scores.append(float(error + 0.25 * divergence))
        assert task.logged[f"val/score/{name}"] == pytest.approx(scores[-1], rel=1e-5)
    # Every effect counts the same, whatever its number of clips.
    assert task.logged["val/score/macro"] == pytest.approx(sum(scores) / 2, rel=1e-5)
    assert not any("echo" in name for name in task.logged)


def test_each_validation_starts_at_nothing() -> None:
    task, batch = task_of(), batch_of([0, 1])
    task.validation_step(batch_of([0, 1], seed=5), 0)
    task.on_validation_epoch_end()
    task.logged.clear()
    task.validation_step(batch, 0)
    task.on_validation_epoch_end()
    assert task.logged["val/reconstruction/macro"] == pytest.approx(float(expected(task, batch)[0].mean()), rel=1e-5)


def test_a_test_scores_unseen_effects_apart() -> None:
    task, batch = task_of(beta=Annealing("constant", 0.0, 0.1)), batch_of([0, 1, 2])
    task.test_step(batch, 0)
    task.on_test_epoch_end()
    error = expected(task, batch)[0]
    assert task.logged["test/reconstruction/echo"] == pytest.approx(float(error[2]), rel=1e-5)
    assert task.logged["test/reconstruction/macro"] == pytest.approx(float(error[:2].mean()), rel=1e-5)
    assert {name.split("/")[0] for name in task.logged} == {"test"}


def test_a_single_effect_is_scored_too() -> None:
    """torchmetrics makes a scalar of what has one element."""
    task, batch = task_of(seen=("gain",), unseen=()), batch_of([0, 0])
    task.validation_step(batch, 0)
    task.on_validation_epoch_end()
    assert task.logged["val/score/gain"] == task.logged["val/score/macro"] > 0


def test_an_epoch_logs_what_it_trained_on() -> None:
    task = task_of()
    for index in range(2):
        task.training_step(batch_of([1, 1], seed=index), index)
    task.on_train_epoch_end()
    first = task.logged["train/reconstruction"]
    assert first == pytest.approx(task.logged["train/loss"], rel=0.5)
    assert task.logged["train/kl"] > 0
    task.training_step(batch_of([0, 0], seed=7), 0)
    task.on_train_epoch_end()
    assert task.logged["train/reconstruction"] == pytest.approx(task.logged["train/loss"], rel=1e-5)


def collapsed(task: Task, active: int) -> None:
    """Let the posterior of all but some units be the prior."""
    with torch.no_grad():
        task.model.to_posterior.weight.zero_()
        task.model.to_posterior.bias.zero_()
        task.model.to_posterior.bias[:active] = 3.0


@pytest.mark.parametrize(
    ("active", "epoch", "warned"), [(0, 12, True), (1, 12, True), (2, 12, False), (0, 11, False), (0, 40, True)]
)
def test_collapse_is_said_once_the_weight_has_risen(
    active: int, epoch: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    task = task_of(beta=Annealing("cyclic", 0.0, 1.0, 12))
    collapsed(task, active)
    go_to_epoch(task, epoch)
    task.validation_step(batch_of([0, 1]), 0)
    with caplog.at_level(logging.WARNING):
        task.on_validation_epoch_end()
    assert task.logged["val/active_units"] == active
    assert bool(warnings(caplog)) is warned
    if warned:
        assert f"{active} of 6 latent units" in warnings(caplog)[0]
        assert "loss.beta.high" in warnings(caplog)[0]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("fxstyle")]


def test_a_sanity_check_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    task = task_of(beta=Annealing("constant", 0.0, 1.0, 1))
    collapsed(task, 0)
    go_to_epoch(task, 5)
    task.trainer.sanity_checking = True
    task.validation_step(batch_of([0, 1]), 0)
    task.on_validation_epoch_end()
    assert not warnings(caplog)


@pytest.mark.parametrize("channels", [1, 2])
def test_reconstructions_are_sounds_of_the_same_shape(channels: int) -> None:
    task, audio = task_of(channels=channels), batch_of([0, 1], channels)["wet"]
    with torch.inference_mode():
        rebuilt = task.reconstruct(audio)
    assert rebuilt.shape == audio.shape
    assert rebuilt.isfinite().all()
    assert torch.equal(rebuilt, task.reconstruct(audio))


def test_weights_are_all_that_a_checkpoint_holds() -> None:
    """Metrics are of an epoch, not of the model."""
    task = task_of()
    assert all(name.startswith("model.") for name in task.state_dict())
    task_of(seen=("one", "two", "three")).load_state_dict(task.state_dict())
