from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.data.pair import Pair
from fxstyle.models.emulator import ConditionedValues
from fxstyle.models.identification import by_setting, excerpts_of, search, set_by_condition

pytestmark = pytest.mark.unit
RATE = 100


def pair_of(dry: np.ndarray, setting: int = 0) -> Pair:
    dry = dry.astype(np.float32)[None]
    return Pair("a", "a", "train", setting, dry, 2 * dry, np.eye(3, dtype=np.float32)[setting])


def test_short_pairs_are_taken_whole_and_silent_ones_not() -> None:
    one, two = excerpts_of([pair_of(np.ones(50)), pair_of(np.zeros(90)), pair_of(np.ones(80))], RATE, 2.0)
    assert (one.dry.shape, one.lead) == ((1, 1, 50), 0)
    assert (two.wet.shape, two.lead) == ((1, 1, 80), 0)
    assert torch.equal(two.wet, 2 * two.dry)


def test_the_loudest_part_of_a_long_pair_is_taken_after_its_lead() -> None:
    dry = np.full(5000, 0.1)
    dry[3000] = 1.0
    (excerpt,) = excerpts_of([pair_of(dry)], RATE, 4.0)
    assert excerpt.lead == RATE
    assert excerpt.dry.shape[-1] == excerpt.lead + 4 * RATE
    assert float(excerpt.dry[0, 0, excerpt.lead + 2 * RATE]) == 1.0


def test_many_pairs_share_the_time() -> None:
    many = excerpts_of([pair_of(np.ones(2000)) for _ in range(30)], RATE, 12.0)
    assert [excerpt.dry.shape[-1] for excerpt in many] == [300] * 4


def test_pairs_by_setting() -> None:
    groups = list(by_setting([pair_of(np.ones(1), 2), pair_of(np.ones(2), 0), pair_of(np.ones(3), 2)]))
    assert [[pair.samples for pair in group] for _, group in groups] == [[2], [1, 3]]
    assert [condition.tolist() for condition, _ in groups] == [[1, 0, 0], [0, 0, 1]]


@given(st.lists(st.lists(st.floats(-5, 5), min_size=2, max_size=2), min_size=2, max_size=2))
@settings(max_examples=20, deadline=None)
def test_each_preset_gets_its_own_and_an_unheard_one_the_mean(found: list[list[float]]) -> None:
    values = ConditionedValues(torch.zeros(2), 3)
    table = torch.tensor(found)
    set_by_condition(values, np.eye(3, dtype=np.float32)[[2, 0]], table)
    expected = torch.stack([table[1], table.mean(0), table[0]])
    assert torch.allclose(values(torch.eye(3), 3), expected, atol=1e-5)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=20, deadline=None)
def test_knobs_get_straight_lines(base: float, first: float, second: float) -> None:
    values = ConditionedValues(torch.zeros(1), 2)
    knobs = np.array([[0.0, 0.2], [0.5, 1.0], [1.0, 0.1], [0.3, 0.3]], np.float32)
    truth = torch.from_numpy(base + knobs @ np.array([[first], [second]])).float()
    set_by_condition(values, knobs, truth)
    assert torch.allclose(values(torch.from_numpy(knobs), 4), truth, atol=1e-4)


def test_one_setting_of_a_knob_says_nothing_of_its_slope() -> None:
    values = ConditionedValues(torch.zeros(1), 1)
    set_by_condition(values, np.array([[0.5]], np.float32), torch.tensor([[3.0]]))
    assert values(torch.tensor([[0.5], [0.9]]), 2).tolist() == [[3.0], [3.0]]


def test_a_model_of_one_setting_takes_it() -> None:
    values = ConditionedValues(torch.zeros(1), 0)
    set_by_condition(values, np.zeros((1, 0), np.float32), torch.tensor([[3.0]]))
    assert values(None, 1).tolist() == [[3.0]]


def test_search_finds_a_narrow_valley_within_its_bounds_and_repeats_itself() -> None:
    def valley(values: np.ndarray) -> float:
        if values[0] < 0.5:
            return float("nan")
        return float((values[0] - 3) ** 2 + 100 * (values[1] - values[0] - 1) ** 2)

    found = [search(valley, [0, 0], [10, 20], 800, np.random.default_rng(1)) for _ in range(2)]
    assert found[0] == pytest.approx([3, 4], abs=1e-3)
    assert (found[0] == found[1]).all()
    edge = search(lambda values: float(values[0] + values[1]), [2, 3], [10, 20], 400, np.random.default_rng(1))
    assert edge == pytest.approx([2, 3], abs=1e-2)
