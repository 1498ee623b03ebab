"""Every effect of conf/effects, at its defaults, its ends and where it should do nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, correlate, lfilter

from fxstyle.effects.hosts import build
from fxstyle.effects.hosts.pedalboard_host import built_in_effects
from fxstyle.effects.renderer import Limits, Status, judge
from fxstyle.effects.spec import EffectSpec
from tests.effects.catalogue import CONF, RATE, built_in, effect, noise

pytestmark = pytest.mark.unit

NAMES = built_in()

# Settings in units at which an effect should leave the sound alone, and the correlation that then remains.
NEUTRAL: dict[str, tuple[tuple[float, ...], float]] = {
    "bitcrush": ((16,), 0.9999),
    "brickwall_limiter": ((0, 100, 20), 0.9999),
    "chorus": ((1, 0.2, 12, 0, 0), 0.9999),
    "clipping": ((0,), 0.9999),
    "compressor": ((0, 1, 5, 100), 0.9999),
    "convolution": ((0,), 0.9999),
    "delay": ((0.3, 0.4, 0), 0.9999),
    "distortion": ((0,), 0.999),
    "flanger": ((1, 0.2, 2, 0, 0), 0.9999),
    "gain": ((0,), 0.9999),
    "gate": ((-40, 6, 1, 40, 100, 0), 0.9999),
    "gsm": ((6,), 0.85),
    "high_shelf": ((2000, 0, 0.7), 0.9999),
    "invert": ((), 0.9999),
    "limiter": ((0, 100), 0.9999),
    "low_shelf": ((200, 0, 0.7), 0.9999),
    "mp3": ((0,), 0.999),
    "noise_gate": ((-100, 1, 1, 80), 0.9999),
    "peak": ((1000, 0, 1), 0.9999),
    "phaser": ((1, 0.5, 1000, 0, 0), 0.9999),
    "pitch_shift": ((0,), 0.9999),
    "resample": ((16000, 6), 0.99),
    "reverb": ((0.5, 0.5, 0, 0.5, 1), 0.9999),
}


def render(spec: EffectSpec, audio: NDArray[np.float32], values: object) -> NDArray[np.float32]:
    return build(spec)(audio, np.asarray(values, dtype=np.float64), RATE)


def built_in_plugins(spec: EffectSpec) -> set[str]:
    own = {spec.plugin} if spec.host == "pedalboard" else set()
    return own.union(*map(built_in_plugins, spec.links))


def test_every_built_in_effect_has_a_yaml() -> None:
    assert len(built_in_effects()) >= 22
    assert set().union(*(built_in_plugins(effect(name)) for name in NAMES)) == set(built_in_effects())


def test_every_yaml_says_what_it_is_and_how_to_use_it() -> None:
    for path in CONF.glob("*.yaml"):
        first, second, *_ = path.read_text(encoding="utf-8").splitlines()
        assert first.startswith("# ")
        assert f"{second} ".startswith(f"# python train.py effects={path.stem} ")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2])
def test_ends_and_defaults_are_usable(name: str, channels: int) -> None:
    spec, audio = effect(name).for_channels(channels), noise(channels, 16384)
    before = audio.copy()
    count = len(spec.parameters)
    for positions in (spec.defaults, np.zeros(count), np.ones(count)):
        wet = render(spec, audio, spec.to_units(positions))
        assert wet.dtype == np.float32
        assert wet.shape == audio.shape
        assert judge(wet, Limits()) is Status.OK
    np.testing.assert_array_equal(audio, before)


@pytest.mark.parametrize("name", NAMES)
def test_every_control_is_heard(name: str) -> None:
    spec, audio = effect(name), noise(2, 16384)
    start = np.clip(spec.defaults, 0.2, 0.8)
    for index, parameter in enumerate(spec.parameters):
        if parameter.held:
            continue
        ends = []
        for end in (0.0, 1.0):
            positions = start.copy()
            positions[index] = end
            ends.append(render(spec, audio, spec.to_units(positions)))
        difference = np.sqrt(np.mean((ends[1] - ends[0]) ** 2) / np.mean(audio**2))
        assert difference > 1e-3, parameter.name


@pytest.mark.parametrize("name", NAMES)
def test_history_leaves_no_trace(name: str) -> None:
    """The same bits from a new object, a used one, and one that rendered other sound and settings in between."""
    spec, audio = effect(name), noise(2)
    rng = np.random.default_rng(1)
    one, other = (spec.to_units(spec.sample(rng)) for _ in range(2))
    used = build(spec)
    first = used(audio, one, RATE)
    used(noise(2, seed=5), other, RATE)
    np.testing.assert_array_equal(used(audio, one, RATE), first)
    np.testing.assert_array_equal(render(spec, audio, one), first)


@pytest.mark.parametrize("name", NAMES)
def test_block_size_does_not_matter(name: str) -> None:
    spec, audio = effect(name), noise(2)
    values = spec.to_units(spec.sample(np.random.default_rng(2)))
    whole = render(spec, audio, values)
    for block in (64, 1000):
        parts = replace(spec, block=block, links=tuple(replace(link, block=block) for link in spec.links))
        # Convolution divides its transforms by the block, which moves the last bit.
        np.testing.assert_allclose(
            render(parts, audio, values), whole, rtol=0, atol=1e-7 if name == "convolution" else 0
        )


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_neutral_settings_leave_the_sound_in_its_place(name: str) -> None:
    values, least = NEUTRAL[name]
    audio = (0.05 * np.random.default_rng(3).standard_normal((1, 16384))).astype(np.float32)
    audio = lfilter(*butter(4, 1500, fs=RATE), audio).astype(np.float32)
    wet = render(effect(name), audio, values)[0]
    likeness = np.abs(correlate(wet, audio[0])) / np.sqrt(np.sum(wet**2) * np.sum(audio**2))
    assert int(np.argmax(likeness)) - (audio.shape[1] - 1) == 0
    assert likeness.max() > least


def test_pitch_shift_keeps_a_burst_in_its_place() -> None:
    audio = np.zeros((1, 16384), np.float32)
    audio[:, 8000:8400] = 0.3 * np.random.default_rng(4).standard_normal(400)
    for semitones in (-12, -5, 7, 12):
        energy = np.cumsum(render(effect("pitch_shift"), audio, [semitones])[0] ** 2)
        middle = int(np.searchsorted(energy, energy[-1] / 2))
        assert abs(middle - 8200) < 0.02 * RATE


@pytest.mark.parametrize("name", [name for name in NAMES if effect(name).tail_seconds])
def test_the_tail_is_over_when_the_spec_says_so(name: str) -> None:
    spec = effect(name)
    burst = np.zeros((1, int((spec.tail_seconds + 0.5) * RATE)), np.float32)
    burst[:, : RATE // 10] = 0.25 * np.random.default_rng(5).standard_normal(RATE // 10)
    over = RATE // 10 + int(spec.tail_seconds * RATE)
    wet = render(spec, burst, spec.to_units(spec.defaults))[0]
    assert np.abs(wet[RATE // 10 :]).max() > 1e-3
    assert np.abs(wet[over:]).max() < 1e-3 * np.abs(wet).max()


def test_the_default_room_decays_in_a_second() -> None:
    impulse = np.zeros((1, RATE), np.float32)
    impulse[0, 0] = 1.0
    power = render(effect("convolution"), impulse, [1.0])[0] ** 2
    level_db = 10 * np.log10(power.reshape(10, -1).mean(axis=1))
    slope = np.polyfit((np.arange(10) + 0.5) / 10, level_db, 1)[0]
    assert slope == pytest.approx(-60, abs=2)
