"""The gate opens and closes when and as far as it says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.effects.dsp.gate import LEVEL_SECONDS, Gate

pytestmark = pytest.mark.unit

RATES = [8000, 44100, 192000]


def steps(rate: int, *parts: tuple[float, float]) -> NDArray[np.float32]:
    """A square wave of ``(level in dBFS, seconds)`` one after the other: its magnitude is its level."""
    levels = np.concatenate([np.full(round(seconds * rate), 10 ** (db / 20)) for db, seconds in parts])
    signs = np.where(np.arange(levels.size) % 2, -1, 1)
    return (levels * signs)[None].astype(np.float32)


def gains(gate: Gate, audio: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(gate.process(audio)[0].astype(np.float64) / audio[0])


def changes(gain: NDArray[np.float64]) -> int:
    """How often the gain turns from rising to falling or back."""
    moving = np.sign(np.round(np.diff(gain), 9))
    moving = moving[moving != 0]
    return int(np.count_nonzero(np.diff(moving)))


@pytest.mark.parametrize("rate", RATES)
def test_it_opens_within_the_attack_time(rate: int) -> None:
    gain = gains(
        Gate(rate, 1, threshold_db=-30, attack_ms=10, range_db=-60), steps(rate, (-40, 0.05), (-20, 0.05), (-40, 0.01))
    )
    start = round(0.05 * rate)
    assert np.allclose(gain[:start], 1e-3, rtol=1e-3)
    middle = gain[start + round(0.005 * rate) - 1]
    assert middle == pytest.approx(0.5, abs=0.02)
    opened = start + round(0.01 * rate)
    assert gain[opened - round(0.0005 * rate) - 1] < 1
    assert np.allclose(gain[opened : opened + 100], 1, rtol=1e-6)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hold_ms", [0, 30, 200])
def test_it_holds_and_then_closes_evenly_in_db(rate: int, hold_ms: float) -> None:
    gate = Gate(rate, 1, threshold_db=-20, hysteresis_db=6, attack_ms=0, hold_ms=hold_ms, release_ms=100, range_db=-60)
    gain = gains(gate, steps(rate, (-10, 0.1), (-80, 0.6)))
    # The measured level falls from -10 to -26 dB in its own time.
    below = 0.1 + LEVEL_SECONDS * np.log(10 ** (16 / 20))
    closing = np.flatnonzero(gain < 0.9999)[1 if gain[0] < 0.9999 else 0] / rate
    assert closing == pytest.approx(below + hold_ms / 1000, abs=0.001 + 2 / rate)
    half = gain[round((closing + 0.05) * rate)]
    assert 20 * np.log10(half) == pytest.approx(-30, abs=1)
    assert np.allclose(gain[round((closing + 0.102) * rate) :], 1e-3, rtol=2e-3)


@pytest.mark.parametrize("range_db", [-90, -40, -12])
def test_closed_is_as_quiet_as_the_range(range_db: float) -> None:
    gain = gains(Gate(44100, 1, threshold_db=-20, range_db=range_db), steps(44100, (-40, 0.1)))
    np.testing.assert_allclose(20 * np.log10(gain), range_db, atol=1e-3)


def test_a_range_of_nothing_is_no_gate() -> None:
    audio = np.random.default_rng(0).standard_normal((2, 4410)).astype(np.float32)
    np.testing.assert_array_equal(Gate(44100, 2, range_db=0).process(audio), audio)


def test_hysteresis_keeps_it_from_chattering() -> None:
    """A beating tone whose level swings by 5 dB about the threshold: 6 dB of hysteresis leave the gate open."""
    rate = 44100
    time = np.arange(rate) / rate
    tone = 10 ** ((-40 + 2.5 * np.sin(2 * np.pi * 4 * time)) / 20) * np.where(np.arange(rate) % 2, -1, 1)
    audio = tone[None].astype(np.float32)
    settings = {"threshold_db": -40, "attack_ms": 1, "hold_ms": 0, "release_ms": 20}
    assert changes(gains(Gate(rate, 1, hysteresis_db=0, **settings), audio)) >= 6
    assert changes(gains(Gate(rate, 1, hysteresis_db=6, **settings), audio)) == 0


def test_a_decaying_low_string_closes_it_once() -> None:
    rate = 44100
    time = np.arange(2 * rate) / rate
    audio = (0.5 * np.exp(-3 * time) * np.sin(2 * np.pi * 82.4 * time))[None].astype(np.float32)
    gate = Gate(rate, 1, threshold_db=-30, hysteresis_db=6, hold_ms=0, release_ms=50)
    wet = gate.process(audio)
    loud = np.abs(audio[0]) > 1e-6
    assert changes(wet[0][loud].astype(np.float64) / audio[0][loud]) == 1


def test_hold_starts_again_with_every_peak() -> None:
    rate = 8000
    bursts = steps(rate, *[(-10, 0.01), (-80, 0.08)] * 5)
    gain = gains(Gate(rate, 1, threshold_db=-20, attack_ms=0, hold_ms=100), bursts)
    assert np.allclose(gain, 1, rtol=1e-6)
    assert gains(Gate(rate, 1, threshold_db=-20, attack_ms=0, hold_ms=20), bursts).min() < 0.1


def test_channels_share_one_gain() -> None:
    rate = 44100
    loud, soft = steps(rate, (-60, 0.1), (-20, 0.2), (-60, 0.3))[0], steps(rate, (-60, 0.6))[0]
    wet = Gate(rate, 2, threshold_db=-30).process(np.stack([soft, loud]))
    np.testing.assert_allclose(wet[0] / soft, wet[1] / loud, rtol=1e-5)
    assert (wet[0] / soft).max() > 0.999
