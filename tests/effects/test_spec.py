from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.effects.parameter import Parameter
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
