"""A noise gate with hysteresis and hold.

The level is the peak over all channels, which falls with 10 ms, so that it bridges the half waves of a guitar's lowest
string. The gate opens when the level reaches the threshold, and starts to close when it has been below the threshold
less the hysteresis for the hold time without a break. Opening raises the gain in a straight line, from wherever it is,
such that all of the range takes the attack time; closing lowers it evenly in dB, such that all of the range takes the
release time. All channels share one gain, so that the stereo image stays.

Source: the structure (detector, hysteresis, hold, attack and release) is that of Zölzer 2011, "DAFX: Digital Audio
Effects", section 4.2 on noise gates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.dsp.compiling import compiled

LEVEL_SECONDS = 0.01
"""Time constant with which the measured level falls."""


@compiled("void(float32[:, ::1], float32[:, ::1], float64[::1], float64[::1])")
def _run(
    audio: NDArray[np.float32], result: NDArray[np.float32], constants: NDArray[np.float64], state: NDArray[np.float64]
) -> None:
    opening, closing, falling, floor, up, down, hold = constants
    level, gain, left, is_open = state
    for sample in range(audio.shape[1]):
        level *= falling
        for channel in range(audio.shape[0]):
            peak = abs(float(audio[channel, sample]))
            if peak > level:
                level = peak
        if level < 1e-30:
            level = 0.0
        if level >= opening:
            is_open = 1.0
        if is_open > 0.0:
            if level >= closing:
                left = hold
            elif left > 0.0:
                left -= 1.0
            else:
                is_open = 0.0
        gain = min(1.0, gain + up) if is_open > 0.0 else max(floor, gain * down)
        for channel in range(audio.shape[0]):
            result[channel, sample] = gain * audio[channel, sample]
    state[0] = level
    state[1] = gain
    state[2] = left
    state[3] = is_open


class Gate:
    """A noise gate with fixed settings, closed at first.

    Args:
        sample_rate: In Hz.
        channels: Channels of the sound.
        threshold_db: Peak level in dBFS at which it opens.
        hysteresis_db: How much further in dB the level must fall for it to close.
        attack_ms: Time from closed to open in ms.
        hold_ms: How long in ms the level must stay down before it closes.
        release_ms: Time from open to closed in ms.
        range_db: Gain in dB while it is closed.
    """

    latency = 0

    def __init__(
        self,
        sample_rate: float,
        channels: int,
        *,
        threshold_db: float = -45.0,
        hysteresis_db: float = 6.0,
        attack_ms: float = 1.0,
        hold_ms: float = 50.0,
        release_ms: float = 100.0,
        range_db: float = -80.0,
    ) -> None:
        attack, hold, release = (ms * sample_rate / 1000 for ms in (attack_ms, hold_ms, release_ms))
        opening, closing, floor = (10 ** (x / 20) for x in (threshold_db, threshold_db - hysteresis_db, range_db))
        up, down = (1 - floor) / max(attack, 1.0), floor ** (1 / max(release, 1.0))
        falling = np.exp(-1 / (LEVEL_SECONDS * sample_rate))
        self._constants = np.array([opening, closing, falling, floor, up, down, np.round(hold)])
        self._state = np.array([0.0, floor, 0.0, 0.0])

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece ``(channels, n)`` and give as much."""
        result = np.empty(audio.shape, dtype=np.float32)
        _run(np.ascontiguousarray(audio), result, self._constants, self._state)
        return result
