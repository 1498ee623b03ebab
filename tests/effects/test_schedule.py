from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.effects.schedule import Schedule
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit

EFFECTS = st.integers(1, 7)
STAY = st.integers(1, 4)


def order(schedule: Schedule, epochs: int, effects: int) -> list[int]:
    """The one effect of each epoch."""
    chosen = []
    for epoch in range(epochs):
        items = schedule.effects_of_epoch(epoch, 5, effects)
        assert items.shape == (5,)
        assert len(set(items.tolist())) == 1
        chosen.append(int(items[0]))
    return chosen


@settings(deadline=None, max_examples=50)
@given(EFFECTS, STAY)
def test_cycle_takes_effects_in_turn(effects: int, stay: int) -> None:
    schedule = Schedule("cycle", stay)
    epochs = schedule.cycle_epochs(effects)
    assert epochs == effects * stay
    assert order(schedule, 2 * epochs, effects) == 2 * [effect for effect in range(effects) for _ in range(stay)]


@settings(deadline=None, max_examples=50)
@given(EFFECTS, STAY, st.integers(0, 100))
def test_shuffled_covers_all_effects_in_each_cycle(effects: int, stay: int, seed: int) -> None:
    schedule = Schedule("shuffled", stay, seed)
    epochs = schedule.cycle_epochs(effects)
    chosen = order(schedule, 3 * epochs, effects)
    for first in range(0, len(chosen), epochs):
        turns = chosen[first : first + epochs]
        assert turns == [effect for effect in turns[::stay] for _ in range(stay)]
        assert sorted(turns[::stay]) == list(range(effects))


def test_shuffled_changes_with_cycle_and_seed() -> None:
    chosen = order(Schedule("shuffled", 1, 0), 24, 6)
    cycles = {tuple(chosen[first : first + 6]) for first in range(0, 24, 6)}
    assert len(cycles) > 1
    assert chosen != order(Schedule("shuffled", 1, 1), 24, 6)
    assert chosen == order(Schedule("shuffled", 1, 0), 24, 6)


@settings(deadline=None, max_examples=50)
@given(EFFECTS, st.integers(1, 50), st.integers(0, 20))
def test_mixed_is_balanced_in_every_run_of_items(effects: int, items: int, epoch: int) -> None:
    schedule = Schedule("mixed")
    assert schedule.cycle_epochs(effects) == 1
    chosen = schedule.effects_of_epoch(epoch, items, effects)
    counts = np.bincount(chosen, minlength=effects)
    assert counts.max() - counts.min() <= 1
    for first in range(items - effects + 1):
        assert set(chosen[first : first + effects].tolist()) == set(range(effects))


def test_mixed_spares_no_effect_for_ever() -> None:
    total = sum(np.bincount(Schedule("mixed").effects_of_epoch(epoch, 4, 6), minlength=6) for epoch in range(6))
    assert np.ptp(total) == 0


@pytest.mark.parametrize(
    ("kind", "stay", "message"),
    [
        ("random", 1, "choose cycle, shuffled or mixed"),
        ("cycle", 0, "at least 1"),
        ("mixed", 2, "set epochs_per_effect=1"),
    ],
)
def test_impossible_schedules_are_refused(kind: str, stay: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Schedule(kind, stay)  # type: ignore[arg-type]
