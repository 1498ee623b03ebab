from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.audio.source import SPLITS
from fxstyle.audio.splits import complete_given_splits, group_position, split_by_hash
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit

FRACTIONS = {"val": 0.1, "test": 0.1}
GROUPS = st.sets(st.text(min_size=1, max_size=8), min_size=3, max_size=30)


@settings(max_examples=60, deadline=None)
@given(GROUPS, st.floats(0.01, 0.49), st.floats(0.01, 0.49))
def test_every_split_has_a_group_and_order_does_not_matter(groups, val, test):
    fractions = {"val": val, "test": test}
    chosen = split_by_hash(list(groups), fractions)
    assert set(chosen) == groups
    assert set(chosen.values()) == set(SPLITS)
    assert chosen == split_by_hash(sorted(groups) * 2, fractions)


def test_positions_never_change():
    assert group_position("guitar/take 1") == pytest.approx(0.301224, abs=1e-6)


def test_shares_are_those_asked_for_and_stay_when_groups_are_added():
    many = [f"speaker {index}" for index in range(2000)]
    chosen = split_by_hash(many, {"val": 0.1, "test": 0.2})
    counts = {split: list(chosen.values()).count(split) for split in SPLITS}
    assert counts["val"] == pytest.approx(200, abs=45)
    assert counts["test"] == pytest.approx(400, abs=60)
    fewer = split_by_hash(many[:1000], {"val": 0.1, "test": 0.2})
    assert all(chosen[group] == split for group, split in fewer.items())


def test_the_group_nearest_to_an_empty_train_moves_into_it():
    groups = sorted(map(str, range(200)), key=group_position)
    low = [group for group in groups if group_position(group) < 0.9][-5:] + groups[:4]
    assert [group for group, split in split_by_hash(low, {"val": 0.45, "test": 0.45}).items() if split == "train"] == [
        max(low, key=group_position)
    ]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_groups_are_refused(count):
    with pytest.raises(InputError, match="cannot be split"):
        split_by_hash([str(index) for index in range(count)] * 5, FRACTIONS)


@settings(max_examples=60, deadline=None)
@given(GROUPS, st.sampled_from([["val"], ["test"], ["val", "test"]]), st.floats(0.01, 0.49), st.floats(0.01, 0.49))
def test_missing_splits_are_taken_from_train_which_keeps_some(groups, missing, val, test):
    given_groups = {"train": list(groups)} | {split: ["given"] for split in ("val", "test") if split not in missing}
    moves = complete_given_splits(given_groups, {"val": val, "test": test})
    assert set(moves.values()) == set(missing)
    assert set(moves) < groups


@pytest.mark.parametrize(
    "groups", [{"train": ["a"], "test": ["b"]}, {"val": ["a", "b", "c"], "test": ["d"]}, {"train": ["a", "b"]}]
)
def test_what_cannot_be_completed_is_refused(groups):
    with pytest.raises(InputError, match="add a"):
        complete_given_splits(groups, FRACTIONS)


def test_complete_folders_stay():
    assert complete_given_splits({split: ["x"] for split in SPLITS}, FRACTIONS) == {}
