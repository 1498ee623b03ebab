"""How sure each control is, and whether it is heard."""

from __future__ import annotations

import numpy as np
import pytest

from fxstyle.effects.parameter import Parameter
from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.run.match_settings import describe_settings, heard_changes, values_of
from fxstyle.search.problem import Excerpt
from fxstyle.search.proposal import Proposal
from fxstyle.search.trace import Candidate
from tests.effects.catalogue import effect
from tests.run.match_sounds import RATE, dry_sound

pytestmark = pytest.mark.unit

SPEC = EffectSpec(
    "e",
    "dsp",
    parameters=(
        Parameter("drive", 0, 10, 5, unit="dB"),
        Parameter("mode", 0, 1, 0, steps=2, labels=("off", "on")),
        Parameter("kept", 0, 1, 0, held=True),
    ),
)


def candidates(*rows: tuple[float, float, float]) -> list[Candidate]:
    return [Candidate(np.array([drive, mode, 0], dtype=np.float32), score) for drive, mode, score in rows]


@pytest.mark.parametrize(
    ("other", "same", "drive", "mode"),
    [
        ((0.53, 0.75, 0.51), True, "sure", "sure"),
        ((0.65, 0.25, 0.51), True, "rough", "open"),
        ((0.9, 0.75, 0.51), True, "open", "sure"),
        ((0.9, 0.25, 0.57), True, "rough", "sure"),
        ((0.9, 0.25, 0.57), False, "open", "open"),
    ],
)
def test_certainty_is_how_far_apart_equals_are(
    other: tuple[float, float, float], same: bool, drive: str, mode: str
) -> None:
    found = describe_settings(SPEC, candidates((0.5, 0.75, 0.5), other), 1.0, same, [1.0, 1.0, None])
    assert [(s.name, s.certainty) for s in found] == [("drive", drive), ("mode", mode)]
    assert [s.text for s in found] == ["5 dB", "on"]
    assert [s.value for s in found] == [5.0, "on"]


def test_a_proposal_tells_where_there_is_one_candidate() -> None:
    start = Proposal(np.full(3, 0.5, np.float32), np.full(3, 0.3, np.float32), (None, np.ones(2, np.float32), None))
    alone = candidates((0.5, 0.75, 0.5))
    assert describe_settings(SPEC, alone, 1.0, True, [1.0, 1.0, None], start)[0].certainty == "open"
    searched = [*alone, Candidate(alone[0].positions, 0.9)]
    assert describe_settings(SPEC, searched, 1.0, True, [1.0, 1.0, None], start)[0].certainty == "rough"
    assert describe_settings(SPEC, alone, 1.0, True, [1.0, 1.0, None])[0].certainty == "rough"


def test_what_is_not_heard_is_open() -> None:
    found = describe_settings(SPEC, candidates((0.5, 0.75, 0.5), (0.51, 0.75, 0.5)), 1.0, True, [0.0, None, None])
    assert (found[0].certainty, found[0].heard) == ("open", "not heard here")
    assert (found[1].certainty, found[1].heard) == ("sure", "")


def test_values_are_those_of_presets() -> None:
    values = values_of(SPEC, np.array([0.25, 0.75, 1.0], dtype=np.float32))
    assert values == {"drive": pytest.approx(2.5), "mode": "on"}


def test_changes_in_db_are_those_of_the_sound() -> None:
    spec = effect("gain")
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32)
    whole = spec.parameters[0].high - spec.parameters[0].low
    for place in (0.5, 0.0):
        positions = np.array([place], dtype=np.float32)
        found = heard_changes(spec, ThreadRenderer(1), [Excerpt(noise, 1000)], RATE, positions)
        assert found[0] == pytest.approx(0.05 * whole, rel=0.01)


def test_a_control_that_does_nothing_is_not_heard() -> None:
    spec = effect("reverb").for_channels(1)
    quiet = spec.positions({"wet_level": 0.2, "room_size": 0.5})
    found = heard_changes(spec, ThreadRenderer(1), [Excerpt(dry_sound(), 0)], RATE, quiet)
    names = [p.name for p in spec.parameters]
    assert found[names.index("width")] is None
    assert found[names.index("dry_level")] > 0.1
