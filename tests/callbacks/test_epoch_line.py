from __future__ import annotations

import logging
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fxstyle.callbacks.epoch_line import EpochLine

pytestmark = pytest.mark.unit


def end_epoch(line: EpochLine, epoch: int, score: float | None, effect: float | None = 1.0) -> None:
    values = {"train/loss": torch.tensor(2.5)}
    if score is not None:
        values["val/score/macro"] = torch.tensor(score)
    if effect is not None:
        values["train/effect"] = torch.tensor(effect)
    effects = SimpleNamespace(train=(SimpleNamespace(name="gain"), SimpleNamespace(name="drive")))
    trainer: Any = SimpleNamespace(
        callback_metrics=values, datamodule=SimpleNamespace(effects=effects), current_epoch=epoch, max_epochs=30
    )
    module: Any = None
    line.on_train_epoch_start(trainer, module)
    line.on_train_epoch_end(trainer, module)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "fxstyle.callbacks.epoch_line")
    return caplog


def test_a_line_says_what_an_epoch_reached(lines: pytest.LogCaptureFixture) -> None:
    line = EpochLine()
    for epoch, score in enumerate((1.5, 1.75, 1.25)):
        end_epoch(line, epoch, score)
    assert [message[:12] for message in lines.messages] == ["epoch   1/30", "epoch   2/30", "epoch   3/30"]
    assert all("drive" in message and "loss 2.5000" in message for message in lines.messages)
    assert ["best 1.5000" in message for message in lines.messages] == [True, True, False]
    assert "best 1.2500" in lines.messages[2]
    assert [message.endswith(" s *") for message in lines.messages] == [True, False, True]


def test_mixed_epochs_name_all_effects(lines: pytest.LogCaptureFixture) -> None:
    end_epoch(EpochLine(), 0, 1.0, effect=-1.0)
    end_epoch(EpochLine(), 0, 1.0, effect=None)
    assert all("all effects" in message for message in lines.messages)


def test_the_best_score_outlives_a_resume(lines: pytest.LogCaptureFixture) -> None:
    first, again = EpochLine(), EpochLine()
    end_epoch(first, 0, 1.0)
    again.load_state_dict(first.state_dict())
    end_epoch(again, 1, 1.5)
    assert "best 1.0000" in lines.messages[1]
    assert not lines.messages[1].endswith("*")


@pytest.mark.parametrize("score", [math.nan, None])
def test_a_missing_score_is_never_the_best(lines: pytest.LogCaptureFixture, score: float | None) -> None:
    line = EpochLine()
    end_epoch(line, 0, 1.0)
    end_epoch(line, 1, score)
    end_epoch(line, 2, 0.5)
    assert "val nan  best 1.0000" in lines.messages[1]
    assert not lines.messages[1].endswith("*")
    assert lines.messages[2].endswith("*")


def test_a_score_after_a_missing_one_counts(lines: pytest.LogCaptureFixture) -> None:
    line = EpochLine()
    end_epoch(line, 0, math.nan)
    end_epoch(line, 1, 0.5)
    assert "best 0.5000" in lines.messages[1]
    assert lines.messages[1].endswith("*")
