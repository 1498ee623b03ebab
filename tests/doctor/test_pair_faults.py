"""Faults of one recording: clipping or an effect's own limit, grids of values, offsets."""

from __future__ import annotations

import numpy as np
import pytest

from fxstyle.doctor.pair_faults import clipping, flat_share, offset, resolution, to_mono
from tests.doctor.pairs import dry_sound, wet_sound

pytestmark = pytest.mark.unit


def clipped(share: float, level: float = 1.0) -> np.ndarray:
    dry = dry_sound()
    return level * np.clip(dry * np.float32(1 / np.quantile(np.abs(dry), 1 - share)), -1, 1)


def test_the_share_of_flat_samples() -> None:
    share, hard = flat_share(clipped(0.28))
    assert share == pytest.approx(0.28, abs=0.01)
    assert hard
    assert flat_share(dry_sound())[0] == 0
    assert flat_share(np.sin(np.arange(22050) * 0.05, dtype=np.float32)[None])[0] < 0.01


@pytest.mark.parametrize(
    ("sound", "is_wet", "severity"),
    [
        (clipped(0.28), True, "refuse"),
        (clipped(0.28), False, "refuse"),
        (clipped(0.004), True, "warn"),
        (clipped(0.28, 0.5), True, "ok"),
        (clipped(0.28, 0.5), False, "warn"),
        (clipped(0.28, 3.0), True, "ok"),
        (np.tanh(200 * dry_sound()), True, "ok"),
        (dry_sound(), False, "ok"),
    ],
    ids=["wet", "dry", "a little", "limit", "lowered", "beyond", "tanh", "clean"],
)
def test_a_converter_clips_at_full_scale_and_hard(sound: np.ndarray, is_wet: bool, severity: str) -> None:
    assert clipping(sound.astype(np.float32), "x", is_wet).severity == severity


def test_half_precision_is_known_by_its_grid() -> None:
    wet = wet_sound("ts808")
    half = wet.astype(np.float16).astype(np.float32)
    found = resolution(half, "x")
    assert found.severity == "warn"
    assert "16-bit floating point" in found.sentence
    error = ((half - wet).astype(np.float64) ** 2).sum() / (wet.astype(np.float64) ** 2).sum()
    said = float(found.sentence.split("no ESR below ")[1].split()[0])
    assert said == pytest.approx(error, rel=0.7)
    assert resolution(wet, "x").severity == "ok"


@pytest.mark.parametrize(("bits", "severity"), [(24, "ok"), (16, "ok"), (8, "warn")])
def test_integer_grids_are_no_half_precision(bits: int, severity: str) -> None:
    for level in (1.0, 1 / 32):
        coarse = np.round(dry_sound() * level * 2 ** (bits - 1)) / 2 ** (bits - 1)
        found = resolution(coarse.astype(np.float32), "x")
        assert f"x has {bits} bits" in found.sentence
        if level == 1.0:
            assert found.severity == severity
            error = ((coarse - dry_sound()).astype(np.float64) ** 2).sum() / (dry_sound().astype(np.float64) ** 2).sum()
            assert float(found.sentence.split("ESR of ")[1].split()[0].rstrip(".")) == pytest.approx(error, rel=0.6)


def test_an_offset_is_removed_only_on_request() -> None:
    sound = dry_sound() + np.float32(0.02)
    kept, told = offset(sound, "x", remove=False)
    assert told.severity == "warn"
    np.testing.assert_array_equal(kept, sound)
    removed, repaired = offset(sound, "x", remove=True)
    assert repaired.severity == "repaired"
    assert abs(removed.mean()) < 1e-6
    assert offset(dry_sound(), "x", remove=True)[1].severity == "ok"


def test_channels_that_differ_by_rounding_are_one() -> None:
    dry = dry_sound()
    noise = 1e-5 * np.random.default_rng(0).uniform(-1, 1, dry.shape).astype(np.float32)
    assert to_mono(np.concatenate([dry, dry + noise]), "x")[1].severity == "repaired"
    assert to_mono(np.concatenate([dry, dry + 100 * noise]), "x")[1].severity == "warn"
    one, found = to_mono(np.concatenate([0 * dry, dry]), "x")
    assert found.severity == "repaired"
    np.testing.assert_array_equal(one, dry)
