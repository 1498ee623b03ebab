from __future__ import annotations

import pytest

from fxstyle.errors import InputError
from fxstyle.gradients.estimator import Estimator

pytestmark = pytest.mark.unit


def test_epsilon_goes_by_the_same_factor_and_then_stays() -> None:
    estimator = Estimator(epsilon=0.1, final_epsilon=0.001, steps=4)
    assert [estimator.epsilon_at(step) for step in (0, 2, 4, 9)] == pytest.approx([0.1, 0.01, 0.001, 0.001])
    assert estimator.at(2).epsilon == pytest.approx(0.01)
    assert estimator.at(2).epsilon_at(100) == estimator.at(2).epsilon


def test_without_a_schedule_epsilon_stays() -> None:
    assert Estimator(epsilon=0.03).at(1000) == Estimator(epsilon=0.03)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "forward"},
        {"draws": 0},
        {"draws": 1.5},
        {"draws": True},
        {"epsilon": 0},
        {"epsilon": 0.7},
        {"epsilon": float("nan")},
        {"epsilon": "small"},
        {"final_epsilon": -0.1, "steps": 3},
        {"final_epsilon": 0.1},
        {"steps": 3},
        {"steps": -1},
    ],
)
def test_impossible_settings_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="estimator"):
        Estimator(**options)  # type: ignore[arg-type]
