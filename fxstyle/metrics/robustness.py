"""What a model makes of input that no recording holds: far too loud, silent, constant, single impulses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import from_db, peak_db
from fxstyle.metrics.aliasing import Render
from fxstyle.metrics.style import level_db

SECONDS = 60.0
LOUD_DB = 12.0
SILENCE_LIMIT_DB = -80.0
DRIFT_LIMIT_DB = 1.0
"""Most that a level may rise or fall in a minute under input that repeats itself every second."""


def robustness(render: Render, sample_rate: int, seconds: float = SECONDS) -> dict[str, float]:
    """Numbers about a model's output for four inputs, and for silence after sound; see :func:`weaknesses`.

    The inputs are noise that repeats itself every second with its peak at +12 dBFS, silence, an offset of 0.5, and an
    impulse of full scale every second.

    Args:
        render: From ``(1, samples)`` to the same shape; each call starts from the initial state.
        sample_rate: In Hz.
        seconds: Length of each input.

    Returns:
        ``<input>_not_finite``, the number of samples that are no numbers; ``<input>_drift``, the level in the last
        quarter against that in the second one, in dB a minute (the first may settle); ``loud_peak`` in dBFS;
        ``silence_level`` in the second half of silence and ``silence_after_loud_level`` in the last quarter where the
        first is loud, both RMS in dBFS and not below -100.
    """
    samples = round(seconds * sample_rate)
    quarter = samples // 4
    repeated = np.arange(samples) % sample_rate
    second = np.random.default_rng(0).standard_normal(sample_rate)
    second -= second.mean()
    loud = (from_db(LOUD_DB) / np.abs(second).max() * second).astype(np.float32)[repeated]
    inputs = {
        "loud": loud,
        "silence": np.zeros(samples, np.float32),
        "offset": np.full(samples, 0.5, np.float32),
        "impulses": (repeated == sample_rate // 2).astype(np.float32),
        "silence_after_loud": np.where(np.arange(samples) < quarter, loud, np.float32(0)),
    }
    found: dict[str, float] = {}
    for name, audio in inputs.items():
        output = render(audio[None])
        found[f"{name}_not_finite"] = float((~np.isfinite(output)).sum())
        if name in ("loud", "offset", "impulses"):
            found[f"{name}_drift"] = _drift(output, sample_rate)
        if name == "loud":
            found["loud_peak"] = peak_db(output)
        if name == "silence":
            found["silence_level"] = level_db(output[:, samples // 2 :])
        if name == "silence_after_loud":
            found["silence_after_loud_level"] = level_db(output[:, -quarter:])
    return found


def weaknesses(found: dict[str, float]) -> list[str]:
    """Names of the numbers of :func:`robustness` that no model should show.

    Those are samples that are no numbers, silence above -80 dBFS, a level that drifts by more than 1 dB a minute under
    input that repeats itself, and one that rises as fast under a constant, which effects are free to let die away.
    """
    bad = []
    for name, value in found.items():
        if name.endswith("not_finite"):
            sound = value == 0
        elif name.endswith("level"):
            sound = value <= SILENCE_LIMIT_DB
        elif name == "offset_drift":
            sound = value <= DRIFT_LIMIT_DB
        elif name.endswith("drift"):
            sound = abs(value) <= DRIFT_LIMIT_DB
        else:
            continue
        if not sound:
            bad.append(name)
    return bad


def _drift(output: NDArray[np.float32], sample_rate: int) -> float:
    """Level of the last quarter against that of the second one, in dB a minute."""
    quarter = output.shape[1] // 4
    change = level_db(output[:, -quarter:]) - level_db(output[:, quarter : 2 * quarter])
    return change / (2 * quarter / sample_rate / 60)
