from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest

from fxstyle.data.pair import PairSet
from fxstyle.data.pair_module import PairDataModule
from fxstyle.errors import InputError
from tests.data.test_segments import RATE, pair

pytestmark = pytest.mark.unit


def pair_set(**lengths: int) -> PairSet:
    sizes = {"train": 100, "val": 40, "test": 40} | lengths
    pairs = tuple(replace(pair(size), split=split) for split, size in sizes.items() if size)  # type: ignore[arg-type]
    return PairSet("device", RATE, ("",), np.zeros((1, 0), np.float32), (), pairs)


def module(pairs: PairSet | None = None, **options: Any) -> PairDataModule:
    defaults = {
        "segment_samples": 10,
        "context_samples": 5,
        "batch_size": 4,
        "train_items": None,
        "order": "random_sequential",
        "drop_silence": True,
        "score_batch": 2,
        "seed": 0,
    }
    return PairDataModule(pairs=pairs or pair_set(), **(defaults | options))


def test_an_epoch_is_one_pass_by_default_and_batches_hold_all_of_it() -> None:
    batches = list(module().train_dataloader())
    assert sum(len(batch["dry"]) for batch in batches) == 10
    assert all(batch["dry"].shape[1:] == (1, 15) for batch in batches)
    heard = sorted(sample for batch in batches for sample in (-batch["wet"]).flatten().tolist())
    assert heard == list(range(int(heard[0]), int(heard[0]) + 100))


def test_ranks_share_the_segments_of_an_epoch() -> None:
    seen = []
    for rank in range(2):
        data = module(train_items=7)
        data.trainer = mock.Mock(global_rank=rank, world_size=2)
        data.trainer.fit_loop.epoch_progress.current.processed = 3
        seen += [tuple(wet.flatten().tolist()) for batch in data.train_dataloader() for wet in batch["wet"]]
    alone = module(train_items=7)
    alone.trainer = mock.Mock(global_rank=0, world_size=1)
    alone.trainer.fit_loop.epoch_progress.current.processed = 3
    straight = [tuple(wet.flatten().tolist()) for batch in alone.train_dataloader() for wet in batch["wet"]]
    assert sorted(seen) == sorted(straight)
    assert len(set(seen)) == 7


def test_validation_and_test_give_whole_recordings_once() -> None:
    pairs = pair_set()
    more = tuple(replace(pair(size, 0), name=f"v{size}", split="val") for size in (70, 20, 50))
    data = module(replace(pairs, pairs=pairs.pairs + more))
    lengths = [batch["samples"].tolist() for batch in data.val_dataloader()]
    assert lengths == [[20, 40], [50, 70]]
    assert [batch["samples"].tolist() for batch in data.test_dataloader()] == [[40]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"segment_samples": 0}, "data.segment_samples must be at least 1"),
        ({"batch_size": 0}, "data.batch_size"),
        ({"train_items": 0}, "data.train_items"),
        ({"score_batch": 0}, "data.score_batch"),
        ({"context_samples": -1}, "data.context_samples"),
        ({"order": "sorted"}, "data.order"),
        ({"segment_samples": 101}, "lower it to at most 100"),
        ({"pairs": pair_set(val=0)}, "no recordings to val on"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        module(**options)


def test_recordings_shorter_than_a_segment_are_left_out_and_said() -> None:
    pairs = pair_set()
    data = module(replace(pairs, pairs=(*pairs.pairs, replace(pair(9), name="short"))))
    assert data.plan.pass_items == 10
    assert any("1 recordings are shorter" in note for note in data.notes())
