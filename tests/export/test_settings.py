"""The setting that a file is played through: presets by name, knobs by position, one setting without asking."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.errors import InputError
from fxstyle.export.settings import FixedCondition, Setting, choose_setting, freeze
from fxstyle.models.recurrent import Recurrent
from tests.export.models import Clock, knobs, lively, lstm, trained, wavenet
from tests.models.test_streaming import check_streaming

pytestmark = pytest.mark.unit

AUDIO = 0.3 * torch.randn(2, 1, 400, generator=torch.Generator().manual_seed(0))


def test_the_only_setting_needs_no_name() -> None:
    assert choose_setting(trained(wavenet()), None, {}) == Setting("", ())


def test_presets_are_chosen_by_name() -> None:
    emulation = trained(wavenet(3))
    assert choose_setting(emulation, "b", {}) == Setting("b", (0.0, 1.0, 0.0))
    with pytest.raises(InputError, match=r"'drive' has no setting 'z'; choose from a, b, c"):
        choose_setting(emulation, "z", {})
    with pytest.raises(InputError, match=r"several settings: choose one with --setting \(a, b, c\)$"):
        choose_setting(emulation, None, {})
    with pytest.raises(InputError, match="presets and no knobs"):
        choose_setting(emulation, None, {"a": 1.0})


def test_a_model_of_one_setting_takes_neither() -> None:
    with pytest.raises(InputError, match="leave --setting out"):
        choose_setting(trained(wavenet()), "a", {})
    with pytest.raises(InputError, match="has no knobs"):
        choose_setting(trained(wavenet()), None, {"drive": 0.5})


def test_knobs_are_all_given_or_differ_from_a_setting() -> None:
    emulation = trained(lstm(2), **knobs(drive=(0.0, 1.0), tone=(0.5, 0.25)))
    assert choose_setting(emulation, None, {"tone": 0.1, "drive": 0.2}) == Setting("drive=0.2,tone=0.1", (0.2, 0.1))
    assert choose_setting(emulation, "setting1", {"drive": 0.4}).condition == (0.4, 0.25)
    assert choose_setting(emulation, "setting1", {}).condition == (1.0, 0.25)
    with pytest.raises(InputError, match="also needs --knob drive=POSITION"):
        choose_setting(emulation, None, {"tone": 0.1})
    with pytest.raises(InputError, match=r"no knob 'volume'; choose from drive, tone"):
        choose_setting(emulation, None, {"volume": 0.1})
    with pytest.raises(InputError, match=r"or every knob with --knob \(drive, tone\)"):
        choose_setting(emulation, None, {})


@given(st.floats())
@settings(max_examples=40, deadline=None)
def test_a_knob_goes_from_0_to_1(position: float) -> None:
    emulation = trained(Recurrent(hidden=1, conditions=1), **knobs(drive=(0.0, 1.0)))
    if 0 <= position <= 1:
        assert choose_setting(emulation, None, {"drive": position}).condition == (position,)
    else:
        with pytest.raises(InputError, match="outside 0 to 1"):
            choose_setting(emulation, None, {"drive": position})


@pytest.mark.parametrize("model", [wavenet(2), lstm(2), lively(Recurrent(hidden=2, conditions=2, cell="gru", taps=2))])
def test_a_frozen_model_plays_that_setting_alone(model: Recurrent) -> None:
    emulation = trained(model, lfo_hz=(1.0, 2.0))
    frozen = freeze(emulation, choose_setting(emulation, "b", {}))
    assert (frozen.settings, frozen.setting_conditions, frozen.condition_names) == (("b",), ((),), ())
    assert frozen.lfo_hz == (2.0,)
    assert frozen.model.conditions == 0
    assert not isinstance(frozen.model, FixedCondition)
    with torch.no_grad():
        wanted = model(AUDIO, torch.tensor([[0.0, 1.0]]).expand(2, -1))
        torch.testing.assert_close(frozen.model(AUDIO), wanted, atol=1e-6, rtol=0)


def test_a_model_that_cannot_fold_keeps_its_condition_inside() -> None:
    model = Recurrent(hidden=3, conditions=2, lfo="given", lfo_hz=[1.0, 2.0], sample_rate=8000)
    emulation = trained(lively(model), lfo_hz=(1.0, 2.0))
    frozen = freeze(emulation, Setting("half", (0.5, 0.5)))
    assert isinstance(frozen.model, FixedCondition)
    assert frozen.lfo_hz is None
    with torch.no_grad():
        torch.testing.assert_close(frozen.model(AUDIO), model(AUDIO, torch.full((2, 2), 0.5)))
    check_streaming(frozen.model, samples=1500)


def test_a_model_without_conditions_is_frozen_already() -> None:
    emulation = trained(Clock())
    assert freeze(emulation, Setting("", ())) is emulation
