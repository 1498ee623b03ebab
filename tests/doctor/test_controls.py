"""A control that does nothing, is a gain, jumps, or acts on one side is called that, and one that works is not."""

from __future__ import annotations

import numpy as np
import pytest

from fxstyle.doctor.controls import study_controls
from fxstyle.doctor.findings import ControlStudy, Finding
from fxstyle.doctor.sounds import noise
from fxstyle.effects.parameter import Parameter
from tests.doctor.toys import Toy, bench, knob

pytestmark = pytest.mark.unit

SOUNDS = [noise(1, 4000, seed) for seed in (1, 2)]
SWITCH = Parameter("mode", 0, 2, 0, steps=3, labels=("one", "two", "three"))


def studied(toy: Toy, *parameters: Parameter) -> tuple[dict[str, ControlStudy], dict[str, Finding]]:
    studies, findings = study_controls(bench(toy, *parameters), SOUNDS, bases=2, more=12, seed=0)
    return {study.name: study for study in studies}, {finding.record: finding for finding in findings}


def strong(findings: dict[str, Finding]) -> set[str]:
    return {record for record, finding in findings.items() if finding.strength >= 1}


def test_a_control_that_works_is_left_alone() -> None:
    studies, findings = studied(lambda spec, audio, v: np.tanh((1 + 9 * v[0]) * audio), knob("drive"))
    assert not strong(findings)
    assert studies["drive"].reach_db > -20


def test_dead_gain_and_stepped_controls_are_named() -> None:
    def toy(spec, audio, v):  # type: ignore[no-untyped-def]
        return np.tanh((1 + round(4 * v[2])) * audio) * (0.1 + v[1])

    studies, findings = studied(toy, knob("dead"), knob("volume"), knob("notched"))
    assert strong(findings) == {"dead: dead", "gain: volume", "stepped: notched"}
    assert studies["dead"].reach_db == float("-inf")
    assert studies["dead"].bases == 3 + 13
    assert "5 different sounds" in findings["stepped: notched"].sentence


def test_a_control_that_sleeps_at_most_settings_is_not_dead() -> None:
    """Only one step of a switch wakes it, and the default is another."""

    def toy(spec, audio, v):  # type: ignore[no-untyped-def]
        return np.tanh(3 * audio) * (v[1] if round(v[0]) == 2 else 1 + 0.1 * v[0]) + 0.1 * audio

    studies, findings = studied(toy, SWITCH, knob("sleeper"))
    assert not strong(findings)
    assert studies["sleeper"].reach_db > -40


def test_a_threshold_above_the_sound_is_not_a_step() -> None:
    _, findings = studied(lambda spec, audio, v: np.clip(audio, -v[0], v[0]), knob("threshold"))
    assert not strong(findings)


def test_equal_steps_of_a_switch_are_named() -> None:
    _, findings = studied(lambda spec, audio, v: audio * audio if v[0] > 0.5 else audio, SWITCH)
    assert strong(findings) == {"same_steps: mode"}
    assert "two and three" in findings["same_steps: mode"].sentence
    _, findings = studied(lambda spec, audio, v: np.tanh((1 + v[0]) * audio), SWITCH)
    assert not strong(findings)


@pytest.mark.parametrize(("side", "mono"), [(1, True), (0, False)])
def test_one_sided_controls_are_named(side: int, mono: bool) -> None:
    def toy(spec, audio, v):  # type: ignore[no-untyped-def]
        wet = audio.copy()
        if len(audio) > 1 or side == 0:
            wet[side] = np.tanh((1 + 9 * v[0]) * wet[side])
        return wet

    studies, findings = studied(toy, knob("drive"))
    assert strong(findings) == {"one_sided: drive"}
    assert (studies["drive"].reach_mono_db == float("-inf")) == mono
    assert ("mono sound does not show it" in findings["one_sided: drive"].sentence) == mono


def test_a_control_that_is_held_is_moved_but_not_blamed() -> None:
    studies, findings = studied(lambda spec, audio, v: audio * v[0], knob("volume", held=True))
    assert not strong(findings)
    assert studies["volume"].reach_db > -20
    assert studies["volume"].kind == "fixed"
