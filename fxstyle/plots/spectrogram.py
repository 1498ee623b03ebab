"""Spectrograms of dry, wet and reconstructed sound side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from fxstyle.plots.style import INK, MUTED, caption, literal, plain_axes

_LOWEST_HZ = 40.0
_TICKS_HZ = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)


def spectrogram_figure(
    magnitudes: Mapping[str, NDArray[np.floating]],
    frequencies: NDArray[np.floating],
    seconds_per_frame: float,
    *,
    title: str = "",
    range_db: float = 80.0,
) -> Figure:
    """Compare spectrograms on one dB scale, with 0 dB at the largest magnitude of them all.

    Args:
        magnitudes: Linear magnitude ``(bins, frames)`` by name, drawn in the order given, such as dry, wet and
            reconstruction.
        frequencies: ``(bins,)`` centre of each bin in Hz, rising; linear or mel. Drawn on a logarithmic axis.
        seconds_per_frame: Hop in s.
        title: Title above the panels.
        range_db: How far down the scale reaches, in dB.

    Raises:
        ValueError: No spectrogram, or one whose bins are not those of ``frequencies``.
    """
    if not magnitudes:
        raise ValueError("spectrogram_figure needs at least one spectrogram")
    frequencies = np.asarray(frequencies, dtype=np.float64)
    arrays = {name: np.asarray(magnitude, dtype=np.float64) for name, magnitude in magnitudes.items()}
    for name, magnitude in arrays.items():
        if magnitude.ndim != 2 or magnitude.shape[0] != len(frequencies) or magnitude.shape[1] == 0:
            raise ValueError(f"{name}: shape {magnitude.shape} does not fit {len(frequencies)} frequencies")
    reference = max((float(a[np.isfinite(a)].max(initial=0.0)) for a in arrays.values()), default=0.0) or 1.0

    figure = Figure(figsize=(3.4 * len(arrays) + 0.9, 3.5), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(arrays), sharey=True, sharex=True, squeeze=False)[0]
    audible = frequencies >= min(_LOWEST_HZ, frequencies[-1])
    missing = []
    mesh = None
    for axes, (name, magnitude) in zip(panels, arrays.items(), strict=True):
        if bad := int(magnitude.size - np.isfinite(magnitude).sum()):
            missing.append(f"{name}: {bad:,} of {magnitude.size:,} bins are not finite (white).")
        decibels = 20 * np.log10(np.maximum(magnitude[audible] / reference, 10 ** (-range_db / 20)))
        plain_axes(axes, name)
        axes.grid(False)
        times = np.arange(magnitude.shape[1]) * seconds_per_frame
        mesh = axes.pcolormesh(
            times,
            frequencies[audible],
            np.ma.masked_invalid(decibels),
            cmap="magma",
            vmin=-range_db,
            vmax=0.0,
            shading="nearest",
            rasterized=True,
        )
        axes.set_yscale("log")
        axes.set_xlabel("time (s)")
    panels[0].set_ylabel("frequency (Hz)")
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda hertz, _: f"{hertz:,.0f}"))
    panels[0].yaxis.set_major_locator(FixedLocator([hertz for hertz in _TICKS_HZ if hertz <= frequencies[-1]]))
    panels[0].yaxis.set_minor_locator(NullLocator())
    assert mesh is not None
    bar = figure.colorbar(mesh, ax=list(panels), pad=0.015, aspect=28)
    bar.set_label("magnitude (dB re the loudest bin)", fontsize=10, color=INK)
    bar.ax.tick_params(labelsize=9.5, colors=INK)
    bar.outline.set_edgecolor(MUTED)
    if title:
        figure.suptitle(literal(title), fontsize=12, color=INK, x=0.01, ha="left")
    if missing:
        caption(figure, missing)
    return figure
