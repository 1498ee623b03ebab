"""What all of the project's own effects keep to: any rate, any cut, any sound."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fxstyle
from fxstyle.effects.dsp import CONTROLS, create

pytestmark = pytest.mark.unit

NAMES = sorted(CONTROLS)


def settled(name: str) -> dict[str, float]:
    """Settings inside all ranges that change an ordinary sound."""
    return {
        "gate": {"threshold_db": -20.0, "hysteresis_db": 3.0, "attack_ms": 2.0, "hold_ms": 3.0, "release_ms": 5.0},
        "ts808": {"drive": 0.7, "tone": 0.6},
        "fuzz": {"fuzz_db": 45.0, "bias": 0.4},
    }[name]


def noise(channels: int, samples: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng([seed, channels, samples])
    swell = 0.02 + np.sin(np.linspace(0, 5 * np.pi, samples)) ** 4
    return (0.1 * rng.standard_normal((channels, samples)) * swell).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_names_the_controls_of_the_classes(name: str) -> None:
    kind = type(create(name, {}, 44100, 1))
    taken = [p for p in inspect.signature(kind).parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    assert [parameter.name for parameter in taken] == list(CONTROLS[name])
    for parameter in taken:
        low, high = CONTROLS[name][parameter.name]
        assert low <= parameter.default <= high


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 3000), max_size=8),
    channels=st.integers(1, 2),
    rate=st.sampled_from([8000, 22050, 44100, 96000, 192000]),
)
def test_the_bits_do_not_depend_on_the_cuts(name: str, cuts: list[int], channels: int, rate: int) -> None:
    audio = noise(channels, 3000)
    whole = create(name, settled(name), rate, channels).process(audio)
    stream = create(name, settled(name), rate, channels)
    pieces = np.split(audio, sorted(cuts), axis=1)
    np.testing.assert_array_equal(np.concatenate([stream.process(piece) for piece in pieces], axis=1), whole)


@pytest.mark.parametrize("name", ["ts808", "fuzz"])
def test_channels_do_not_hear_each_other(name: str) -> None:
    audio = noise(2, 4000)
    both = create(name, settled(name), 44100, 2).process(audio)
    for channel in range(2):
        alone = create(name, settled(name), 44100, 1).process(audio[channel : channel + 1])
        np.testing.assert_array_equal(both[channel], alone[0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [8000, 11025, 44100, 192000])
def test_any_settings_keep_hard_sounds_finite(name: str, rate: int) -> None:
    silence = np.zeros((2, 2000), np.float32)
    square = np.where(np.arange(2000) // 7 % 2, 1, -1) * np.ones((2, 1))
    sounds = {
        "silence": silence,
        "denormals": silence + np.float32(1e-42),
        "constant": silence + np.float32(0.5),
        "full scale": square.astype(np.float32),
        "loud": (1e6 * square).astype(np.float32),
        "largest": (np.finfo(np.float32).max * square).astype(np.float32),
        "one sample": np.full((1, 1), 0.3, np.float32),
        "noise": noise(2, 2000),
    }
    rng = np.random.default_rng(rate)
    corners = [
        {key: ends[0] for key, ends in CONTROLS[name].items()},
        {key: ends[1] for key, ends in CONTROLS[name].items()},
        *({key: float(rng.uniform(*ends)) for key, ends in CONTROLS[name].items()} for _ in range(3)),
    ]
    for controls in corners:
        for what, sound in sounds.items():
            wet = create(name, controls, rate, len(sound)).process(sound)
            assert wet.dtype == np.float32
            assert wet.shape == sound.shape
            assert np.isfinite(wet).all(), (what, controls)
            if what == "silence":
                assert not wet.any()
            elif what == "loud" and name != "gate":
                assert np.abs(wet).max() < (12 if name == "ts808" else 2) * 10 ** (controls["level_db"] / 20)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_does_no_harm(name: str, value: float) -> None:
    audio = noise(1, 4000)
    audio[0, 1000] = value
    effect = create(name, settled(name), 44100, 1)
    wet = effect.process(audio)
    clean = create(name, settled(name), 44100, 1).process(noise(1, 4000))
    np.testing.assert_array_equal(wet[:, :1000], clean[:, :1000])
    assert not np.isfinite(wet[:, 1000:]).all()
    fresh = create(name, settled(name), 44100, 1).process(noise(1, 4000))
    np.testing.assert_array_equal(fresh, clean)


@pytest.mark.parametrize("name", NAMES)
def test_every_control_is_heard(name: str) -> None:
    audio = np.concatenate([noise(1, 8000), noise(1, 8000) * np.float32(0.1)], axis=1)
    for control, (low, high) in CONTROLS[name].items():
        base = settled(name)
        near = base.get(control, low + 0.8 * (high - low))
        away = [near, near - 0.1 * (near - low) if near > low else near + 0.1 * (high - low)]
        one, other = (create(name, {**base, control: x}, 44100, 1).process(audio) for x in away)
        assert np.std(one - other) > 1e-4 * np.std(one), control


def test_sample_rates_agree() -> None:
    """Tones inside the narrower band come out alike at 44.1 and 96 kHz, but for what the wider band lets through."""
    for name, least in (("ts808", -45), ("fuzz", -35), ("gate", -60)):
        levels = []
        for rate in (44100, 96000):
            time = np.arange(rate) / rate
            sine = (0.25 * np.exp(-3 * time) * np.sin(2 * np.pi * 440 * time))[None].astype(np.float32)
            effect = create(name, settled(name), rate, 1)
            padded = np.pad(sine, ((0, 0), (0, effect.latency)))
            spectrum = np.fft.rfft(effect.process(padded)[0, effect.latency :].astype(np.float64)) / rate
            levels.append(spectrum[:15000])
        difference = np.sum(np.abs(levels[0] - levels[1]) ** 2) / np.sum(np.abs(levels[0]) ** 2)
        assert 10 * np.log10(difference) < least, name


def test_loops_are_kept_where_the_package_cannot_be_written(tmp_path: Path) -> None:
    """A copy of the package in a folder that takes no cache: its loops go to the user's, or to none."""
    copy = tmp_path / "site"
    source = Path(fxstyle.__file__).parent
    for file in [
        source / "__init__.py",
        source / "effects" / "__init__.py",
        *(source / "effects" / "dsp").glob("*.py"),
    ]:
        target = copy / "fxstyle" / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    program = (
        "import numpy as np\nfrom fxstyle.effects.dsp import create, gate\nassert 'site' in gate.__file__\n"
        "print(create('gate', {'range_db': 0}, 8000, 1).process(np.ones((1, 3), np.float32)))"
    )
    # Files where the folders for kept code would be, which stop an administrator too.
    (copy / "fxstyle" / "effects" / "dsp" / "__pycache__").write_text("")
    kept, blocked = tmp_path / "kept", tmp_path / "blocked"
    blocked.write_text("")
    for cache in (kept, blocked):
        environment = {
            **os.environ,
            "PYTHONPATH": str(copy),
            "XDG_CACHE_HOME": str(cache),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "[[1. 1. 1.]]"
    assert list(kept.rglob("gate._run*"))


def test_modules_are_named_after_their_effects() -> None:
    for name in NAMES:
        assert import_module(f"fxstyle.effects.dsp.{name}").__doc__
