"""Pictures of one match: long-term spectra, and the course of the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fxstyle.plots.style import BASELINE, CLEAN, INK, MODEL, literal, plain_axes

_FFT = 4096
_LOWEST_HZ = 30.0
_BANDS_PER_OCTAVE = 6
_RANGE_DB = 90.0
_STYLES = ((CLEAN, "-", 2.0), (MODEL, "-", 2.2), ("#d55e00", "--", 1.8))


def long_term_spectrum(audio: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean level over time in sixth-octave bands.

    Args:
        audio: ``(channels, samples)``; power is averaged over the channels.
        sample_rate: In Hz.

    Returns:
        Centres in Hz and levels in dB, ``(bands,)`` each.
    """
    padded = np.pad(audio, ((0, 0), (0, max(_FFT - audio.shape[1], 0))))
    window = np.hanning(_FFT).astype(np.float32)
    starts = range(0, padded.shape[1] - _FFT + 1, _FFT // 2)
    power = np.zeros(_FFT // 2 + 1)
    for start in starts:
        power += (np.abs(np.fft.rfft(padded[:, start : start + _FFT] * window)) ** 2).mean(axis=0)
    power /= len(starts) * float((window**2).sum())
    hz = np.fft.rfftfreq(_FFT, 1 / sample_rate)
    octaves = np.log2(sample_rate / 2 / _LOWEST_HZ)
    edges = _LOWEST_HZ * 2 ** (np.arange(int(octaves * _BANDS_PER_OCTAVE) + 1) / _BANDS_PER_OCTAVE)
    centres = np.sqrt(edges[:-1] * edges[1:])
    inside = (hz >= edges[:-1, None]) & (hz < edges[1:, None])
    counts = inside.sum(axis=1)
    # Bands narrower than a bin take what lies between the bins around them.
    banded = np.where(counts > 0, inside @ power / np.maximum(counts, 1), np.interp(centres, hz, power))
    return centres, 10 * np.log10(np.maximum(banded, 1e-20))


def spectra_figure(sounds: Mapping[str, NDArray[np.float32]], sample_rate: int) -> Figure:
    """Draw the long-term spectra of up to three sounds ``(channels, samples)``, by name."""
    figure = Figure(figsize=(8.6, 3.8), layout="constrained", facecolor="white")
    axes = figure.subplots()
    plain_axes(axes, "Long-term spectra")
    highest = -np.inf
    for (name, sound), (colour, line, width) in zip(sounds.items(), _STYLES, strict=False):
        hz, level = long_term_spectrum(sound, sample_rate)
        axes.plot(hz, level, line, color=colour, linewidth=width, label=literal(name))
        highest = max(highest, float(level.max()))
    axes.set_xscale("log")
    axes.set_ylim(max(highest - _RANGE_DB, -200.0), highest + 5)
    ticks = [tick for tick in (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000) if tick < sample_rate / 2]
    axes.set_xticks(ticks, [f"{tick // 1000}k" if tick >= 1000 else str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("frequency in Hz")
    axes.set_ylabel("level in dB")
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK)
    return figure


def search_figure(history: Sequence[tuple[int, float]], identity: float, metric: str) -> Figure:
    """Draw the best score so far over the renders, beside that of the dry sound; lower is nearer.

    Args:
        history: Renders and best score.
        identity: Score of the dry sound.
        metric: What the score is.
    """
    figure = Figure(figsize=(8.6, 3.2), layout="constrained", facecolor="white")
    axes = figure.subplots()
    plain_axes(axes, "Best so far")
    points = [(renders, score) for renders, score in history if np.isfinite(score)]
    if points:
        renders, scores = zip(*points, strict=True)
        axes.plot(renders, scores, color=MODEL, linewidth=2.2, drawstyle="steps-post", label="best settings")
        axes.plot(renders[-1:], scores[-1:], "o", color=MODEL)
    axes.axhline(identity, color=BASELINE, linewidth=1.8, linestyle="--", label="the dry sound itself")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("renders")
    axes.set_ylabel(literal(metric))
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK)
    return figure
