"""Finds the sweep of a phaser in dry and wet recordings, before anything is trained."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from fxstyle.data.pair import Pair
from fxstyle.models.all_pass_loops import all_passes
from fxstyle.models.lfo_identification import (
    Excerpts,
    Floats,
    assign_settings,
    excerpts_of,
    fit_paths,
    flat_values,
    refine,
    search,
    set_flat_values,
    settings_of,
)

if TYPE_CHECKING:
    from fxstyle.models.phaser import Phaser

_log = logging.getLogger(__name__)

_CONTEXT_S = 0.1
_CENTRES_HZ = (250.0, 600.0, 1500.0)
_RATES_HZ = (0.25, 0.7, 2.0, 5.0)
_EVALUATIONS = 250
_FOUND = 0.005
"""Error from which no other start is tried."""


def identify_phaser(model: Phaser, pairs: Sequence[Pair], sample_rate: int) -> None:
    """Fit a model to each setting of training pairs, then give it all of them."""
    found, conditions = [], []
    device = model.device
    for condition, group in settings_of(pairs):
        single = model.of_one_setting(condition)
        excerpts = excerpts_of(group, sample_rate, int(_CONTEXT_S * sample_rate), 2.0, 8)
        error = identify_setting(single, excerpts)
        _log.info("setting %s: an error of %.2g of the training sound is left", condition.tolist(), error)
        found.append(single)
        conditions.append(condition)
    assign_settings(model.cpu(), np.array(conditions, dtype=np.float64), found)
    model.to(device)


@torch.no_grad()
def identify_setting(model: Phaser, excerpts: Excerpts, ridge: float = 1e-5) -> float:
    """Fit a model without conditions to excerpts; returns the error-to-signal ratio left."""
    searched = [model.sweep, model.lfo.phase, model.lfo.rate]
    searched += [model.feedback] if model.feedback is not None else []
    short = excerpts.first(2)

    def residual(values: Floats, sounds: Excerpts) -> Tensor:
        set_flat_values(searched, values)
        return _residual(model, sounds, ridge)

    def error(values: Floats, sounds: Excerpts) -> float:
        return float(residual(values, sounds).square().sum() / sounds.wet.square().sum())

    results: list[Any] = []
    for centre in _CENTRES_HZ:
        for rate in (0.0,) if model.lfo.is_given else np.log(_RATES_HZ):
            model.sweep.base.copy_(torch.tensor([log(centre), 1.0]))
            model.lfo.rate.base.fill_(rate)
            start = flat_values(searched)
            spread = np.full(len(start), 0.2)
            spread[:4] = (0.5, 0.5, 0.3, 0.3)
            results.append(search(lambda values: error(values, short), start, spread, _EVALUATIONS, len(results)))
        if min(result[0] for result in results) < _FOUND:
            break
    results.sort(key=lambda result: result[0])
    longer = [
        search(lambda values: error(values, short), start, np.full(len(start), 0.1), 2 * _EVALUATIONS, 0)
        for _, start in results[:2]
    ]
    set_flat_values(searched, min(longer, key=lambda result: result[0])[1])
    searched.append(model.lfo.harmonics)
    start = flat_values(searched)
    _, values = refine(lambda values: residual(values, excerpts), start, np.full(len(start), 1e-3))
    return error(values, excerpts)


def _residual(model: Phaser, sounds: Excerpts, ridge: float) -> Tensor:
    """What the best gains and shelves leave; the model takes them."""
    batch, samples = sounds.dry.shape
    coefficients = model.coefficients(sounds.seconds, samples, None)
    stored, last = torch.zeros(batch, model.stages), torch.zeros(batch)
    swept, _ = all_passes(sounds.dry, coefficients, model.returned(None, batch), stored, last)
    return fit_paths(model.dry, model.wet, swept, sounds, ridge)
