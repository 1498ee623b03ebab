"""The TS808 against its circuit: small sound by the transfer function, large sound by what the diodes do."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.effects.dsp.ts808 import Ts808
from tests.effects.dsp.tones import alias_db, harmonics, steady

pytestmark = pytest.mark.unit

RATES = [8000, 44100, 96000, 192000]


def circuit(frequency: float, drive: float, tone: float) -> complex:
    """The linear circuit at one frequency in Hz, by Kirchhoff's laws, with the diodes' conductance at rest."""
    s = 2j * np.pi * frequency

    def parallel(*impedances: complex) -> complex:
        return 1 / sum(1 / z for z in impedances)

    coupling = 10e3 / (10e3 + 1 / (s * 1e-6))
    pot = 500e3 * (81**drive - 1) / 80
    diodes = 45.3e-3 / (2 * 2.52e-9)
    feedback = parallel(51e3 + pot, 1 / (s * 51e-12), diodes)
    clipping = 1 + feedback / (4.7e3 + 1 / (s * 47e-9))
    # Unknown are the voltages of the amplifier's inputs (equal), of the wiper, and of the output; the source is 1.
    ratio = ((1 - tone) / max(tone, 1e-6)) ** 2
    # From the wiper to the inverting and to the other input.
    upper, lower = 20e3 * ratio / (1 + ratio) + 1e-3, 20e3 / (1 + ratio) + 1e-3
    wiper = 220 + 1 / (s * 220e-9)
    equations = np.array(
        [
            [1 / 1e3 + 1 / 10e3 + s * 220e-9 + 1 / lower, -1 / lower, 0],
            [1 / upper + 1 / 1e3, -1 / upper, -1 / 1e3],
            [-1 / lower - 1 / upper, 1 / lower + 1 / upper + 1 / wiper, 0],
        ]
    )
    output = np.linalg.solve(equations, np.array([1 / 1e3, 0, 0]))[2]
    return complex(coupling * clipping * output)


@cache
def impulse_response(rate: int, **controls: float) -> tuple[NDArray[np.float32], int]:
    effect = Ts808(rate, 1, **controls)
    impulse = np.zeros((1, rate // 4), np.float32)
    impulse[0, 0] = 1e-5
    return effect.process(impulse)[0] * 1e5, effect.latency


def measured(frequency: float, rate: int, **controls: float) -> complex:
    """Gain for soft sound at one frequency in Hz, with its phase; the latency is taken away."""
    response, latency = impulse_response(rate, **controls)
    return complex(response @ np.exp(-2j * np.pi * frequency * (np.arange(response.size) - latency) / rate))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("drive", "tone"), [(0, 0.5), (0.5, 0), (0.5, 1), (1, 0.3)])
def test_soft_sound_meets_the_circuit(rate: int, drive: float, tone: float) -> None:
    for frequency in (20, 100, 500, 1000, 3000, 8000, 16000):
        if frequency > 0.4 * rate:
            continue
        ratio = measured(frequency, rate, drive=drive, tone=tone, level_db=0) / circuit(frequency, drive, tone)
        assert abs(20 * np.log10(abs(ratio))) < 0.7, frequency
        assert abs(np.angle(ratio, deg=True)) < 10, frequency


def test_drive_goes_from_12_to_118() -> None:
    """The published gain of the clipping amplifier, less what the diodes and the tone stage take."""
    for drive, gain in ((0, 12), (1, 118)):
        tone_stage = circuit(2000, 0, 0.5) / (1 + 51e3 / (4.7e3 + 1 / (2j * np.pi * 2000 * 47e-9)))
        assert abs(measured(2000, 44100, drive=drive, level_db=0) / tone_stage) == pytest.approx(gain, rel=0.2)


@pytest.mark.parametrize("tone", [0.0, 0.5, 1.0])
def test_the_corner_is_where_it_is_at_any_rate(tone: float) -> None:
    """The frequency at which a 6 dB fall from the gain at 1 kHz is reached."""

    def corner(rate: int) -> float:
        grid = np.geomspace(1200, 17000, 60)
        reference = abs(measured(1000, rate, drive=0.3, tone=tone))
        level = [abs(measured(f, rate, drive=0.3, tone=tone)) / reference for f in grid]
        return float(np.interp(0.5, level[::-1], grid[::-1]))

    assert corner(44100) == pytest.approx(corner(96000), rel=0.02)


def test_tone_moves_the_corner() -> None:
    treble = [abs(measured(6000, 44100, tone=tone)) for tone in (0, 0.5, 1)]
    bass = [abs(measured(100, 44100, tone=tone)) for tone in (0, 0.5, 1)]
    assert treble[0] * 1.3 < treble[1] < treble[2] / 1.3
    np.testing.assert_allclose(bass, bass[0], rtol=0.05)


def test_clipping_is_symmetric_and_bounded() -> None:
    for amplitude in (0.05, 0.25, 1.0):
        sine = steady(Ts808(44100, 1, drive=0.8, tone=0.7, level_db=0), 220, amplitude, 44100)
        level = harmonics(sine, 220)
        assert (level[2::2] > -60).all()
        assert (level[1::2] < -110).all()
        assert np.abs(sine).max() < amplitude + 0.7


def test_output_stays_at_the_diodes_while_the_input_grows() -> None:
    levels = [np.std(steady(Ts808(44100, 1, drive=1, level_db=0), 1000, a, 44100)) for a in (0.01, 0.02, 0.04)]
    assert levels[0] < levels[2] < 1.5 * levels[0]
    soft = [np.std(steady(Ts808(44100, 1, drive=1, level_db=0), 1000, a, 44100)) for a in (1e-5, 4e-5)]
    assert soft[1] == pytest.approx(4 * soft[0], rel=0.01)


def test_level_is_a_gain() -> None:
    loud, soft = (steady(Ts808(44100, 1, level_db=db), 220, 0.2, 44100) for db in (0, -12))
    np.testing.assert_allclose(soft, loud * 10 ** (-12 / 20), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("frequency", "drive", "least"), [(1249, 0, -130), (1249, 1, -85), (5003, 0, -70), (5003, 1, -60)]
)
def test_aliasing_stays_low(frequency: int, drive: float, least: float) -> None:
    """All that is no harmonic, against all harmonics, at the brightest tone."""
    assert alias_db(Ts808(44100, 1, drive=drive, tone=1), frequency, 0.25, 44100) < least


def solve_diodes(current: NDArray[np.float64], drive: float, rate: float) -> NDArray[np.float64]:
    """The feedback loop's voltage by bisection, an independent way."""
    conductance = 51e-12 * rate + 1 / (51e3 + 500e3 * (81**drive - 1) / 80)
    voltage = 0.0
    result = []
    for i in current:
        low, high = -2.0, 2.0
        for _ in range(60):
            middle = (low + high) / 2
            over = conductance * middle + 2 * 2.52e-9 * np.sinh(middle / 45.3e-3) > i + 51e-12 * rate * voltage
            low, high = (low, middle) if over else (middle, high)
        voltage = (low + high) / 2
        result.append(voltage)
    return np.array(result)


@pytest.mark.parametrize("drive", [0.0, 1.0])
def test_each_sample_solves_the_diode_equation(drive: float) -> None:
    """Noise at the inner rate: the steps are far larger than any oversampled sound's."""
    effect = Ts808(44100, 1, drive=drive, tone=0.5)
    rate = effect.inner_rate
    noise = np.random.default_rng(0).standard_normal((1, 400)) * np.geomspace(1e-4, 3, 400)
    bare = effect._constants.copy()
    bare[8:] = [1, 0, 0, 0, 0]  # no tone stage
    effect._constants = bare
    wet = noise.copy()
    effect.distort(wet)
    # Trapezoidal high-passes, as difference equations.
    through = np.clip(noise[0], -4.5, 4.5)
    for corner in (1 / (2 * np.pi * 1e-6 * 10e3), 1 / (2 * np.pi * 4.7e3 * 47e-9)):
        g = np.tan(np.pi * corner / rate)
        filtered, before, last = [], 0.0, 0.0
        for x in through:
            before = (x - last + (1 - g) * before) / (1 + g)
            last = x
            filtered.append(before)
        coupled, through = through, np.array(filtered)
    expected = coupled + solve_diodes(through / 4.7e3, drive, rate)
    np.testing.assert_allclose(wet[0], expected, atol=1e-7)
