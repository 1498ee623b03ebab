"""A prediction against its target: the waveform whole and close, and the error."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fxstyle.plots.style import INK, MODEL, MUTED, literal, plain_axes

_CLOSE_SECONDS = 0.02


def waveform_figure(
    prediction: NDArray[np.floating], target: NDArray[np.floating], sample_rate: int, *, title: str = ""
) -> Figure:
    """Draw target, prediction and their difference, whole and 20 ms around the target's loudest sample.

    Args:
        prediction: ``(samples,)``.
        target: ``(samples,)``.
        sample_rate: In Hz.
        title: Title above the panels.

    Raises:
        ValueError: No samples, or the two differ in length.
    """
    prediction, target = np.asarray(prediction, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if prediction.ndim != 1 or prediction.shape != target.shape or not len(target):
        raise ValueError(f"prediction {prediction.shape} and target {target.shape} must both be (samples,)")
    close = max(2, round(_CLOSE_SECONDS * sample_rate))
    loudest = int(np.argmax(np.abs(np.nan_to_num(target))))
    begin = min(max(0, loudest - close // 2), max(0, len(target) - close))
    figure = Figure(figsize=(8.6, 5.0), layout="constrained", facecolor="white")
    for axes, window, name in zip(
        figure.subplots(2, 1),
        (slice(None), slice(begin, begin + close)),
        ("whole", f"{1000 * _CLOSE_SECONDS:.0f} ms around the loudest sample"),
        strict=True,
    ):
        times = np.arange(len(target))[window] / sample_rate
        plain_axes(axes, name)
        axes.plot(times, target[window], color=INK, linewidth=1.4, label="target")
        axes.plot(times, prediction[window], color=MODEL, linewidth=1.0, label="prediction")
        axes.plot(times, (prediction - target)[window], color=MUTED, linewidth=0.8, label="difference")
        axes.set_xlabel("time (s)")
    figure.axes[0].legend(loc="upper right", ncols=3, frameon=False, fontsize=9)
    if title:
        figure.suptitle(literal(title), fontsize=12, color=INK, x=0.01, ha="left")
    return figure
