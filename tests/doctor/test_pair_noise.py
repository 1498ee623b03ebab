"""Noise and hum where nothing is played, and what is neither."""

from __future__ import annotations

import numpy as np
import pytest

from fxstyle.doctor.pair_noise import find_quiet, hum, noise_floor
from tests.doctor.pairs import RATE, dry_sound, wet_sound

pytestmark = pytest.mark.unit


def test_the_longest_quiet_passage_is_found() -> None:
    start, end = find_quiet(dry_sound(), RATE)
    assert end == pytest.approx(2.5 * RATE, abs=0.05 * RATE)
    assert end - start >= 0.45 * RATE
    assert find_quiet(np.ones((1, RATE), np.float32), RATE) == (0, 0)


@pytest.mark.parametrize(("level_db", "severity"), [(-70, "ok"), (-30, "warn")])
def test_a_noise_floor_is_measured(level_db: float, severity: str) -> None:
    dry = dry_sound()
    noise = 10 ** (level_db / 20) * np.random.default_rng(0).standard_normal(dry.shape)
    level, found = noise_floor(dry, (dry + noise).astype(np.float32), find_quiet(dry, RATE), RATE, "x")
    assert level == pytest.approx(level_db, abs=1)
    assert found.severity == severity


@pytest.mark.parametrize(
    ("name", "settings"),
    [("delay", {"delay_seconds": 0.4, "mix": 0.6, "feedback": 0.5}), ("reverb", {"wet_level": 0.6})],
)
def test_echoes_are_no_noise(name: str, settings: dict[str, float]) -> None:
    dry = dry_sound()
    level, found = noise_floor(dry, wet_sound(name, **settings), find_quiet(dry, RATE), RATE, "x")
    assert found.severity == "ok"
    assert not level > -90


def test_sounds_without_noise_or_quiet() -> None:
    dry = dry_sound()
    assert noise_floor(dry, 2 * dry, find_quiet(dry, RATE), RATE, "x")[0] == float("-inf")
    assert np.isnan(noise_floor(dry, dry, (0, 0), RATE, "x")[0])
    assert hum(dry, (0, 0), RATE, "x").severity == "ok"


@pytest.mark.parametrize("mains", [50, 60])
def test_the_mains_hum(mains: int) -> None:
    dry = dry_sound()
    times = np.arange(dry.shape[1]) / RATE
    waves = sum(0.003 / k * np.sin(2 * np.pi * mains * k * times + k) for k in (1, 2, 3, 5))
    noise = 1e-4 * np.random.default_rng(0).standard_normal(dry.shape)
    found = hum((dry + waves + noise).astype(np.float32), find_quiet(dry, RATE), RATE, "x")
    assert found.severity == "warn"
    assert f"hums at {mains} Hz" in found.sentence
    level = float(found.sentence.split("multiples, ")[1].split()[0])
    assert level == pytest.approx(20 * np.log10(np.std(waves)), abs=2)


def test_noise_and_other_tones_are_no_hum() -> None:
    dry = dry_sound()
    times = np.arange(dry.shape[1]) / RATE
    noise = 0.003 * np.random.default_rng(0).standard_normal(dry.shape)
    low, near = (sum(0.01 * np.sin(2 * np.pi * hertz * k * times) for k in (1, 2, 3, 4)) for hertz in (82.4, 98.0))
    for other in (noise, low, near, 0.01 * np.sin(2 * np.pi * 100 * times)):
        assert hum((dry + other).astype(np.float32), find_quiet(dry, RATE), RATE, "x").severity == "ok"
