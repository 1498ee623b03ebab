"""The study's numbers on effects whose answers are known."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from fxstyle.doctor.identifiability import study
from fxstyle.doctor.identifiability_page import COLUMNS, Origin, page, table
from fxstyle.doctor.sounds import Clip, noise
from tests.doctor.toys import RATE, bench, knob

pytestmark = pytest.mark.unit

CLIPS = [Clip(f"recording {seed}", noise(1, RATE, seed)) for seed in range(3)]


def by_halves(spec, audio, v):  # type: ignore[no-untyped-def]
    """Volume of the first half (two controls that add up) and of the second; one control does nothing."""
    half = audio.shape[1] // 2
    gains_db = np.repeat([10 * (v[0] + v[1]), 6 * v[2]], [half, audio.shape[1] - half])
    return (audio * 10 ** (gains_db / 20)).astype(np.float32)


@pytest.fixture(scope="module")
def found():  # type: ignore[no-untyped-def]
    one = bench(by_halves, knob("first"), knob("again"), knob("second"), knob("idle"), knob("mode", steps=2))
    return study(one, CLIPS, bases=3)


def test_sensitivity_is_in_db_per_range(found) -> None:  # type: ignore[no-untyped-def]
    controls = {control.name: control for control in found.controls}
    # Half of the levels move by 10 or 6 dB; the floor, 60 dB down, hardly shows with noise.
    assert controls["first"].sensitivity_db == pytest.approx(10 / np.sqrt(2), rel=0.03)
    assert controls["second"].sensitivity_db == pytest.approx(6 / np.sqrt(2), rel=0.03)
    assert controls["first"].low_db <= controls["first"].sensitivity_db <= controls["first"].high_db
    assert controls["idle"].sensitivity_db == 0


def test_controls_that_add_up_cannot_be_told_apart(found) -> None:  # type: ignore[no-untyped-def]
    controls = {control.name: control for control in found.controls}
    assert [pair[:2] for pair in found.confounded] == [("first", "again")]
    assert controls["first"].identifiable == pytest.approx(0, abs=1e-6)
    assert controls["second"].identifiable > 0.95
    assert found.rank == 2
    assert found.dead == ("idle",)
    assert found.held == ("mode",)
    assert not found.gains
    assert found.controls[0].name == "second"


def test_a_plain_volume_is_called_a_gain() -> None:
    one = bench(lambda spec, audio, v: audio * np.float32(0.1 + v[0]), knob("volume"))
    assert study(one, CLIPS, bases=2).gains == ("volume",)
    one = bench(lambda spec, audio, v: np.tanh(10 * (0.1 + v[0]) * audio), knob("drive"))
    assert not study(one, CLIPS, bases=2).gains


def test_an_effect_without_controls_has_an_empty_study() -> None:
    nothing = study(bench(lambda spec, audio, v: -audio), CLIPS, bases=2)
    assert not nothing.controls
    assert nothing.rank == 0


def test_page_and_table_hold_the_same(found) -> None:  # type: ignore[no-untyped-def]
    text = page([found], Origin("fxstyle ...", "abc", "a machine", 3, 3, 1.0, RATE, 0), "x.csv")
    rows = list(csv.DictReader(io.StringIO(table([found]))))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["parameter"] for row in rows] == [control.name for control in found.controls]
    for row in rows:
        assert f"| {row['parameter']} | {float(row['sensitivity_db']):.2f} (" in text
    assert "confounded with again (1.000)" in text
    assert "| toy | 4 | 2 | idle | - | first = again |" in text
