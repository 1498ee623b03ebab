from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.audio.source import SPLITS
from fxstyle.data.keys import ClipKey, rank_batches
from fxstyle.effects.schedule import Schedule
from fxstyle.errors import InputError
from tests.data.sounds import LENGTH, Noises, plan_of

pytestmark = pytest.mark.unit


def keys(count: int) -> list[ClipKey]:
    return [ClipKey("train", 0, 0, 0, LENGTH, 0, 0, index) for index in range(count)]


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 4), st.integers(1, 17), st.integers(1, 200))
def test_ranks_share_every_key_once(ranks: int, batch_size: int, count: int) -> None:
    count = max(count, ranks)
    shares = [rank_batches(keys(count), batch_size, rank, ranks) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    assert [key.index for step in zip(*shares, strict=True) for batch in step for key in batch] == list(range(count))
    sizes = [[len(batch) for batch in step] for step in zip(*shares, strict=True)]
    assert all(max(step) - min(step) <= 1 for step in sizes)
    assert min(map(min, sizes)) >= 1
    # With one item a batch and a remainder, some batch has to take two.
    assert max(map(max, sizes)) <= max(batch_size, 2 if ranks > 1 else 1)


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 4), st.integers(2, 12), st.integers(8, 200))
def test_a_step_is_the_same_however_many_ranks_share_it(ranks: int, batch_size: int, count: int) -> None:
    alone = rank_batches(keys(count), batch_size * ranks, 0, 1)
    shares = [rank_batches(keys(count), batch_size, rank, ranks) for rank in range(ranks)]
    together = [[key for batch in step for key in batch] for step in zip(*shares, strict=True)]
    assert together == alone


def test_batches_are_even() -> None:
    assert [len(batch) for batch in rank_batches(keys(25), 12, 0, 1)] == [8, 8, 9]


def test_impossible_shares_are_refused() -> None:
    with pytest.raises(InputError, match="3 items cannot be shared by 4 devices"):
        rank_batches(keys(3), 2, 0, 4)
    with pytest.raises(InputError, match="batch_size must be at least 1, not 0"):
        rank_batches(keys(3), 0, 0, 1)


def test_each_clip_has_a_generator_of_its_own() -> None:
    plan = plan_of(Noises())
    streams = {}
    for split in SPLITS:
        for seed in (0, 1, 2**32 - 1):
            for epoch in (0, 1, 2):
                for index in (0, 1, 2):
                    for attempt in (0, 1, 2):
                        key = ClipKey(split, 0, 0, 0, LENGTH, seed, epoch, index)
                        streams[split, seed, epoch, index, attempt] = tuple(key.rng(attempt).random(4))
    assert len(set(streams.values())) == len(streams) == 3 * 3 * 3 * 3 * 3
    np.testing.assert_array_equal(plan.key(1, 2, 0).rng(0).random(4), streams["train", 0, 1, 2, 0])


def test_what_is_drawn_says_nothing_of_its_settings() -> None:
    """The plan's generator must not be the clip's: settings would follow the recording."""
    source = Noises()
    edges = np.cumsum(source.weights("train"))
    drawn = [plan_of(source).key(0, index, 0) for index in range(300)]
    same = [int(np.searchsorted(edges, key.rng(0).random())) == key.recording for key in drawn]
    chance = np.sum(source.weights("train") ** 2)
    assert np.mean(same) == pytest.approx(chance, abs=0.1)


def test_neighbours_are_not_alike() -> None:
    draws = np.array([[plan_of(Noises()).key(e, i, 0).rng(0).random() for i in range(200)] for e in range(5)])
    assert abs(draws.mean() - 0.5) < 0.03
    assert abs(np.corrcoef(draws[:, :-1].ravel(), draws[:, 1:].ravel())[0, 1]) < 0.1
    assert abs(np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]) < 0.1


def test_the_effect_does_not_change_the_clip() -> None:
    """Effects are compared on the same sound."""
    plan = plan_of(Noises())
    for index in range(5):
        one, other = plan.key(3, index, 0), plan.key(3, index, 2)
        assert (one.recording, one.start) == (other.recording, other.start)
        assert one.rng(0).random() == other.rng(0).random()


def test_recordings_are_drawn_by_weight_and_clips_lie_inside() -> None:
    source = Noises()
    plan = plan_of(source)
    drawn = [plan.key(0, index, 0) for index in range(3000)]
    shares = Counter(key.recording for key in drawn)
    for number, weight in enumerate(source.weights("train")):
        assert shares[number] / 3000 == pytest.approx(weight, abs=0.03)
    for key in drawn:
        assert 0 <= key.start <= max(source.lengths[key.recording] - LENGTH, 0)
    starts = np.array([key.start for key in drawn if key.recording == 1])
    assert starts.min() < 20
    assert starts.max() > 1980
    assert all(key.length == LENGTH for key in drawn)


def test_epochs_follow_the_schedule_and_never_repeat_clips() -> None:
    plan = plan_of(Noises())
    epochs = [plan.training_epoch(epoch, 20, Schedule("cycle"), 3) for epoch in range(6)]
    assert [{key.effect for key in epoch} for epoch in epochs] == [{0}, {1}, {2}] * 2
    assert [key.index for key in epochs[4]] == list(range(20))
    for one, other in pairwise(epochs):
        assert [key.start for key in one] != [key.start for key in other]
    assert plan.training_epoch(4, 20, Schedule("cycle"), 3) == epochs[4]
    assert plan_of(Noises(), seed=1).training_epoch(4, 20, Schedule("cycle"), 3) != epochs[4]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 9))
def test_validation_covers_all_effects_evenly(items: int, effects: int) -> None:
    fixed = plan_of(Noises(), "val").fixed(items, range(effects))
    counts = Counter(key.effect for key in fixed)
    assert len(fixed) == max(items, effects)
    assert set(counts) == set(range(effects))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {key.split for key in fixed} == {"val"}


def test_another_attempt_is_another_clip_of_the_same_place() -> None:
    plan = plan_of(Noises())
    attempts = [plan.key(2, 3, 1, attempt) for attempt in range(10)]
    assert len({(key.recording, key.start) for key in attempts}) > 5
    assert {(key.epoch, key.index, key.effect) for key in attempts} == {(2, 3, 1)}
