from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.errors import InputError
from fxstyle.losses.annealing import Annealing

pytestmark = pytest.mark.unit

POSITION = st.floats(0, 1000)
KIND = st.sampled_from(["constant", "linear", "cyclic"])


@settings(deadline=None, max_examples=100)
@given(KIND, POSITION, st.floats(0, 1), st.floats(0, 10), st.floats(0.5, 50))
def test_weights_stay_in_their_range(kind: str, position: float, low: float, rise: float, epochs: float) -> None:
    weight = Annealing(kind, low, low + rise, epochs)(position)  # type: ignore[arg-type]
    assert low - 1e-12 <= weight <= low + rise + 1e-12


def test_constant() -> None:
    assert {Annealing("constant", 0.1, 0.7, 3)(position) for position in (0, 0.5, 100)} == {0.7}


def test_linear_rises_once() -> None:
    anneal = Annealing("linear", 0.1, 0.5, 4)
    assert [anneal(position) for position in (0, 1, 2, 4, 5, 100)] == pytest.approx([0.1, 0.2, 0.3, 0.5, 0.5, 0.5])


def test_cyclic_rises_in_the_first_half_of_each_period() -> None:
    anneal = Annealing("cyclic", 0.0, 1.0, 8)
    assert [anneal(position) for position in (0, 1, 2, 4, 6, 7.99)] == pytest.approx([0, 0.25, 0.5, 1, 1, 1])
    for position in np.linspace(0, 8, 33)[:-1]:
        assert anneal(position + 24) == pytest.approx(anneal(position))


def test_equal_ends_are_constant() -> None:
    assert {Annealing("cyclic", 0.3, 0.3, 5)(position) for position in (0, 1, 2, 3)} == {0.3}


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "cosine"},
        {"low": -0.1},
        {"low": 0.2, "high": 0.1},
        {"high": float("nan")},
        {"epochs": 0},
        {"epochs": float("nan")},
        {"high": float("inf")},
    ],
)
def test_impossible_weights_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"loss\.beta"):
        Annealing(**options)  # type: ignore[arg-type]
