"""mda's effects as ``conf/effects`` describes them: units that are measured, any sound, and streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from fxstyle.effects.hosts import Process, build, open_stream
from fxstyle.effects.lv2.description import describe
from fxstyle.effects.lv2.running import Controls
from fxstyle.effects.lv2_presets import read_lv2_presets
from fxstyle.effects.spec import EffectSpec
from tests.effects.catalogue import configs, effect

pytestmark = pytest.mark.system

MDA = sorted(name for name, config in configs().items() if config.get("host") == "lv2")
RATE = 24000.0


@cache
def process_of(name: str) -> Process:
    return build(effect(name))


def chosen(spec: EffectSpec, **given: float | str) -> NDArray[np.float64]:
    """Values in units, none of them held."""
    return spec.released.to_units(spec.released.positions(given))


def constant(level_db: float, samples: int = 48000) -> NDArray[np.float32]:
    return np.full((1, samples), 10 ** (level_db / 20), np.float32)


def end_db(name: str, audio: NDArray[np.float32], **given: float | str) -> float:
    """The level at the end, when envelopes have settled."""
    return 20 * np.log10(abs(float(process_of(name)(audio, chosen(effect(name), **given), RATE)[0, -1])))


def rms_db(name: str, **given: float | str) -> float:
    audio = (0.01 * np.random.default_rng(0).standard_normal((1, 24000))).astype(np.float32)
    wet = process_of(name)(audio, chosen(effect(name), **given), RATE)
    return 10 * np.log10(np.mean(wet.astype(np.float64) ** 2))


@pytest.mark.parametrize(
    ("name", "parameter", "others"),
    [
        ("mda_overdrive", "output_db", {}),
        ("mda_ambience", "output_db", {}),
        ("mda_limiter", "output_db", {}),
        ("mda_leslie", "output_db", {}),
        ("mda_combo", "output_db", {}),
        ("mda_detune", "output_db", {}),
        ("mda_dynamics", "output_db", {"threshold_db": 0}),
        ("mda_multiband", "low_output_db", {"listen": "Low"}),
        ("mda_multiband", "mid_output_db", {"listen": "Mid"}),
        ("mda_multiband", "high_output_db", {"listen": "High"}),
    ],
)
def test_levels_are_in_db(name: str, parameter: str, others: dict[str, float | str]) -> None:
    low, high = next((p.low, p.high) for p in effect(name).parameters if p.name == parameter)
    reference = rms_db(name, **{parameter: 0.0}, **others)
    for level in np.linspace(low, high, 5):
        measured = rms_db(name, **{parameter: float(level)}, **others) - reference
        assert measured == pytest.approx(level, abs=1e-3)


def test_factors_are_factors() -> None:
    for factor in (0.5, 1.5, 2.0):
        measured = rms_db("mda_delay", output=factor) - rms_db("mda_delay", output=1.0)
        assert measured == pytest.approx(20 * np.log10(factor), abs=1e-3)
    measured = rms_db("mda_subsynth", level=0.0, dry=0.25) - rms_db("mda_subsynth", level=0.0, dry=1.0)
    assert measured == pytest.approx(20 * np.log10(0.25), abs=1e-3)


@pytest.mark.parametrize("threshold", [-30.0, -16.0, -4.0])
def test_the_limiter_holds_its_threshold(threshold: float) -> None:
    settings = {"threshold_db": threshold, "output_db": 0.0, "knee": "Hard"}
    assert end_db("mda_limiter", constant(0.0), **settings) == pytest.approx(threshold, abs=0.05)
    assert end_db("mda_limiter", constant(threshold - 3), **settings) == pytest.approx(threshold - 3, abs=0.05)


@pytest.mark.parametrize("threshold", [-30.0, -16.0, -4.0])
def test_the_compressor_starts_at_its_threshold(threshold: float) -> None:
    settings = {"threshold_db": threshold, "output_db": 0.0, "ratio": 1.0}
    assert end_db("mda_dynamics", constant(threshold - 1), **settings) == pytest.approx(threshold - 1, abs=1e-3)
    assert end_db("mda_dynamics", constant(threshold + 1), **settings) < threshold + 0.1


def test_below_the_lowest_ratio_the_compressor_is_an_expander() -> None:
    spec = effect("mda_dynamics")
    ratio = next(p for p in spec.parameters if p.name == "ratio")
    settings = {"threshold_db": -20.0, "output_db": 0.0}
    assert end_db("mda_dynamics", constant(-10.0), ratio=ratio.low, **settings) == pytest.approx(-10.0, abs=1e-3)
    wider = replace(spec, parameters=tuple(replace(p, low=0.0) if p == ratio else p for p in spec.parameters))
    wet = build(wider)(constant(-10.0), chosen(wider, ratio=0.1, **settings), RATE)
    assert 20 * np.log10(wet[0, -1]) > -10.0 + 1.0


@pytest.mark.parametrize(("frequency", "fine"), [(440.0, 0.0), (3000.0, 0.0), (8000.0, 0.0), (440.0, 50.0)])
def test_the_ring_modulator_is_in_hz(frequency: float, fine: float) -> None:
    wet = process_of("mda_ringmod")(
        constant(-20.0), chosen(effect("mda_ringmod"), frequency_hz=frequency, fine_hz=fine), RATE
    )
    spectrum = np.abs(np.fft.rfft(wet[0] * np.hanning(wet.shape[1])))
    assert np.argmax(spectrum) * RATE / wet.shape[1] == pytest.approx(frequency + fine, abs=0.6)


@pytest.mark.parametrize("name", MDA)
def test_defaults_are_the_plugins_own(name: str) -> None:
    spec = effect(name)
    plugin = describe(spec.plugin)
    natives = Controls(plugin, spec)(spec.to_units(spec.defaults), RATE)
    differ = {p.symbol for p in plugin.controls.values() if natives[p.index] != pytest.approx(p.default, abs=1e-6)}
    # At its own 1 kHz RingMod keeps the step of 44.1 kHz, whatever the rate is. Leslie calls slow what turns fast.
    assert differ == {"mda_ringmod": {"freq"}, "mda_leslie": {"mode"}}.get(name, set())


def test_the_ring_modulator_is_wrong_at_its_own_default() -> None:
    wet = process_of("mda_ringmod")(constant(-20.0), chosen(effect("mda_ringmod"), frequency_hz=1000.0), RATE)
    spectrum = np.abs(np.fft.rfft(wet[0] * np.hanning(wet.shape[1])))
    assert np.argmax(spectrum) * RATE / wet.shape[1] == pytest.approx(1000 * RATE / 44100, abs=0.6)


@pytest.mark.parametrize("name", MDA)
def test_positions_reach_the_ports(name: str) -> None:
    spec = effect(name)
    plugin = describe(spec.plugin)
    positions = np.random.default_rng(1).random(len(spec.parameters), dtype=np.float32)
    natives = Controls(plugin, spec)(spec.to_units(positions), RATE)
    for parameter, position in zip(spec.parameters, positions, strict=True):
        port = plugin.controls[parameter.native_name]
        if parameter.kind == "continuous":
            first, last = parameter.native or (parameter.low, parameter.high)
            assert natives[port.index] == pytest.approx(first + (last - first) * position, abs=1e-7)
        elif parameter.kind == "stepped":
            values = parameter.native or range(parameter.steps)
            assert natives[port.index] == pytest.approx(values[int(position * len(values))], abs=1e-6)


@pytest.mark.parametrize("name", MDA)
def test_presets_are_the_plugins_own(name: str) -> None:
    spec = effect(name)
    for preset in read_lv2_presets(spec):
        if any(other.values == preset.values for other in spec.presets):
            continue
        ours, theirs = spec.preset_positions(spec.preset(preset.name)), spec.preset_positions(preset)
        # Leslie's own presets call slow what turns fast.
        compared = [p.name != "mode" for p in spec.parameters]
        np.testing.assert_allclose(ours[compared], theirs[compared], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("mda_subsynth", "type"), ("mda_combo", "model"), ("mda_leslie", "mode"), ("mda_limiter", "knee")],
)
def test_every_choice_sounds_different(name: str, parameter: str) -> None:
    choice = next(p for p in effect(name).parameters if p.name == parameter)
    audio = (0.2 * np.random.default_rng(0).standard_normal((1, 24000))).astype(np.float32)
    settings = {"drive": 0.9} if name == "mda_combo" else {"threshold": 0.1} if name == "mda_subsynth" else {}
    process, spec = process_of(name), effect(name)
    sounds = [process(audio, chosen(spec, **{parameter: label}, **settings), RATE) for label in choice.labels]
    for place, sound in enumerate(sounds):
        assert not any(np.array_equal(sound, other) for other in sounds[:place]), choice.labels[place]


def test_memory_that_another_sound_left_is_not_heard() -> None:
    spec = effect("mda_delay")
    process, values = process_of("mda_delay"), chosen(spec, left_delay=1.0, right_delay=1.0, mix=1.0)
    silence = np.zeros((2, 40000), np.float32)
    for _ in range(20):
        # As large as the plugin's own buffer, which takes this memory over when it is free.
        junk = [np.full(32768, 9.0, np.float32) for _ in range(8)]
        del junk
        assert not process(silence, values, RATE).any()


@pytest.mark.parametrize("name", MDA)
def test_one_sided_controls_do_nothing_to_mono(name: str) -> None:
    spec = effect(name)
    rng = np.random.default_rng(2)
    mono, stereo = ((0.2 * rng.standard_normal((channels, 24000))).astype(np.float32) for channels in (1, 2))
    for parameter in spec.parameters:
        if parameter.one_sided:
            low, high = (chosen(spec, **{parameter.name: end}) for end in (parameter.low, parameter.high))
            process = process_of(name)
            np.testing.assert_array_equal(process(mono, low, RATE), process(mono, high, RATE))
            assert not np.array_equal(process(stereo, low, RATE), process(stereo, high, RATE))


def leaves_nothing(spec: EffectSpec, clips: int) -> bool:
    """Whether one instance, reset between clips, always gives what a new one gives."""
    kept, fresh = (build(replace(spec, reset=reset)) for reset in ("exact", "rebuild"))
    rng = np.random.default_rng(3)
    values = spec.to_units(spec.defaults)
    for _ in range(clips):
        # Short clips and settings that stay are where something is left: mda's plugins clear most when a knob moves.
        shape = (int(rng.integers(1, 3)), int(rng.integers(1, 2000)))
        kind = sorted(SOUNDS)[int(rng.integers(len(SOUNDS)))]
        audio = np.nan_to_num(SOUNDS[kind](rng, shape).astype(np.float32))
        if rng.random() < 0.6:
            values = spec.to_units(spec.sample(rng))
        if not np.array_equal(kept(audio, values, RATE), fresh(audio, values, RATE)):
            return False
    return True


@pytest.mark.parametrize("name", [name for name in MDA if effect(name).reset == "exact"])
def test_an_exact_reset_is_exact(name: str) -> None:
    assert leaves_nothing(effect(name), 500)


def test_a_reset_that_is_not_exact_is_noticed() -> None:
    assert not leaves_nothing(effect("mda_overdrive"), 500)


SOUNDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]] = {
    "noise": lambda rng, shape: 0.2 * rng.standard_normal(shape),
    "silence": lambda rng, shape: np.zeros(shape),
    "full_scale": lambda rng, shape: np.sign(rng.standard_normal(shape)),
    "denormals": lambda rng, shape: 1e-40 * rng.standard_normal(shape),
    "dc": lambda rng, shape: np.full(shape, 0.7),
    "gaps": lambda rng, shape: 0.2 * rng.standard_normal(shape) * (np.arange(shape[1]) // 1500 % 2),
    "nan": lambda rng, shape: np.where(rng.random(shape) < 0.01, np.nan, 0.1),
}


@pytest.mark.parametrize("name", MDA)
@settings(max_examples=25, deadline=None)
@given(data=some.data())
def test_any_sound_gives_finite_sound_in_streams_too(name: str, data: some.DataObject) -> None:
    spec = effect(name)
    seed = data.draw(some.integers(0, 2**32 - 1))
    kind = data.draw(some.sampled_from(sorted(SOUNDS)))
    channels = data.draw(some.sampled_from([1, 2]))
    rates = [8000, 22050, 24000, 44100, 48000, 96000, 192000]
    rate = float(data.draw(some.sampled_from([rate for rate in rates if rate <= (spec.highest_rate or rate)])))
    samples = data.draw(some.one_of(some.integers(1, 20000), some.just(int(10 * min(rate, 48000)))))
    cuts = sorted(data.draw(some.lists(some.integers(0, samples), max_size=4)))
    rng = np.random.default_rng(seed)
    spec = spec.for_channels(channels)
    audio = SOUNDS[kind](rng, (channels, samples)).astype(np.float32)
    values = spec.to_units(rng.random(len(spec.parameters), dtype=np.float32))
    process = process_of(name)
    wet = process(audio, values, rate)
    assert wet.shape == audio.shape
    assert wet.dtype == np.float32
    if kind != "nan":
        assert np.isfinite(wet).all()
    np.testing.assert_array_equal(process(audio, values, rate), wet)
    stream = open_stream(spec, values, rate, channels)
    pieces = [stream.process(piece) for piece in np.split(audio, cuts, axis=1)]
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.finish()], axis=1), wet)
