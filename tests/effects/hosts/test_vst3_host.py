"""The bundles of Debian's zam-plugins; only what must not run here goes to a worker process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.effects.hosts import vst3_bundle, vst3_host
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.parse import as_config, parse_effect, parse_effects
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

pytestmark = pytest.mark.system

PLUGINS = (
    "ZaMaximX2",
    "ZaMultiComp",
    "ZaMultiCompX2",
    "ZamAutoSat",
    "ZamComp",
    "ZamCompX2",
    "ZamDelay",
    "ZamDynamicEQ",
    "ZamEQ2",
    "ZamGEQ31",
    "ZamGate",
    "ZamGateX2",
    "ZamGrains",
    "ZamHeadX2",
    "ZamPhono",
    "ZamTube",
)
"""All but ZamVerb, which takes seconds to load and to change its room."""

STEREO = {"ZaMaximX2", "ZaMultiCompX2", "ZamCompX2", "ZamGateX2", "ZamHeadX2"}
KEEPS_STATE = {"ZaMaximX2", "ZamHeadX2", "ZamTube"}
UNREPEATABLE = {"ZamTube": 1e-3}
"""ZamTube's instances share memory that no reload clears; how far two renders of it may be apart."""

NOT_CONTROLS = {
    "ZaMaximX2": {"Latency", "Gain Reduction", "Output Level"},
    "ZaMultiComp": {"Output", "Output low", "Output medium", "Output high"}
    | {f"Gain Reduction {band}" for band in (1, 2, 3)},
    "ZaMultiCompX2": {"Output Left", "Output Right", "Output low", "Output medium", "Output high"}
    | {f"Gain Reduction {band}" for band in (1, 2, 3)},
    "ZamComp": {"Gain Reduction", "Output Level"},
    "ZamCompX2": {"Gain Reduction", "Output Level"},
    "ZamDelay": {"Delaytime"},
    "ZamDynamicEQ": {"Control Gain"},
    "ZamGate": {"Gain Reduction", "Output Level"},
    "ZamGateX2": {"Gain Reduction", "Output Level"},
    "ZamGrains": {"Grain Position", "Playback Position", "Final Position"},
}
"""Meters; the buffer size, the sample rate and the program come on top."""

RATE = 44100.0


@cache
def path_of(plugin: str) -> str:
    """Where a bundle is installed."""
    return str(vst3_bundle.find_bundle("zam", f"{plugin}.vst3"))


@cache
def effect(plugin: str) -> EffectSpec:
    return vst3_host.discover_here("zam", path_of(plugin), None)


def sound(channels: int, samples: int = 3000, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng([seed, channels, samples])
    swell = 0.02 + np.sin(np.linspace(0, 7, samples)) ** 4
    return (0.2 * swell * rng.standard_normal((channels, samples))).astype(np.float32)


def values_of(spec: EffectSpec, seed: int) -> NDArray[np.float64]:
    return spec.to_units(spec.sample(np.random.default_rng(seed)))


def assert_same(plugin: str, one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
    """Equal to the bit, but for the one plugin that cannot be."""
    np.testing.assert_allclose(one, other, rtol=0, atol=UNREPEATABLE.get(plugin, 0))


@pytest.mark.parametrize("plugin", PLUGINS)
def test_controls_are_told_from_meters_and_settings(plugin: str) -> None:
    spec = effect(plugin)
    natives = set(vst3_bundle.by_symbol(vst3_bundle.load(path_of(plugin))))
    wrong = NOT_CONTROLS.get(plugin, set()) | {"Buffer Size", "Sample Rate", "Current Program"}
    assert {parameter.symbol for parameter in spec.parameters} == natives - wrong
    assert spec.isolated
    assert spec.reset == ("rebuild" if plugin in KEEPS_STATE else "exact")


def test_controls_have_the_units_of_people() -> None:
    compressor = {parameter.name: parameter for parameter in effect("ZamComp").parameters}
    threshold = compressor["threshold_db"]
    assert (threshold.low, threshold.high, threshold.default, threshold.unit) == (-80, 0, 0, "dB")
    assert compressor["attack_ms"].default == 10
    assert compressor["sidechain"].steps == 2
    assert "1959 Bassman 5F6-A" in {p.name: p for p in effect("ZamTube").parameters}["tone_stack_model"].labels
    divisor = {p.name: p for p in effect("ZamDelay").parameters}["divisor"]
    assert (divisor.low, divisor.high, divisor.steps, divisor.default) == (1, 5, 5, 3)


def test_programs_become_presets() -> None:
    spec = effect("ZamComp")
    assert [preset.name for preset in spec.presets] == ["Zero", "PoppySnare", "VocalLeveller"]
    loud = dict(spec.preset("VocalLeveller").values)
    assert (loud["attack_ms"], loud["release_ms"], loud["knee_db"]) == (50, 400, 8)
    assert dict(spec.preset("Zero").values) == {p.name: p.default for p in spec.parameters}


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("channels", [1, 2])
def test_streams_and_one_shot_agree_and_fresh_instances_repeat(plugin: str, channels: int) -> None:
    spec = effect(plugin)
    values = values_of(spec, 1)
    audio = sound(channels)
    wet = vst3_host.build(spec)(audio, values, RATE)
    assert wet.shape == audio.shape
    assert wet.dtype == np.float32
    assert np.isfinite(wet).all()
    stream = vst3_host.open_stream(spec, values, RATE, channels)
    pieces = [stream.process(part) for part in np.split(audio, [1, 30, 700, 2000], axis=1)]
    assert_same(plugin, np.concatenate([*pieces, stream.finish()], axis=1), wet)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_nothing_of_the_clip_before_is_left(plugin: str) -> None:
    spec = effect(plugin)
    values, others = values_of(spec, 2), values_of(spec, 3)
    process = vst3_host.build(spec)
    wanted = process(sound(1), values, RATE)
    for number, (before, rate) in enumerate(((others, 8000.0), (values, RATE), (others, 96000.0))):
        process(sound(1 + number % 2, 1000, seed=9), before, rate)
        assert_same(plugin, process(sound(1), values, RATE), wanted)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_odd_sounds_give_as_many_samples(plugin: str) -> None:
    spec = effect(plugin)
    values = spec.to_units(spec.defaults)
    process = vst3_host.build(spec)
    for audio in (sound(1, 1), np.zeros((2, 513), np.float32), np.full((1, 600), 1e-40, np.float32), sound(2, 0)):
        for rate in (8000.0, 192000.0):
            wet = process(audio, values, rate)
            assert wet.shape == audio.shape
            # At 8 kHz the filter of ZamDelay lies above half the sample rate by default, and explodes.
            assert np.isfinite(wet).all() or (plugin, rate) == ("ZamDelay", 8000.0)


@pytest.mark.parametrize("plugin", ["ZamHeadX2", "ZamDelay", "ZamGate"])
def test_a_nan_does_not_outlive_its_clip(plugin: str) -> None:
    spec = replace(effect(plugin), reset="exact")
    values = values_of(spec, 4)
    process = vst3_host.build(spec)
    process(np.full((1, 600), np.nan, dtype=np.float32), values, RATE)
    assert_same(plugin, process(sound(1), values, RATE), vst3_host.build(spec)(sound(1), values, RATE))


@pytest.mark.parametrize("channels", [1, 2])
def test_latency_is_taken_away(channels: int) -> None:
    spec = effect("ZaMaximX2")
    plugin = vst3_bundle.load(path_of("ZaMaximX2"))
    raw = plugin.process(np.repeat(sound(1, 2048), 2, axis=0), RATE, 512, False)
    late = int(plugin.reported_latency_samples)
    assert late > 0
    audio = sound(channels, 2048)
    # At its default it limits nothing: what comes out is what went in, at the same place.
    wet = vst3_host.build(spec)(audio, spec.to_units(spec.defaults), RATE)
    np.testing.assert_allclose(wet, audio, atol=1e-5)
    np.testing.assert_allclose(raw[0, late:], sound(1, 2048)[0, :-late], atol=1e-5)


def test_mono_sound_takes_the_left_of_a_stereo_plugin() -> None:
    spec = effect("ZamCompX2")
    values = values_of(spec, 5)
    process = vst3_host.build(spec)
    both = process(np.repeat(sound(1), 2, axis=0), values, RATE)
    np.testing.assert_array_equal(process(sound(1), values, RATE), both[:1])


def test_stereo_sound_takes_two_of_a_mono_plugin() -> None:
    spec = effect("ZamEQ2")
    values = values_of(spec, 6)
    process = vst3_host.build(spec)
    audio = sound(2)
    wet = process(audio, values, RATE)
    for channel in (0, 1):
        np.testing.assert_array_equal(wet[channel : channel + 1], process(audio[channel : channel + 1], values, RATE))
    assert not np.array_equal(wet[0], wet[1])


def test_values_reach_the_plugin() -> None:
    spec = effect("ZamEQ2")
    gain = vst3_host.build(spec)
    quiet, loud = (gain(sound(1), spec.to_units(spec.positions({"master_gain_db": db})), RATE) for db in (-12, 12))
    np.testing.assert_allclose(loud, quiet * 10 ** (24 / 20), rtol=1e-4)


def test_a_new_instance_takes_what_its_halves_disagree_on() -> None:
    """ZamDynamicEQ shows its peak as on while its other half has it off, so that turning it off used to be lost."""
    spec = effect("ZamDynamicEQ")
    setting = {"threshold_db": -64, "ratio": 5, "boost_cut": 1}
    off, on = (
        vst3_host.build(spec)(sound(1), spec.to_units(spec.positions({**setting, "peak": peak})), RATE)
        for peak in (0, 1)
    )
    assert not np.array_equal(off, on)


def test_a_block_is_kept_and_none_means_long_ones() -> None:
    spec = effect("ZamDelay")
    values = spec.to_units(spec.positions({"time_ms": 50, "dry_wet": 1, "feedback": 0.5}))
    audio = sound(1, 9000)
    short, long, whole = (
        vst3_host.build(replace(spec, block=block))(audio, values, RATE) for block in (64, vst3_host.WHOLE_BLOCK, None)
    )
    np.testing.assert_array_equal(whole, long)
    assert not np.array_equal(short, long)


def test_a_config_finds_a_plugin_in_a_worker_and_comes_back() -> None:
    config = {"host": "vst3", "path": "ZamGate.vst3", "plugin_name": "ZamGate", "name": "gate"}
    (spec,) = parse_effects(config, 1).train
    assert spec.plugin == "ZamGate.vst3"
    assert spec.settings == (("plugin_name", "ZamGate"),)
    assert spec.parameters == effect("ZamGate").parameters
    assert parse_effect("gate", as_config(spec)) == spec


def test_unknown_parameters_and_settings_are_refused() -> None:
    spec = effect("ZamGate")
    vst3_host.check(spec)
    wrong = replace(spec.parameters[0], symbol="Atack")
    for changed, message in (
        (replace(spec, parameters=(wrong,)), "has no parameter 'Atack'; choose the 'symbol' from .*Attack"),
        (replace(spec, parameters=(Parameter("Attack", 0, 500, 1),)), "parameters.Attack: give 'native'"),
        (replace(spec, settings=(("plugin", "ZamGate"),)), "settings: unknown key 'plugin'; choose from plugin_name"),
        (replace(spec, settings=(("plugin_name", 3),)), "plugin_name must be a name, not 3"),
        (replace(spec, settings=(("plugin_name", "ZamComp"),)), "holds no 'ZamComp'; choose from ZamGate"),
        (replace(spec, block=2), "block must be at least 8"),
        (replace(spec, isolated=False), "isolated must be true"),
    ):
        with pytest.raises(InputError, match=message) as refused:
            vst3_host.check(changed)
        assert "\n" not in str(refused.value)


def test_a_binary_that_is_no_plugin_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "Thing.vst3" / "Contents" / vst3_bundle._binary_folder()
    inside.mkdir(parents=True)
    shutil.copy("/bin/true", inside / "Thing.so")
    with pytest.raises(InputError, match=r"effects\.fx.*Thing.vst3.*choose another") as refused:
        vst3_host.discover("fx", str(tmp_path / "Thing.vst3"), {})
    assert "\n" not in str(refused.value)


def test_a_plugin_past_its_time_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vst3_host, "TIME_LIMIT_SECONDS", 0.3)
    with pytest.raises(InputError, match=r"ZamVerb\.vst3.*hung.*0\.3 s.*choose another"):
        vst3_host.discover("verb", "ZamVerb.vst3", {})
    assert np.isfinite(vst3_host.build(effect("ZamGate"))(sound(1), values_of(effect("ZamGate"), 0), RATE)).all()


def test_loading_leaves_this_thread_its_arithmetic() -> None:
    """zam's libraries make the thread that loads them take tiny numbers for zero, once in a process."""
    program = (
        "import sys, numpy as np\nfrom fxstyle.effects.hosts import vst3_bundle\n"
        "vst3_bundle.load(sys.argv[1])\ntiny = np.float32(1e-40)\n"
        "sys.exit(int(not (tiny * np.float32(0.5)) > 0))"
    )
    assert subprocess.run([sys.executable, "-c", program, path_of("ZamEQ2")], check=False).returncode == 0
