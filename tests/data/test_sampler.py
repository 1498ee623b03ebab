from __future__ import annotations

import pickle

import pytest

from fxstyle.data.keys import rank_batches
from fxstyle.data.sampler import EpochBatchSampler
from fxstyle.effects.schedule import Schedule
from tests.data.sounds import Noises, plan_of

pytestmark = pytest.mark.unit

PLAN = plan_of(Noises())


def epoch_keys(epoch: int):
    return PLAN.training_epoch(epoch, 10, Schedule("cycle"), 3)


class Trainer:
    current_epoch = 0

    def epoch(self) -> int:
        return self.current_epoch


@pytest.mark.parametrize(("rank", "ranks"), [(0, 1), (0, 2), (1, 2)])
def test_batches_are_those_of_the_trainers_epoch(rank: int, ranks: int) -> None:
    trainer = Trainer()
    sampler = EpochBatchSampler(epoch_keys, trainer.epoch, 3, rank, ranks)
    # As after a resume, epochs may start anywhere.
    for epoch in (0, 5, 6, 2):
        trainer.current_epoch = epoch
        assert list(sampler) == rank_batches(epoch_keys(epoch), 3, rank, ranks)
        assert len(list(sampler)) == len(sampler)


def test_the_epoch_is_read_when_an_iteration_begins() -> None:
    """A background thread may ask for the first batch only after the trainer has moved on."""
    trainer = Trainer()
    sampler = EpochBatchSampler(epoch_keys, trainer.epoch, 4, 0, 1)
    trainer.current_epoch = 1
    iteration = iter(sampler)
    trainer.current_epoch = 2
    assert {key.epoch for batch in iteration for key in batch} == {1}
    assert {key.epoch for batch in sampler for key in batch} == {2}


def test_iterating_leaves_nothing_behind() -> None:
    trainer = Trainer()
    sampler = EpochBatchSampler(epoch_keys, trainer.epoch, 4, 0, 1)
    next(iter(sampler))
    assert list(sampler) == list(sampler)
    again = pickle.loads(pickle.dumps(sampler))
    assert list(again) == list(sampler)
