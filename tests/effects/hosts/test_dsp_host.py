"""The project's own effects as a host: refusals, latency and streams."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.effects.dsp import create
from fxstyle.effects.hosts import build, open_stream
from fxstyle.effects.parse import parse_effect
from fxstyle.errors import InputError
from tests.effects.catalogue import configs, effect, noise

pytestmark = pytest.mark.unit

NAMES = sorted(name for name, config in configs().items() if config.get("host") == "dsp")
RANGE = {"low": 0, "high": 1, "default": 0.5}


def test_the_catalogue_has_them() -> None:
    assert NAMES == ["fuzz", "gate", "ts808"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plugin": "ts9"}, "no dsp effect 'ts9'; choose one of gate, ts808, fuzz"),
        ({"parameters": {"gain": RANGE}}, "ts808 has no control 'gain'; choose from drive, tone, level_db"),
        ({"parameters": {"knob": {**RANGE, "symbol": "gain"}}}, "ts808 has no control 'gain'"),
        ({"parameters": {"drive": {**RANGE, "high": 11}}}, "parameters.drive: must lie between 0 and 1, not 11"),
        ({"parameters": {"drive": {**RANGE, "native": [-1, 1]}}}, "parameters.drive: must lie between 0 and 1, not -1"),
        ({"settings": {"tone": "bright"}}, "settings.tone: must lie between 0 and 1, not 'bright'"),
        ({"settings": {"level_db": None}}, "settings.level_db: must lie between -60 and 24, not None"),
        ({"settings": {"drive": 0.2}, "parameters": {"drive": RANGE}}, "'drive' is given twice"),
    ],
)
def test_what_does_not_exist_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_effect("mine", {"host": "dsp", "plugin": "ts808", **change})
    assert str(error.value).startswith("effects.mine")
    assert message in str(error.value)


def test_settings_names_and_native_values_reach_the_effect() -> None:
    audio = noise()
    plain = {"host": "dsp", "plugin": "ts808"}
    fixed = parse_effect("a", {**plain, "settings": {"drive": 0.9, "tone": 0.2}})
    named = {"amount": {"low": 0, "high": 10, "default": 9, "symbol": "drive", "native": [0, 1]}}
    named["tone"] = {"low": 0, "high": 1, "default": 0.2}
    free = parse_effect("b", {**plain, "parameters": named})
    one = build(fixed)(audio, np.zeros(0), 22050)
    np.testing.assert_array_equal(build(free)(audio, np.array([9, 0.2]), 22050), one)
    assert np.std(build(free)(audio, np.array([1, 0.2]), 22050) - one) > 0.01 * np.std(one)


@pytest.mark.parametrize("name", ["ts808", "fuzz"])
@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_the_result_is_in_time_with_the_input(name: str, rate: int) -> None:
    """A soft click comes out where it went in, and what the effect says it is late is what is taken away."""
    click = np.zeros((1, 2000), np.float32)
    click[0, 500] = 1e-5
    spec = effect(name)
    values = spec.to_units(spec.defaults)
    wet = build(spec)(click, values, rate)
    late = create(spec.plugin, dict(zip(spec.native_names, values, strict=True)), rate, 1)
    raw = late.process(np.pad(click, ((0, 0), (0, late.latency))))
    np.testing.assert_array_equal(wet, raw[:, late.latency :])
    rise = int(np.argmax(np.abs(np.diff(wet[0], prepend=0))))
    assert 500 <= rise <= 502 + rate // 20000


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 1500), max_size=6),
    channels=st.integers(1, 2),
    block=st.sampled_from([None, 64, 100]),
    length=st.sampled_from([1, 50, 1500]),
)
def test_streams_equal_one_go_to_the_bit(
    name: str, cuts: list[int], channels: int, block: int | None, length: int
) -> None:
    spec = parse_effect(name, {**configs()[name], "block": block})
    audio = noise(channels, 1500)[:, :length]
    values = spec.to_units(spec.sample(np.random.default_rng(0)))
    whole = build(effect(name))(audio, values, 44100)
    stream = open_stream(spec, values, 44100, channels)
    parts = [stream.process(piece) for piece in np.split(audio, sorted(cuts), axis=1)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.finish()], axis=1), whole)
    assert whole.shape == audio.shape


def test_nothing_at_all_is_rendered_to_nothing() -> None:
    for name in NAMES:
        spec = effect(name)
        assert build(spec)(np.zeros((2, 0), np.float32), spec.to_units(spec.defaults), 44100).shape == (2, 0)


def test_reading_a_config_compiles_nothing() -> None:
    program = (
        "import sys\nfrom tests.effects.catalogue import effect\n"
        f"for name in {NAMES}: effect(name)\nassert 'numba' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
