from __future__ import annotations

from pathlib import Path

import pytest

from fxstyle.effects.lv2.description import describe
from fxstyle.effects.lv2.discovery import parameters_of
from fxstyle.effects.parameter import Parameter
from tests.effects.lv2.bundles import AUDIO, URI, bundle, knob, port

pytestmark = pytest.mark.unit

POINTS = "lv2:scalePoint [ rdfs:label 'B' ; rdf:value 0.7 ] , [ rdfs:label 'A' ; rdf:value 0.2 ]"
TWINS = "lv2:scalePoint [ rdfs:label 'A' ; rdf:value 0 ] , [ rdfs:label 'A' ; rdf:value 1 ] , [ rdf:value 2 ]"


def property_of(*names: str) -> str:
    return "lv2:portProperty " + " , ".join(names)


CASES = {
    "plain": (knob(2, "x", -1, 3, 0.5), Parameter("x", -1, 3, 0.5)),
    "unit": (knob(2, "x", -1, 3, 0, "units:unit units:ms"), Parameter("x", -1, 3, 0, unit="ms")),
    "log": (knob(2, "x", 20, 20000, 440, property_of("pprops:logarithmic")), Parameter("x", 20, 2e4, 440, scale="log")),
    "log_from_zero": (knob(2, "x", 0, 9, 1, property_of("pprops:logarithmic")), Parameter("x", 0, 9, 1)),
    "integer": (knob(2, "x", 2, 5, 3, property_of("lv2:integer")), Parameter("x", 2, 5, 3, steps=4)),
    "many_integers": (knob(2, "x", 0, 2000, 3, property_of("lv2:integer")), Parameter("x", 0, 2000, 3)),
    "toggle": (
        knob(2, "x", 0, 1, 1, property_of("lv2:toggled")),
        Parameter("x", 0, 1, 1, steps=2, labels=("off", "on")),
    ),
    "toggle_without_bounds": (
        port(2, "Input Control", "x", property_of("lv2:toggled")),
        Parameter("x", 0, 1, 0, steps=2, labels=("off", "on")),
    ),
    "choice": (
        knob(2, "x", 0, 1, 0.6, f"{property_of('lv2:enumeration')} ; {POINTS}"),
        Parameter("x", 0, 1, 1, steps=2, labels=("A", "B"), native=(0.2, 0.7)),
    ),
    "choice_of_twins": (
        knob(2, "x", 0, 2, 0, f"{property_of('lv2:enumeration')} ; {TWINS}"),
        Parameter("x", 0, 2, 0, steps=3, labels=("A", "A (1)", "(2)")),
    ),
    "hints_at_values": (knob(2, "x", 0, 1, 0.6, POINTS), Parameter("x", 0, 1, 0.6)),
    "bypass": (
        knob(2, "x", 0, 1, 1, f"{property_of('lv2:toggled')} ; lv2:designation lv2:enabled"),
        Parameter("x", 0, 1, 1, steps=2, labels=("off", "on"), held=True),
    ),
    "hidden": (knob(2, "x", 0, 1, 0, property_of("pprops:notOnGUI")), Parameter("x", 0, 1, 0, held=True)),
    "share_of_rate": (
        knob(2, "x", 0, 0.5, 0.1, property_of("lv2:sampleRate")),
        Parameter("x", 0, 0.5, 0.1, unit="of the sample rate"),
    ),
    "no_default": (port(2, "Input Control", "x", "lv2:minimum 2 ; lv2:maximum 3"), Parameter("x", 2, 3, 2)),
    "no_bounds": (port(2, "Input Control", "x"), Parameter("x", 0, 1, 0)),
    "default_outside": (knob(2, "x", 0, 1, 7), Parameter("x", 0, 1, 1)),
    "single_value": (knob(2, "x", 1, 1, 1), None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_port_becomes_a_parameter(case: str, tmp_path: Path) -> None:
    turtle, wanted = CASES[case]
    found = parameters_of(describe(URI, bundle(tmp_path, (*AUDIO, turtle))))
    assert found == ((wanted,) if wanted else ())


def test_control_outputs_are_no_parameters(tmp_path: Path) -> None:
    ports = (*AUDIO, port(2, "Output Control", "meter"), knob(3, "b", 0, 1, 0), knob(4, "a", 0, 1, 0))
    assert [p.name for p in parameters_of(describe(URI, bundle(tmp_path, ports)))] == ["b", "a"]
