"""The Ibanez TS808 Tube Screamer, from its circuit.

Full scale is one volt. The sound passes these stages, all at the oversampled rate:

1. The input couples through 1 uF into 10 kOhm: a high-pass at 15.9 Hz. The buffer before it swings 4.5 V at most.
2. The clipping amplifier. The input drives a current through 4.7 kOhm and 47 nF (a high-pass at 720 Hz, so that bass
   stays clean) into the feedback loop: 51 kOhm plus the drive pot of 500 kOhm, 51 pF, and two opposed diodes. For the
   voltage ``v`` over them ``C dv/dt = i - v / R - 2 Is sinh(v / Vt)``; the output is the input plus ``v``. Backward
   Euler, since it stays stable where the diodes are stiff, and Halley's method for each sample.
3. The tone stage: 1 kOhm and 220 nF (723 Hz) low-pass, then the 20 kOhm pot between the inputs of an amplifier with
   1 kOhm of feedback, its wiper to ground through 220 Ohm and 220 nF. Bilinear transform.

Left out are the output buffer, flat in the audio band, and the amplifiers' own limits.

Sources: Yeh, Abel and Smith 2007, "Simplified, physically-informed models of distortion and overdrive guitar effects
pedals" (DAFx-07): the stages, and the diodes' ``Is`` = 2.52 nA and ``Vt`` = 45.3 mV. Yeh, Abel, Vladimirescu and Smith
2008, "Numerical methods for simulation of guitar distortion circuits" (Computer Music Journal 32:2): the equation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.dsp.compiling import compiled
from fxstyle.effects.dsp.oversampling import Oversampled

COUPLING_HZ = 1 / (2 * np.pi * 1e-6 * 10e3)
GAIN_RESISTOR, GAIN_CAPACITOR = 4.7e3, 47e-9
GAIN_HZ = 1 / (2 * np.pi * GAIN_RESISTOR * GAIN_CAPACITOR)
FEEDBACK_RESISTOR, DRIVE_POT, FEEDBACK_CAPACITOR = 51e3, 500e3, 51e-12
SATURATION_CURRENT, THERMAL_VOLTAGE = 2.52e-9, 45.3e-3
SUPPLY_SWING = 4.5
TONE_RESISTOR, BIAS_RESISTOR, TONE_CAPACITOR = 1e3, 10e3, 220e-9
TONE_POT, WIPER_RESISTOR, WIPER_CAPACITOR = 20e3, 220.0, 220e-9


def feedback_resistance(drive: float) -> float:
    """Resistance in Ohm of the feedback loop for a drive of 0 to 1.

    The pot is logarithmic (a tenth of its resistance at the middle); the gain above 720 Hz is 12 at 0 and 118 at 1.
    """
    return FEEDBACK_RESISTOR + DRIVE_POT * (81.0**drive - 1) / 80


def tone_polynomials(tone: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numerator and denominator of the tone stage in ``s``, highest power first, for a tone of 0 (dark) to 1.

    The pot acts near its ends only, which is why its taper is S-shaped: steep in the middle.
    """
    place = tone**2 / (tone**2 + (1 - tone) ** 2)
    wiper = WIPER_RESISTOR + TONE_POT * place * (1 - place)
    numerator = [WIPER_CAPACITOR * (wiper + TONE_RESISTOR * place), 1.0]
    low = [TONE_RESISTOR * TONE_CAPACITOR, 1 + TONE_RESISTOR / BIAS_RESISTOR]
    denominator = np.polymul(low, [WIPER_CAPACITOR * wiper, 1.0])
    denominator[1] += WIPER_CAPACITOR * TONE_RESISTOR * (1 - place)
    return np.array([0.0, *numerator]), np.array(denominator, dtype=np.float64)


def bilinear(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64], rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A second-order filter in ``s`` as one in ``z`` at ``rate`` in Hz: coefficients of 1, 1/z and 1/z^2."""
    steps = (
        np.array([4 * rate**2, -8 * rate**2, 4 * rate**2]),
        np.array([2 * rate, 0, -2 * rate]),
        np.array([1, 2, 1]),
    )
    above, below = (sum(c * step for c, step in zip(part, steps, strict=True)) for part in (numerator, denominator))
    return np.asarray(above / below[0]), np.asarray(below / below[0])


@compiled("void(float64[:, ::1], float64[::1], float64[:, ::1])")
def _run(sound: NDArray[np.float64], constants: NDArray[np.float64], states: NDArray[np.float64]) -> None:
    swing, coupling, shaping, into, held, conductance, leak, thermal = constants[:8]
    # The step after this one would be a millionth as long.
    near = 0.01 * thermal
    b0, b1, b2, a1, a2 = constants[8:]
    for channel in range(sound.shape[0]):
        bass, middle, v, z1, z2 = states[channel]
        for sample in range(sound.shape[1]):
            x = sound[channel, sample]
            if x > swing:
                x = swing
            elif x < -swing:
                x = -swing
            # One-pole high-passes of the trapezoidal rule.
            step = (x - bass) * coupling
            x -= bass + step
            bass += 2 * step
            step = (x - middle) * shaping
            current = (x - middle - step) * into
            middle += 2 * step
            # The one root of conductance v + 2 leak sinh(v / thermal) = wanted, from the voltage before.
            wanted = current + held * v
            if v * wanted < 0.0:
                v = 0.0
            for _ in range(60):
                up = np.exp(v / thermal)
                down = 1.0 / up
                diodes = leak * (up - down)
                error = conductance * v + diodes - wanted
                slope = conductance + leak / thermal * (up + down)
                change = 2.0 * error * slope / (2.0 * slope * slope - error * diodes / (thermal * thermal))
                v -= change
                if abs(change) > thermal:
                    # A far step overshoots the exponential. The root is nearer to 0 than either branch alone would
                    # have it, and from there no step goes too far.
                    bound = thermal * np.arcsinh(0.5 * wanted / leak)
                    alone = wanted / conductance
                    if abs(alone) < abs(bound):
                        bound = alone
                    if abs(v) > abs(bound) or v * bound < 0.0:
                        v = bound
                elif not abs(change) >= near:
                    break  # near enough, or not a number
            x += v
            y = b0 * x + z1
            z1 = b1 * x - a1 * y + z2
            z2 = b2 * x - a2 * y
            sound[channel, sample] = y
            # Denormal numbers are slow.
            if -1e-30 < x < 1e-30:
                if -1e-30 < bass < 1e-30:
                    bass = 0.0
                if -1e-30 < middle < 1e-30:
                    middle = 0.0
                if -1e-30 < v < 1e-30:
                    v = 0.0
                if -1e-30 < z1 < 1e-30:
                    z1 = 0.0
                if -1e-30 < z2 < 1e-30:
                    z2 = 0.0
        states[channel, 0] = bass
        states[channel, 1] = middle
        states[channel, 2] = v
        states[channel, 3] = z1
        states[channel, 4] = z2


class Ts808(Oversampled):
    """A TS808 with fixed settings; each channel has its own.

    Args:
        sample_rate: In Hz.
        channels: Channels of the sound.
        drive: The drive knob, 0 to 1.
        tone: The tone knob, 0 (dark) to 1.
        level_db: Gain after the pedal in dB; at 0 its output of some 0.6 V is 0.6 of full scale.
    """

    def __init__(
        self, sample_rate: float, channels: int, *, drive: float = 0.5, tone: float = 0.5, level_db: float = -6.0
    ) -> None:
        super().__init__(sample_rate, channels)
        rate = self.inner_rate
        held = FEEDBACK_CAPACITOR * rate
        numerator, denominator = bilinear(*tone_polynomials(tone), rate)
        coupling, shaping = (g / (1 + g) for g in (np.tan(np.pi * f / rate) for f in (COUPLING_HZ, GAIN_HZ)))
        conductance = held + 1 / feedback_resistance(drive)
        diodes = (conductance, SATURATION_CURRENT, THERMAL_VOLTAGE)
        tone_stage = (*(numerator * 10 ** (level_db / 20)), *denominator[1:])
        self._constants = np.array([SUPPLY_SWING, coupling, shaping, 1 / GAIN_RESISTOR, held, *diodes, *tone_stage])
        self._states = np.zeros((channels, 5))

    def distort(self, inner: NDArray[np.float64]) -> None:
        """See :meth:`Oversampled.distort`."""
        _run(inner, self._constants, self._states)
