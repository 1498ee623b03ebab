"""How late an effect is and how long it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.bench import Bench
from fxstyle.doctor.findings import Finding
from fxstyle.doctor.soundness import settings_to_try
from fxstyle.doctor.sounds import noise
from fxstyle.effects.parameter import Parameter

LATE_SAMPLES = 2
"""Filters turn the phase by about a sample; a latency that nobody took away is longer."""
ALIKE = 0.9
TAIL_LEVEL = 1e-3
TAIL_SLACK_SECONDS = 0.1
LONGEST_TAIL_SECONDS = 30.0
_BURST_SECONDS = 0.1


def check_latency(bench: Bench, count: int, seed: int, facts: dict[str, Any]) -> Iterator[Finding]:
    """Find the setting whose output is most like its input, and where the likeness is greatest.

    Settings tried are the default, each control at its ends and middle alone, and random ones; without one that is
    much like its input there is no verdict. Sets ``facts['latency_samples']``.
    """
    audio = _dull_noise(bench)
    settings = np.concatenate(
        [_around_defaults(bench.spec.parameters, bench.spec.defaults), settings_to_try(bench.spec, count, seed)]
    )
    wet, _ = bench.render(audio, settings)
    found = [_lag(one[0], audio[0]) for one in wet]
    likeness, lag = max(found, key=lambda pair: round(pair[0], 3) - 1e-6 * abs(pair[1]))
    facts["latency_samples"] = lag if likeness >= ALIKE else None
    facts["latency_likeness"] = round(likeness, 4)
    if likeness >= ALIKE and lag:
        yield Finding(
            "latency",
            f"its output is {lag} samples ({1000 * lag / bench.sample_rate:.1f} ms) late at {bench.sample_rate} Hz "
            f"(likeness {likeness:.3f}), after the latency it reports was taken away",
            strength=abs(lag) / LATE_SAMPLES,
        )


def _dull_noise(bench: Bench) -> NDArray[np.float32]:
    """Mono noise, or the same on both sides, without the octaves that filters turn most."""
    from scipy.signal import butter, sosfilt

    channels = 2 if bench.spec.channels == "stereo" else 1
    drawn = noise(1, bench.sample_rate // 2, 41, 0.0)
    dull = sosfilt(butter(2, 2000, fs=bench.sample_rate, output="sos"), drawn)
    return np.repeat(0.25 * dull / np.abs(dull).max(), channels, axis=0).astype(np.float32)


def _around_defaults(parameters: tuple[Parameter, ...], defaults: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = []
    for place, parameter in enumerate(parameters):
        for position in (0.0, 0.5, 1.0):
            row = defaults.copy()
            if not parameter.held:
                row[place] = position
            rows.append(row)
    return np.array(rows or [defaults], dtype=np.float32)


def _lag(wet: NDArray[np.float32], dry: NDArray[np.float32]) -> tuple[float, int]:
    """Largest normalised cross-correlation, either sign, and by how many samples the output is late there."""
    from scipy.signal import correlate

    power = float(np.sqrt(np.sum(np.square(wet, dtype=np.float64)) * np.sum(np.square(dry, dtype=np.float64))))
    if not power:
        return 0.0, 0
    likeness = np.abs(correlate(wet.astype(np.float64), dry.astype(np.float64), method="fft")) / power
    return float(likeness.max()), int(np.argmax(likeness)) - (len(dry) - 1)


def check_tail(
    bench: Bench, count: int, seed: int, facts: dict[str, Any], longest: float = LONGEST_TAIL_SECONDS
) -> Iterator[Finding]:
    """Play a burst and wait until nothing above -60 dB of its peak comes, at the default and at random settings.

    What comes without a burst as well, such as hum, is no tail. Sets ``facts['tail_seconds']`` (default) and
    ``facts['longest_tail_seconds']`` (worst); what still sounds after ``longest`` s counts as that long.
    """
    spec = bench.spec
    tails = [_tail(bench, setting, longest) for setting in settings_to_try(spec, count, seed)]
    worst = max(tails)
    facts["tail_seconds"], facts["longest_tail_seconds"] = round(tails[0], 3), round(worst, 3)
    facts["tail_ends"] = worst < longest
    if worst > TAIL_SLACK_SECONDS / 2:
        more = "" if facts["tail_ends"] else " or more"
        yield Finding(
            "tail",
            f"it sounds {tails[0]:.2f} s after its input at the default and up to {worst:.2f} s{more} elsewhere, "
            f"but its spec says {spec.tail_seconds:g} s",
            strength=worst / (spec.tail_seconds + TAIL_SLACK_SECONDS),
        )


def _tail(bench: Bench, setting: NDArray[np.float32], longest: float) -> float:
    """How long one setting sounds after its input, in s."""
    rate, channels = bench.sample_rate, 1 if bench.spec.channels == "mono" else 2
    burst = round(_BURST_SECONDS * rate)
    seconds = 2.0
    while True:
        audio = np.zeros((channels, burst + round(seconds * rate)), np.float32)
        audio[:, :burst] = noise(channels, burst, 42)
        heard = bench.one(audio, setting) - bench.one(np.zeros_like(audio), setting)
        level = np.abs(heard).max(axis=0)
        loud = np.flatnonzero(level > TAIL_LEVEL * level.max()) if level.max() > 0 else np.zeros(0)
        end = max(int(loud[-1]) + 1 - burst, 0) / rate if len(loud) else 0.0
        if end < 0.8 * seconds or seconds >= longest:
            return longest if end > 0.99 * longest else end
        seconds = min(4 * seconds, longest)
