"""Finds the delays of chorus and flanger in dry and wet recordings, before anything is trained."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import log, pi
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fxstyle.data.pair import Pair
from fxstyle.models.delay_loops import read_delay
from fxstyle.models.lfo_identification import (
    Excerpts,
    Floats,
    assign_settings,
    bright_error,
    excerpts_of,
    fit_paths,
    flat_values,
    refine,
    search,
    set_flat_values,
    settings_of,
)

if TYPE_CHECKING:
    from fxstyle.models.modulated_delay import ModulatedDelay

_log = logging.getLogger(__name__)

_WINDOW_S, _HOP_S = 0.023, 0.0116
_BIN_MS = 0.2
_SWINGS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
_PHASES = 16
_CANDIDATES = 5
_FOUND = 0.02
"""Error from which no other candidate is tried."""
_COMPARABLE = 2.0


def identify_delay(model: ModulatedDelay, pairs: Sequence[Pair], sample_rate: int) -> None:
    """Fit a model to each setting of training pairs, then give it all of them."""
    found, conditions = [], []
    device = model.device
    for condition, group in settings_of(pairs):
        single = model.of_one_setting(condition)
        excerpts = excerpts_of(group, sample_rate, 2 * single.past, 2.0, 8)
        error = identify_setting(single, excerpts)
        _log.info("setting %s: an error of %.2g of the training sound is left", condition.tolist(), error)
        found.append(single)
        conditions.append(condition)
    assign_settings(model.cpu(), np.array(conditions, dtype=np.float64), found)
    model.to(device)


@torch.no_grad()
def identify_setting(model: ModulatedDelay, excerpts: Excerpts, ridge: float = 1e-6) -> float:
    """Fit a model without conditions to excerpts; returns the error-to-signal ratio left."""
    searched = [model.delay, model.lfo.phase, model.lfo.rate]
    searched += [model.feedback] if model.feedback is not None else []
    searched += [model.offsets, model.levels] if model.taps > 1 else []
    short = excerpts.first(2)

    def residual_of(values: Floats, sounds: Excerpts) -> Tensor:
        set_flat_values(searched, values)
        return _residual(model, sounds, ridge)

    def error(values: Floats) -> float:
        return float(residual_of(values, short).square().sum() / short.wet.square().sum())

    results = []
    for place, (centre, swing, phase, rate) in enumerate(_candidates(model, excerpts)):
        model.delay.base.copy_(torch.tensor([log(centre), log(swing / (1.0 - swing))]))
        model.lfo.phase.base.fill_(phase)
        model.lfo.rate.base.fill_(rate)
        start = flat_values(searched)
        spread = np.full(len(start), 0.15)
        spread[:4] = (0.03, 0.2, 0.03, 0.1 if model.lfo.is_given else 0.03)
        results.append(search(error, start, spread, 300, place))
        if results[-1][0] < _FOUND:
            break
    # Of one held note, delays a period apart explain the loud partials equally well: its attack and its soft high
    # partials tell them apart.
    low = min(result[0] for result in results)
    near = [values for left, values in results if left <= _COMPARABLE * low]
    best = min(near, key=lambda values: bright_error(residual_of(values, short), short.wet))
    refined = [*searched, model.lfo.harmonics]
    set_flat_values(searched, best)
    start = flat_values(refined)

    def residual(values: Floats) -> Tensor:
        set_flat_values(refined, values)
        return _residual(model, excerpts, ridge)

    _, values = refine(residual, start, np.full(len(start), 1e-3))
    left = residual(values)
    return float(left.square().sum() / excerpts.wet.square().sum())


def _residual(model: ModulatedDelay, sounds: Excerpts, ridge: float) -> Tensor:
    """What the best gains and shelves leave; the model takes them."""
    batch, samples = sounds.dry.shape
    line = torch.cat([torch.zeros(batch, model.past), sounds.dry], dim=1)
    delays = model.delays(sounds.seconds, samples, None)
    heard, _ = read_delay(
        line, torch.zeros(batch), model.returned(None, batch), delays, model.cubic, int(model.shortest)
    )
    voices = (model.levels.base[None, :, None] * heard).sum(dim=1) if model.taps > 1 else heard[:, 0]
    return fit_paths(model.dry, model.wet, voices, sounds, ridge)


def _candidates(model: ModulatedDelay, sounds: Excerpts) -> list[tuple[float, float, float, float]]:
    """Centre in ms, swing, phase in turns and rate value of the likeliest paths through the lags of short frames."""
    picture, times = lag_picture(sounds, model.sample_rate, model.longest)
    rates = [float(model.lfo.hertz(None, 1))] if model.lfo.is_given else list(np.geomspace(0.1, 8.0, 60))
    centres = np.geomspace(model.shortest, 0.95 * model.longest, 160) * 1000.0 / model.sample_rate
    bins = picture.shape[1]
    rows = np.arange(len(picture))
    best = np.full(len(centres), -np.inf)
    where = [(0.0, 0.0, 0.0)] * len(centres)
    for rate in rates:
        for phase in np.arange(_PHASES) / _PHASES:
            angles = torch.from_numpy(2.0 * pi * ((times * rate + phase) % 1.0))[None].float()
            wave = model.lfo.wave(angles, None)[0].double().numpy()
            for swing in _SWINGS:
                lags = centres[:, None] * (1.0 + swing * wave) / _BIN_MS
                score = picture[rows, np.clip(lags.astype(int), 0, bins - 1)].mean(axis=1)
                for place in np.flatnonzero(score > best):
                    best[place] = score[place]
                    where[place] = (swing, phase, rate)
    inner = np.r_[-np.inf, best, -np.inf]
    peaks = np.flatnonzero((best >= inner[:-2]) & (best >= inner[2:]))
    chosen = sorted(peaks, key=lambda place: -best[place])[:_CANDIDATES]
    return [
        (centres[place], where[place][0], where[place][1], 0.0 if model.lfo.is_given else log(where[place][2]))
        for place in chosen
    ]


def lag_picture(sounds: Excerpts, sample_rate: int, longest: float) -> tuple[Floats, Floats]:
    """How alike wet and dry are at each lag, frame by frame.

    What the best gain explains is taken from the wet sound first. The cross-spectra are whitened in part, so that a
    note's period is not taken for a delay.

    Args:
        sounds: Excerpts of one setting, with a context longer than the longest lag.
        sample_rate: In Hz.
        longest: Longest lag in samples.

    Returns:
        ``(frames, bins)`` with bins of 0.2 ms, and each frame's middle in s since the reset ``(frames,)``.

    Source: Knapp and Carter 1976 (generalised cross-correlation).
    """
    window, hop, reach = int(_WINDOW_S * sample_rate), int(_HOP_S * sample_rate), int(longest)
    dry, wet = sounds.dry.double(), sounds.wet.double()
    direct = dry[:, sounds.context :]
    rest = wet - (direct * wet).sum() / direct.square().sum().clamp_min(1e-12) * direct
    heard = rest.unfold(1, window, hop)
    played = dry[:, sounds.context - reach :].unfold(1, window + reach, hop)
    size = 1 << (2 * window + reach - 1).bit_length()
    taper = torch.hann_window(window, dtype=torch.float64)
    cross = torch.fft.rfft(heard * taper, size) * torch.fft.rfft(played, size).conj()
    cross = cross / (cross.abs() ** 0.7 + 1e-9)
    likeness = torch.fft.irfft(cross, size)
    # The dry stretch begins ``reach`` samples before the frame: lag 0 lies last.
    likeness = torch.cat([likeness[..., -reach:], likeness[..., :1]], dim=-1).abs()
    per_bin = (torch.arange(reach + 1) * (1000.0 / sample_rate / _BIN_MS)).long()
    bins = int(per_bin[-1]) + 1
    picture = torch.zeros(*likeness.shape[:2], bins, dtype=torch.float64)
    picture = picture.scatter_reduce(2, per_bin.expand_as(likeness), likeness, "amax")
    picture = picture / picture.amax(dim=2, keepdim=True).clamp_min(1e-12)
    blurred = torch.nn.functional.avg_pool1d(picture.flatten(0, 1)[:, None], 3, 1, 1)[:, 0]
    energy = played[..., reach:].square().sum(dim=2).flatten()
    blurred = blurred * (energy / energy.max().clamp_min(1e-12)).clamp(max=0.01)[:, None] * 100.0
    starts = torch.arange(heard.shape[1]) * hop + sounds.context + window / 2
    times = sounds.seconds[:, None] + starts.double() / sample_rate
    return blurred.numpy(), times.flatten().numpy()
