from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxstyle.data.conditions import preset_conditions, setting_conditions
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit


@given(st.integers(1, 5).flatmap(lambda k: st.lists(st.tuples(*[st.floats(0, 1)] * k), min_size=2, max_size=6)))
def test_knob_positions_are_the_conditions(positions: list[tuple[float, ...]]) -> None:
    names = list(dict.fromkeys("_".join(f"{knob:.3f}" for knob in knobs) for knobs in positions))
    conditions = setting_conditions(names)
    if len(names) == 1:
        assert conditions.values.shape == (1, 0)
        return
    wanted = [[float(knob) for knob in name.split("_")] for name in names]
    np.testing.assert_allclose(conditions.values, wanted, atol=1e-6)
    assert conditions.values.dtype == np.float32
    assert conditions.settings == tuple(names)
    assert conditions.names == tuple(f"knob_{number + 1}" for number in range(len(wanted[0])))
    assert conditions.between


def test_names_are_one_hot_in_their_order() -> None:
    conditions = setting_conditions(("gentle", "heavy", "0.5_x"))
    np.testing.assert_array_equal(conditions.values, np.eye(3))
    assert conditions.names == ("gentle", "heavy", "0.5_x")
    assert not conditions.between


@pytest.mark.parametrize("name", ["", "crunch", "0.5_0.7"])
def test_one_setting_needs_no_condition(name: str) -> None:
    for conditions in (preset_conditions([name]), setting_conditions([name], knobs=["gain", "tone"])):
        assert conditions.values.shape == (1, 0)
        assert conditions.names == ()
        assert conditions.settings == (name,)


def test_knobs_have_the_names_they_are_given() -> None:
    assert setting_conditions(["0.1_0.2", ".3_1"], ["gain", "tone"]).names == ("gain", "tone")


@pytest.mark.parametrize(
    ("settings", "knobs", "said"),
    [
        (["gentle", "0.1_0.2"], None, "'gentle' \\(a name\\), '0.1_0.2' \\(2 knobs\\).*data.settings"),
        (["0.1", "0.1_0.2"], None, "different kinds"),
        (["5_7", "3_2"], None, "'5_7' has a knob beyond 1"),
        (["0.1_0.2", "0.3_0.4"], ["gain"], "names 1 knobs, but setting '0.1_0.2' has 2"),
        (["gentle", "heavy"], ["gain"], "names 1 knobs, but setting 'gentle' has 0"),
        (["", "heavy"], None, "no setting"),
    ],
)
def test_what_does_not_fit_is_refused(settings: list[str], knobs: list[str] | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        setting_conditions(settings, knobs)
