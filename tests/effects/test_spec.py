from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.effects.parameter import Parameter
from fxstyle.effects.preset import Preset
from fxstyle.effects.spec import EffectSpec, chain
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit

POSITIONS = st.floats(0, 1)


@st.composite
def parameters(draw: st.DrawFn, steps: bool | None = None) -> Parameter:
    scale = draw(st.sampled_from(["linear", "log"]))
    low = draw(st.floats(1e-3, 1e3) if scale == "log" else st.floats(-1e3, 1e3))
    high = low + draw(st.floats(1e-2, 1e4))
    stepped = draw(st.booleans()) if steps is None else steps
    count = draw(st.integers(2, 9)) if stepped else 0
    part = draw(st.integers(0, count - 1)) / (count - 1) if count else draw(POSITIONS)
    default = low * (high / low) ** part if scale == "log" else low + (high - low) * part
    return Parameter("x", low, high, min(max(default, low), high), scale=scale, steps=count)


@settings(deadline=None, max_examples=100)
@given(parameters(steps=False), POSITIONS)
def test_positions_come_back(parameter: Parameter, position: float) -> None:
    assert parameter.to_position(parameter.to_unit(position)) == pytest.approx(position, abs=1e-6)


@settings(deadline=None, max_examples=100)
@given(parameters(), POSITIONS)
def test_values_come_back(parameter: Parameter, position: float) -> None:
    value = parameter.to_unit(position)
    assert parameter.to_unit(parameter.to_position(value)) == pytest.approx(value, rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=100)
@given(parameters(), st.lists(st.floats(-1, 2), min_size=2, max_size=20))
def test_values_rise_and_stay_in_their_range(parameter: Parameter, positions: list[float]) -> None:
    values = parameter.to_unit(np.sort(positions))
    assert (np.diff(values) >= 0).all()
    assert (values >= parameter.low).all()
    assert (values <= parameter.high).all()


@settings(deadline=None, max_examples=50)
@given(parameters())
def test_ends_are_reached(parameter: Parameter) -> None:
    assert parameter.to_unit(0.0) == parameter.low
    assert parameter.to_unit(1.0) == pytest.approx(parameter.high, rel=1e-12)


@settings(deadline=None, max_examples=50)
@given(parameters(steps=True))
def test_every_step_has_an_equal_share(parameter: Parameter) -> None:
    grid = (np.arange(parameter.steps * 100) + 0.5) / (parameter.steps * 100)
    values, counts = np.unique(parameter.to_unit(grid), return_counts=True)
    assert len(values) == parameter.steps
    assert (counts == 100).all()
    middles = np.unique(parameter.to_position(values))
    np.testing.assert_allclose(middles, (np.arange(parameter.steps) + 0.5) / parameter.steps)


def test_log_scale_has_the_geometric_mean_in_the_middle() -> None:
    assert Parameter("x", 20, 20000, 20, scale="log").to_unit(0.5) == pytest.approx(np.sqrt(20 * 20000))
    assert Parameter("x", 20, 20000, 20).to_unit(0.5) == pytest.approx(10010)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1, "high": 1, "default": 1}, "low must be below high"),
        ({"low": 0, "high": float("inf"), "default": 1}, "finite"),
        ({"low": 0, "high": 1, "default": 2}, "default 2 must lie between"),
        ({"low": 0, "high": 1, "default": 0, "scale": "log"}, "log scale needs low > 0"),
        ({"low": 0, "high": 1, "default": 0, "scale": "cubic"}, "'linear' or 'log'"),
        ({"low": 0, "high": 1, "default": 0, "steps": 1}, "at least 2"),
        ({"low": 0, "high": 1, "default": 0, "steps": 2, "labels": ("a",)}, "1 labels for 2 steps"),
    ],
)
def test_impossible_parameters_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Parameter("x", **options)  # type: ignore[arg-type]


FREQUENCY = Parameter("frequency", 20, 2000, 200, unit="Hz", scale="log")
WIDTH = Parameter("width", 0, 1, 0.75, one_sided=True)
MODE = Parameter("mode", 0, 2, 1, steps=3, labels=("low", "band", "high"))
FILTER = EffectSpec("filter", "pedalboard", "LadderFilter", (FREQUENCY, WIDTH, MODE))


def test_units_of_many_positions() -> None:
    positions = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    units = FILTER.to_units(positions)
    assert units.shape == (4, 5, 3)
    np.testing.assert_array_equal(units[2, 3], FILTER.to_units(positions[2, 3]))
    np.testing.assert_array_equal(units[..., 0], FREQUENCY.to_unit(positions[..., 0]))
    np.testing.assert_array_equal(FILTER.to_units(np.pad(positions, ((0, 0), (0, 0), (0, 2)))), units)


def test_too_few_positions_are_refused() -> None:
    with pytest.raises(InputError, match="'filter' has 3 parameters, but 2 were given"):
        FILTER.to_units(np.zeros(2))


def test_defaults_give_the_default_units() -> None:
    np.testing.assert_allclose(FILTER.to_units(FILTER.defaults), [200, 0.75, 1], rtol=1e-5)


def test_mono_holds_what_acts_on_one_side() -> None:
    mono = FILTER.for_channels(1)
    assert mono.free.tolist() == [True, False, True]
    assert [parameter.kind for parameter in mono.parameters] == ["continuous", "fixed", "stepped"]
    assert mono.to_units(np.zeros(3)).tolist() == [20, 0.75, 0]
    assert FILTER.for_channels(2) is FILTER
    samples = np.stack([mono.sample(np.random.default_rng(seed)) for seed in range(200)])
    assert samples.dtype == np.float32
    assert (samples[:, 1] == mono.defaults[1]).all()
    assert 0 <= samples.min() < 0.02
    assert 0.98 < samples.max() <= 1
    assert abs(samples[:, [0, 2]].mean() - 0.5) < 0.05


def test_mono_holds_inside_chains() -> None:
    joined = chain("both", (FILTER, EffectSpec("gain", "pedalboard", "Gain"))).for_channels(1)
    assert joined.free.tolist() == [True, False, True, False, False]
    assert joined.links[0].free.tolist() == [True, False, True]


def test_plugins_that_insist_on_channels() -> None:
    stereo = EffectSpec("wide", "pedalboard", "Gain", channels="stereo")
    assert stereo.for_channels(2) is stereo
    with pytest.raises(InputError, match="'wide' is stereo, but the sound has 1 channel"):
        stereo.for_channels(1)
    with pytest.raises(InputError, match="joins mono-only and stereo-only"):
        chain("no", (stereo, EffectSpec("narrow", "pedalboard", "Gain", channels="mono")))
    assert chain("yes", (stereo, FILTER)).channels == "stereo"


def test_chains_join_vectors_and_tails() -> None:
    late = EffectSpec("late", "pedalboard", "Delay", (FREQUENCY,), streams=False, tail_seconds=2.0)
    joined = chain("both", (FILTER, late))
    assert [parameter.name for parameter in joined.parameters] == [
        "filter.frequency",
        "filter.width",
        "filter.mode",
        "late.frequency",
        "filter.bypass",
        "late.bypass",
    ]
    assert joined.tail_seconds == 2.0
    assert not joined.streams
    with pytest.raises(InputError, match="no links"):
        chain("empty", ())


def test_links_can_be_bypassed() -> None:
    joined = chain("both", (FILTER, EffectSpec("gain", "pedalboard", "Gain")), bypassable=("gain",))
    assert [p.held for p in joined.parameters if p.name.endswith(".bypass")] == [True, False]
    assert joined.released.free.all()
    with pytest.raises(InputError, match="has no link 'echo' that could be bypassed; choose from filter, gain"):
        chain("both", (FILTER, EffectSpec("gain", "pedalboard", "Gain")), bypassable=("echo",))


def test_two_controls_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="share a name"):
        EffectSpec("twice", "pedalboard", "Gain", (FREQUENCY, FREQUENCY))


def test_text_reads_like_a_panel() -> None:
    assert FILTER.text(np.array([0.5, 1.0, 0.9])) == "frequency 200 Hz, width 1, mode high"
    assert FILTER.for_channels(1).text(np.array([0.0, 1.0, 0.0])) == "frequency 20 Hz, mode low"
    assert Parameter("gain", -18, 18, 0, unit="dB").text(0.5) == "0 dB"


def test_specs_pickle() -> None:
    _ = FILTER.defaults, FILTER.free
    again = pickle.loads(pickle.dumps(chain("both", (FILTER,))))
    assert again == chain("both", (FILTER,))
    assert hash(again) == hash(chain("both", (FILTER,)))


@settings(deadline=None, max_examples=100)
@given(parameters(), st.floats(-100, 100), st.floats(0.1, 100), POSITIONS)
def test_native_values_follow_the_position(parameter: Parameter, first: float, span: float, position: float) -> None:
    count = parameter.steps or 2
    natives = tuple(first + span * step for step in range(count))
    twin = replace(parameter, native=natives)
    value = float(twin.to_unit(position))
    expected = natives[0] + (natives[-1] - natives[0]) * position
    if parameter.steps:
        assert twin.to_native(value) in natives
    else:
        assert twin.to_native(value) == pytest.approx(expected, rel=1e-6, abs=1e-6 * span)
    assert twin.from_native(twin.to_native(value)) == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_without_native_values_the_unit_s_are_the_plugin_s() -> None:
    assert FREQUENCY.native_name == FREQUENCY.name
    assert FREQUENCY.to_native(440.0) == 440.0
    assert replace(FREQUENCY, symbol="f").native_name == "f"
    switch = Parameter("mode", 0, 2, 0, steps=3, labels=("a", "b", "c"), native=(1, 5, 7))
    assert [switch.to_native(value) for value in (0, 1, 2)] == [1, 5, 7]
    assert switch.from_native(5.4) == 1
    with pytest.raises(InputError, match="native must hold two values, for low and high"):
        replace(FREQUENCY, native=(1.0,))
    with pytest.raises(InputError, match="native must hold 3 values, one for each step"):
        replace(switch, native=(1.0, 2.0))


LOUD = Preset("loud", (("frequency", 1000), ("mode", "high")))
SOFT = Preset("soft", (("frequency", 100),))


def test_presets_are_positions_by_name() -> None:
    spec = replace(FILTER, presets=(LOUD, SOFT))
    assert spec.preset("loud") is LOUD
    values = spec.to_units(spec.preset_positions(LOUD))
    assert values[0] == pytest.approx(1000, rel=1e-5)
    assert spec.parameters[2].labels[round(values[2])] == "high"
    # What a preset does not name is at its default.
    np.testing.assert_array_equal(spec.preset_positions(SOFT)[1:], spec.defaults[1:])
    with pytest.raises(InputError, match="has no preset 'warm'; it has: loud, soft"):
        spec.preset("warm")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"frequenzy": 1}, "effect 'filter' has no parameter 'frequenzy'; choose from frequency, width, mode"),
        ({"frequency": 1e6}, "effect 'filter': frequency must lie between .* Hz, not 1e\\+06"),
        ({"frequency": "high"}, "frequency must be a number, not 'high'"),
        ({"mode": "loud"}, "mode must be one of low, .*high, not 'loud'"),
        ({"frequency": float("nan")}, "frequency must lie between"),
    ],
)
def test_settings_that_do_not_exist_are_refused(values: dict[str, float | str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        FILTER.positions(values)
    with pytest.raises(InputError, match=f"preset 'bad': .*{words.split('effect')[-1]}"):
        replace(FILTER, presets=(Preset("bad", tuple(values.items())),))


def test_sampling_around_presets() -> None:
    still = replace(FILTER, presets=(LOUD, SOFT), sampling="presets")
    rng = np.random.default_rng(0)
    drawn = {tuple(still.sample(rng)) for _ in range(50)}
    assert drawn == {tuple(still.preset_positions(preset)) for preset in (LOUD, SOFT)}
    shaken = replace(still, jitter=0.05)
    positions = np.stack([shaken.sample(rng) for _ in range(2000)])
    assert (positions >= 0).all()
    assert (positions <= 1).all()
    # Switches stay where a preset puts them; other controls spread around it.
    assert set(positions[:, 2]) == {shaken.preset_positions(preset)[2] for preset in (LOUD, SOFT)}
    near = positions[positions[:, 2] == shaken.preset_positions(LOUD)[2], 0]
    assert near.std() == pytest.approx(0.05, rel=0.1)
    assert near.mean() == pytest.approx(shaken.preset_positions(LOUD)[0], abs=0.01)
    held = replace(shaken, parameters=(replace(FREQUENCY, held=True), *FILTER.parameters[1:]))
    assert {held.sample(rng)[0] for _ in range(20)} == {held.defaults[0]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sampling": "presets"}, "effects.filter.sampling: there are no presets"),
        ({"sampling": "random"}, "sampling must be uniform or presets, not 'random'"),
        ({"jitter": -1}, "jitter must lie between 0 and 1, not -1"),
        ({"reset": "maybe"}, "reset must be rebuild or exact, not 'maybe'"),
        ({"isolated": "yes"}, "isolated must be true or false, not 'yes'"),
        ({"loudness_match": 1}, "loudness_match must be true or false, not 1"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(FILTER, **options)


def test_specs_are_found_again_in_another_process() -> None:
    """Texts hash differently there: a hash that travelled along would hide the spec from its own copy."""
    hash(FILTER)
    program = (
        "import pickle, sys\nspec = pickle.loads(sys.stdin.buffer.read())\n"
        "from dataclasses import replace\nassert replace(spec) in {spec: 1}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(FILTER),
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
