"""The diary set: its groups, its presets, and what they do to a guitar-like sound."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from fxstyle.effects.hosts import build
from fxstyle.effects.parse import parse_effects
from fxstyle.effects.renderer import Limits, Status, judge
from tests.effects.catalogue import CONF, configs, effect

pytestmark = pytest.mark.unit

RATE = 22050
GROUPS = {
    "filters": {"gate": 3, "diary_compressor": 3},
    "distortion-boost": {"ts808": 3, "fuzz": 3},
    "time-based": {"diary_reverb": 3, "diary_chorus": 6, "diary_delay": 6},
}
NAMES = [name for group in GROUPS.values() for name in group]


@cache
def guitar() -> NDArray[np.float32]:
    """Notes with a plucked string's overtones and a pause, over a little hum and hiss, peak -12 dBFS: (1, samples)."""
    rng = np.random.default_rng(0)
    time = np.arange(int(0.5 * RATE)) / RATE
    notes = []
    for pitch in (82.4, 196.0, 146.8, 329.6, 110.0):
        harmonics = np.arange(1, 20)
        phases = 2 * np.pi * (rng.random(harmonics.size)[:, None] + pitch * np.outer(harmonics, time))
        fall = np.exp(-time * (4 + 2 * harmonics[:, None]))
        notes.append(np.sum(fall * np.sin(phases) / harmonics[:, None], axis=0))
    sound = np.concatenate([*notes, np.zeros(time.size)])
    sound *= 0.25 / np.abs(sound).max()
    sound += 0.0002 * rng.standard_normal(sound.size) + 0.0004 * np.sin(2 * np.pi * 50 * np.arange(sound.size) / RATE)
    return sound[None].astype(np.float32)


@cache
def rendered(name: str, preset: str) -> NDArray[np.float32]:
    spec = effect(name).for_channels(1)
    positions = spec.preset_positions(spec.preset(preset))
    return build(spec)(guitar(), spec.to_units(positions), RATE)


def frames_db(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Levels in dB of frames of 20 ms, above a floor of -90 dB."""
    size = RATE // 50
    frames = sound[0, : sound.shape[1] // size * size].reshape(-1, size).astype(np.float64)
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-9)


def differ(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two sounds differ by more than their gain, or in how loud they are at a tenth of the time."""
    louder = np.abs(frames_db(one) - frames_db(other)) > 3
    return change_db(one, other) > -20 or bool(louder.mean() > 0.1)


def change_db(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Energy in dB of what is left of a sound when the best multiple of another is taken away, against its own."""
    a, b = one.ravel().astype(np.float64), other.ravel().astype(np.float64)
    left = a - b * (a @ b) / (b @ b)
    return float(10 * np.log10((left @ left) / (a @ a)))


def test_the_set_holds_the_diary_s_effects_with_their_presets() -> None:
    config = yaml.safe_load((CONF / "diary.yaml").read_text(encoding="utf-8"))
    assert [line.partition("@") for line in config["defaults"]] == [
        (name, "@", "train") for name in ("gate", "ts808", "fuzz", *(n for n in NAMES if n.startswith("diary_")))
    ]
    specs = parse_effects({"train": {name: configs()[name] for name in NAMES}}, channels=1).train
    found: dict[str, dict[str, int]] = {}
    for spec in specs:
        found.setdefault(spec.group, {})[spec.name] = len(spec.presets)
        assert spec.sampling == "presets"
        assert 0 < spec.jitter <= 0.05
    assert found == GROUPS


@pytest.mark.parametrize("name", NAMES)
def test_presets_can_be_used_and_told_apart(name: str) -> None:
    presets = [preset.name for preset in effect(name).presets]
    for place, preset in enumerate(presets):
        wet = rendered(name, preset)
        assert judge(wet, Limits()) is Status.OK
        assert np.abs(wet).max() < 1
        assert differ(wet, guitar()), f"{preset} leaves the sound alone"
        for other in presets[:place]:
            assert differ(wet, rendered(name, other)), f"{preset} sounds like {other}"


@pytest.mark.parametrize("name", NAMES)
def test_settings_around_the_presets_are_usable(name: str) -> None:
    spec = effect(name).for_channels(1)
    sample = guitar()[:, : RATE // 2]
    process = build(spec)
    for seed in range(12):
        positions = spec.sample(np.random.default_rng(seed))
        away = [np.abs(positions - spec.preset_positions(preset))[spec.free].max() for preset in spec.presets]
        assert 0 < min(away) < 5 * spec.jitter
        assert judge(process(sample, spec.to_units(positions), RATE), Limits()) is Status.OK
