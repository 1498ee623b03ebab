"""A two-transistor germanium fuzz after the Fuzz Face: a simplified model of the circuit, not a solution of it.

Full scale is one volt. All stages run at the oversampled rate:

1. The input couples through 2.2 uF. The first transistor's base draws its current through 30 kOhm at rest, and through
   10 kOhm more while it is driven beyond what the second transistor can follow. Loud sound so charges the capacitor to
   one side: the halves of the wave become unequally long, which keeps even harmonics at any gain, and a soft note after
   a loud one is choked for some 70 ms. The two resistances stand for the junction; they are chosen, not measured.
2. The first transistor's collector-base capacity, 100 pF times its gain of 40, into 10 kOhm: a low-pass at 3.9 kHz.
3. One gain, ``fuzz_db``, up to the second transistor's collector, which rests at ``bias`` of the 9 V supply. Towards
   the supply the current dies away exponentially (a soft knee), towards ground the transistor saturates (a hard one).
4. The output couples through 10 nF into 500 kOhm: a high-pass at 32 Hz. A swing over the whole supply is 1 at 0 dB.

Sources: Keen 1998, "The technology of the Fuzz Face" (stages, values, the bias at half the supply); Holmes, Holters and
van Walstijn 2017, "Comparison of germanium bipolar junction transistor models for real-time circuit simulation"
(DAFx-17: what the full circuit does).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.dsp.compiling import compiled
from fxstyle.effects.dsp.oversampling import Oversampled

SUPPLY = 9.0
INPUT_SWING = 4.5
INPUT_CAPACITOR, REST_RESISTANCE, DRIVEN_RESISTANCE = 2.2e-6, 30e3, 10e3
CAPACITY_HZ = 1 / (2 * np.pi * 10e3 * 100e-12 * 41)
OUTPUT_HZ = 1 / (2 * np.pi * 10e-9 * 500e3)
SOFT_KNEE, HARD_KNEE = 0.06, 0.01
"""Widths of the knees towards the supply and towards ground, in parts of the supply."""


@compiled("void(float64[:, ::1], float64[::1], float64[:, ::1])")
def _run(sound: NDArray[np.float64], constants: NDArray[np.float64], states: NDArray[np.float64]) -> None:
    swing, at_rest, driven, turn_on, capacity, gain, headroom, soft, hard, rest, output, level = constants
    for channel in range(sound.shape[0]):
        charge, dark, slow = states[channel]
        for sample in range(sound.shape[1]):
            x = sound[channel, sample]
            if x > swing:
                x = swing
            elif x < -swing:
                x = -swing
            base = x - charge
            charge += at_rest * base
            if base > turn_on:
                charge += driven * (base - turn_on)
            step = (base - dark) * capacity
            x = dark + step
            dark += 2.0 * step
            # Current through the second transistor, then its collector, both in parts of the supply.
            current = headroom - gain * x
            if current < 30.0 * soft:
                current = max(current, 0.0) + soft * np.log1p(np.exp(-abs(current) / soft))
            collector = 1.0 - current
            if collector < 30.0 * hard:
                collector = max(collector, 0.0) + hard * np.log1p(np.exp(-abs(collector) / hard))
            y = collector - rest
            step = (y - slow) * output
            sound[channel, sample] = level * (y - slow - step)
            slow += 2.0 * step
            # Denormal numbers are slow.
            if -1e-30 < y < 1e-30:
                if -1e-30 < charge < 1e-30:
                    charge = 0.0
                if -1e-30 < dark < 1e-30:
                    dark = 0.0
                if -1e-30 < slow < 1e-30:
                    slow = 0.0
        states[channel, 0] = charge
        states[channel, 1] = dark
        states[channel, 2] = slow


class Fuzz(Oversampled):
    """A fuzz with fixed settings; each channel has its own.

    Args:
        sample_rate: In Hz.
        channels: Channels of the sound.
        fuzz_db: Voltage gain in dB from the input to the second transistor's collector.
        bias: Where that collector rests between ground (0) and the supply (1).
        level_db: Gain after the pedal in dB; at 0 the whole swing of the collector is 1 of full scale.
    """

    def __init__(
        self, sample_rate: float, channels: int, *, fuzz_db: float = 45.0, bias: float = 0.5, level_db: float = -6.0
    ) -> None:
        super().__init__(sample_rate, channels)
        rate = self.inner_rate
        gain = 10 ** (fuzz_db / 20) / SUPPLY
        capacity, output = (g / (1 + g) for g in (np.tan(np.pi * f / rate) for f in (CAPACITY_HZ, OUTPUT_HZ)))
        at_rest, driven = (1 / (rate * INPUT_CAPACITOR * r) for r in (REST_RESISTANCE, DRIVEN_RESISTANCE))
        curve = [gain, 1 - bias, SOFT_KNEE, HARD_KNEE]
        before = [INPUT_SWING, at_rest, driven, (1 - bias) / gain, capacity]
        # The collector at rest, from the loop itself, so that silence stays silence to the bit.
        rest = np.zeros((1, 1))
        _run(rest, np.array([*before, *curve, 0.0, 0.0, 1.0]), np.zeros((1, 3)))
        self._constants = np.array([*before, *curve, rest[0, 0], output, 10 ** (level_db / 20)])
        self._states = np.zeros((channels, 3))

    def distort(self, inner: NDArray[np.float64]) -> None:
        """See :meth:`Oversampled.distort`."""
        _run(inner, self._constants, self._states)
