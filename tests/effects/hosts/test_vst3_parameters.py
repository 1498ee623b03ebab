from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.effects.hosts.vst3_parameters import is_control, person_name, read_number
from fxstyle.effects.parameter import Parameter
from tests.effects.hosts.fake_vst3 import FakeParameter, FakePlugin, sort

pytestmark = pytest.mark.unit


def only(parameter: FakeParameter) -> Parameter:
    """What a plugin with one parameter is found to have."""
    found = sort(lambda: FakePlugin([FakeParameter(**vars(parameter))]))
    assert not found.left_out
    return found.parameters[0]


@pytest.mark.parametrize(
    ("asked", "kept", "again", "expected"),
    [
        ([0.1, 0.4, 0.9], [0.1, 0.4, 0.9], [0.1, 0.4, 0.9], True),
        ([0.1, 0.4, 0.9], [0.0, 0.5, 1.0], [0.0, 0.5, 1.0], True),
        ([0.9, 0.1, 0.4], [1.0, 0.0, 0.5], [1.0, 0.0, 0.5], True),
        ([0.1, 0.4, 0.9], [0.3, 0.3, 0.3], [0.3, 0.3, 0.3], False),
        ([0.1, 0.4, 0.9], [0.2, 0.5, 0.8], [0.2, 0.5, 0.7], False),
        ([0.1, 0.4, 0.9], [0.7, 0.2, 0.5], [0.7, 0.2, 0.5], False),
    ],
    ids=["kept", "stepped", "any order", "stuck", "unsteady", "falling"],
)
def test_a_control_keeps_its_position_or_its_step(
    asked: list[float], kept: list[float], again: list[float], expected: bool
) -> None:
    assert is_control(asked, kept, again) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-12.500000", (-12.5, "")),
        ("440 Hz", (440.0, "Hz")),
        ("1.5 kHz", (1500.0, "Hz")),
        ("+3dB", (3.0, "dB")),
        ("-inf dB", None),
        ("Off", None),
        ("", None),
    ],
)
def test_numbers_are_read_from_texts(text: str, expected: tuple[float, str] | None) -> None:
    assert read_number(text) == expected


@pytest.mark.parametrize(
    ("symbol", "unit", "expected"),
    [
        ("Threshold", "dB", "threshold_db"),
        ("Dry/Wet", "", "dry_wet"),
        ("LPF Hz", "Hz", "lpf_hz"),
        ("♯", "", "parameter"),
    ],
)
def test_names_are_for_people(symbol: str, unit: str, expected: str) -> None:
    assert person_name(symbol, unit) == expected


def test_a_continuous_control_has_the_range_of_its_texts() -> None:
    found = only(FakeParameter("Cut", 0.25, label="Hz", text=lambda x: f"{20 + 980 * x:.2f}"))
    assert (found.name, found.low, found.high, found.unit, found.kind) == ("cut_hz", 20, 1000, "Hz", "continuous")
    assert found.default == pytest.approx(265)
    assert found.to_native(265) == pytest.approx(0.25)


def test_a_log_control_is_found_by_its_texts() -> None:
    def text(place: float) -> str:
        hertz = 20 * 1000**place
        return f"{hertz / 1000:.4f} kHz" if hertz >= 1000 else f"{hertz:.4f} Hz"

    found = only(FakeParameter("Cut", 0.5, text=text))
    assert (found.low, found.high, found.unit, found.scale) == (20, 20000, "Hz", "log")
    assert found.to_native(20 * 1000**0.5) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "text",
    [
        lambda x: f"{100 * (1 - x):.1f}",
        lambda x: f"{x**3:.6f}",
        lambda x: "-inf" if x == 0 else f"{60 * x - 60:.3f} dB",
    ],
    ids=["falling", "bent", "no number"],
)
def test_a_scale_that_is_neither_is_shown_as_positions(text: object) -> None:
    found = only(FakeParameter("Odd", 0.5, text=text))
    assert (found.low, found.high, found.unit, found.default) == (0, 1, "", 0.5)


def test_switches_have_their_labels_or_numbers() -> None:
    words = only(FakeParameter("Mode", 0.5, 3, text=lambda x: ("Hall", "Room", "Plate")[round(2 * x)]))
    assert (words.labels, words.default, words.native) == (("Hall", "Room", "Plate"), 1, (0, 0.5, 1))
    numbers = only(FakeParameter("Divisor", 1.0, 3, text=lambda x: str(1 + round(2 * x))))
    assert (numbers.low, numbers.high, numbers.steps, numbers.default, numbers.labels) == (1, 3, 3, 3, ())
    assert numbers.to_native(2) == 0.5


def test_steps_that_only_the_texts_show_are_found() -> None:
    found = only(FakeParameter("Mode", text=lambda x: "Soft" if x < 0.5 else "Hard"))
    assert (found.labels, found.native) == (("Soft", "Hard"), (0, 1))
    rounded = only(FakeParameter("Level", text=lambda x: f"{10 * x:.0f}"))
    assert rounded.kind == "continuous"


def test_a_bypass_is_held() -> None:
    assert only(FakeParameter("Bypass", 0.0, 2)).kind == "fixed"
    assert only(FakeParameter("Band 1 Bypass", 0.0, 2)).kind == "stepped"


def test_two_parameters_of_one_name_are_both_kept() -> None:
    found = sort(lambda: FakePlugin([FakeParameter("Gain"), FakeParameter("Gain")]))
    assert [(p.name, p.symbol) for p in found.parameters] == [("gain", "Gain"), ("gain_2", "Gain (2)")]


def test_meters_buffer_size_and_midi_are_left_out() -> None:
    found = sort(
        lambda: FakePlugin(
            [
                FakeParameter("Gain"),
                FakeParameter("Level"),
                FakeParameter("Rate"),
                FakeParameter("Still"),
                FakeParameter("MIDI CC 0|1"),
            ],
            written={
                "Level": lambda plugin: plugin.heard / 10,
                "Rate": lambda plugin: plugin.rate / 1e6,
                "Still": lambda plugin: 0.25,
            },
        )
    )
    assert [p.symbol for p in found.parameters] == ["Gain"]
    assert dict(found.left_out) == {
        "Level": "the plugin writes it",
        "Rate": "the plugin writes it",
        "Still": "it does not keep what it is set to",
        "MIDI CC 0|1": "it is a MIDI controller",
    }


def test_what_is_heard_is_a_control_although_its_state_forgets_it() -> None:
    found = sort(
        lambda: FakePlugin(
            [FakeParameter("Gain")], written={"Gain": lambda plugin: 0.5}, gain=lambda plugin: plugin.position("Gain")
        )
    )
    assert [p.symbol for p in found.parameters] == ["Gain"]
    assert found.overridden == ("Gain",)


def test_a_program_becomes_presets() -> None:
    def choose(plugin: FakePlugin, place: float) -> None:
        for parameter in plugin._parameters[1:3]:
            parameter.raw_value = place

    found = sort(
        lambda: FakePlugin(
            [
                FakeParameter("Program", 0.0, 3, text=lambda x: ("Init", "Warm", "Loud")[round(2 * x)], set_to=choose),
                FakeParameter("Gain", label="dB", text=lambda x: f"{40 * x - 20:.3f}"),
                FakeParameter("Tone"),
                FakeParameter("Switch", 0.0, 2),
            ]
        )
    )
    assert dict(found.left_out) == {"Program": "it sets other controls"}
    assert [p.symbol for p in found.parameters] == ["Gain", "Tone", "Switch"]
    assert [preset.name for preset in found.presets] == ["Init", "Warm", "Loud"]
    assert dict(found.presets[1].values) == {"gain_db": 0.0, "tone": 0.5, "switch": 0.0}


def test_a_switch_is_no_program_because_meters_move_meanwhile() -> None:
    class Metered(FakePlugin):
        def process(self, audio: NDArray[np.float32], rate: float, block: int, reset: bool) -> NDArray[np.float32]:
            for parameter in self._parameters[1:]:
                parameter.raw_value = min(1.0, float(np.abs(audio).max()) / 10)
            return super().process(audio, rate, block, reset)

    found = sort(lambda: Metered([FakeParameter("Switch", 0.0, 2), FakeParameter("Left"), FakeParameter("Right")]))
    assert [p.symbol for p in found.parameters] == ["Switch"]
    assert set(dict(found.left_out).values()) == {"the plugin writes it"}


def test_a_parameter_with_one_text_is_left_out_unless_it_speaks_when_set() -> None:
    found = sort(lambda: FakePlugin([FakeParameter("Program", text=lambda x: "Default"), FakeParameter("Gain")]))
    assert dict(found.left_out) == {"Program": "it has one position"}

    class Speaking(FakeParameter):
        def get_text_for_raw_value(self, place: float) -> str:
            return "?"

    found = sort(lambda: FakePlugin([Speaking("Drive")]))
    assert [(p.name, p.kind, p.low, p.high) for p in found.parameters] == [("drive", "continuous", 0, 1)]
