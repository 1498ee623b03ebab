from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.metrics.gate_timing import LIMIT_MS, gate_timing

pytestmark = pytest.mark.unit
RATE = 16000
DRY = np.random.default_rng(0).standard_normal(4 * RATE)


def gated(*moments: tuple[float, float], closed: float = 0.01, dry: NDArray[np.float64] = DRY) -> NDArray[np.float64]:
    """Sound of a gate that is open between moments in s."""
    gain = np.full(len(dry), closed)
    for start, end in moments:
        gain[round(start * RATE) : round(end * RATE)] = 1.0
    return gain * dry


TRUTH = gated((0.5, 1.0), (2.0, 2.6), (3.0, 3.9))


def test_late_and_early_events() -> None:
    timing = gate_timing(gated((0.51, 1.02), (1.99, 2.62), (3.03, 3.88)), TRUTH, DRY, RATE)
    assert timing.opening_ms == pytest.approx(10, abs=1.01)
    assert timing.closing_ms == pytest.approx(20, abs=1.01)
    assert (timing.openings, timing.closings, timing.missed, timing.extra) == (3, 3, 0, 0)


def test_the_gate_itself_and_its_output_louder_or_upside_down() -> None:
    for factor in (1.0, 1.3, -0.8):
        timing = gate_timing(factor * TRUTH, TRUTH, DRY, RATE)
        assert (timing.opening_ms, timing.closing_ms, timing.missed, timing.extra) == (0, 0, 0, 0)


def test_what_never_closes_misses_everything() -> None:
    timing = gate_timing(DRY, TRUTH, DRY, RATE)
    assert (timing.opening_ms, timing.closing_ms, timing.missed) == (LIMIT_MS, LIMIT_MS, 1)


def test_missed_and_extra_events_are_counted() -> None:
    timing = gate_timing(gated((0.5, 1.0), (1.3, 1.6), (3.0, 3.9)), TRUTH, DRY, RATE)
    assert timing.missed == pytest.approx(2 / 6)
    assert timing.extra == pytest.approx(2 / 6)
    assert timing.opening_ms == 0


def test_one_event_answers_for_one() -> None:
    truth = gated((1.0, 1.03), (1.06, 1.5))
    timing = gate_timing(gated((1.03, 1.5)), truth, DRY, RATE)
    assert (timing.openings, timing.closings) == (2, 2)
    assert timing.missed == pytest.approx(0.5)
    assert timing.extra == 0


@pytest.mark.parametrize("wet", [DRY, 0.3 * DRY, np.zeros_like(DRY)])
def test_no_events_no_numbers(wet: NDArray[np.float64]) -> None:
    timing = gate_timing(DRY, wet, DRY, RATE)
    assert timing.openings == timing.closings == 0
    assert all(isnan(value) for value in (timing.opening_ms, timing.closing_ms, timing.missed, timing.extra))


def test_silence_tells_nothing() -> None:
    assert isnan(gate_timing(TRUTH * 0, TRUTH * 0, DRY * 0, RATE).opening_ms)
    quiet = DRY * (np.abs(np.arange(len(DRY)) - 1.2 * RATE) > 0.1 * RATE)
    truth, ours = (gated((0.5, end), (2.0, 3.0), dry=quiet) for end in (1.15, 1.25))
    assert gate_timing(ours, truth, quiet, RATE).closing_ms == 0


def test_noise_of_the_device_and_a_gate_that_only_lowers() -> None:
    noise = 1e-3 * np.random.default_rng(1).standard_normal(len(DRY))
    truth = gated((0.5, 1.0), (2.0, 2.6), closed=0.5) + noise
    timing = gate_timing(gated((0.503, 1.0), (2.003, 2.6), closed=0.5), truth, DRY, RATE)
    assert timing.opening_ms == pytest.approx(3, abs=1.01)
    assert (timing.closings, timing.missed, timing.extra) == (2, 0, 0)
