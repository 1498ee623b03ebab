"""What each control does to a sound, measured through the plugin: how a controller knows a control it never saw."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from fxstyle.audio.levels import Level
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.effects.renderer import Renderer, Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.features.style_features import FEATURES, GROUPS, style_features

BASES = 6
"""Random settings around which each control is moved."""
SECONDS = 1.5
PLACES = (0.0, 0.5, 1.0)
LIMIT = 12.0
"""Differences of style features are cut here: ten times as different is still different."""
RESPONSE = 2 * FEATURES + len(GROUPS)
"""Numbers in the fingerprint of one control."""


def response_fingerprint(spec: EffectSpec, renderer: Renderer, sample_rate: int, channels: int) -> NDArray[np.float32]:
    """Mean change of the style features when a control goes from low to middle and from middle to high.

    Synthetic guitar, bass and drums are rendered around six random settings, always the same ones, so that the
    fingerprint is a function of the effect and the sample rate alone. What failed to render is left out.

    Args:
        spec: The effect, as made by :meth:`EffectSpec.for_channels`.
        renderer: What renders.
        sample_rate: In Hz.
        channels: 1 or 2.

    Returns:
        ``(parameters, RESPONSE)``: the lower half's change, the upper half's, and the mean absolute change of each
        group; zeros for a held control.
    """
    uniform = replace(spec, sampling="uniform")
    source = SyntheticSource(sample_rate, channels, 2 * SECONDS, train_recordings=BASES, seed=7)
    samples = round(SECONDS * sample_rate)
    moving = [place for place, free in enumerate(spec.free) if free]
    result = np.zeros((len(spec.parameters), RESPONSE), dtype=np.float32)
    if not moving:
        return result
    changes: list[NDArray[np.float32]] = []
    for base, recording in enumerate(source.recordings("train")):
        rng = np.random.default_rng([7, base])
        audio = Level().apply(source.read(recording, 0, 2 * samples), sample_rate, rng)
        settings = np.repeat(uniform.sample(rng)[None], len(PLACES) * len(moving), axis=0)
        for row, (control, place) in enumerate((c, p) for c in moving for p in PLACES):
            settings[row, control] = place
        done = renderer.render([spec], audio[None], settings[None], sample_rate, samples)
        features = style_features(torch.from_numpy(done.audio[0]), sample_rate).numpy()
        features = features.reshape(len(moving), len(PLACES), FEATURES)
        failed = (done.status[0] >= Status.NOT_FINITE).reshape(len(moving), len(PLACES))
        change = np.clip(np.diff(features, axis=1), -LIMIT, LIMIT)
        change[failed[:, 1:] | failed[:, :-1]] = np.nan
        changes.append(change)
    every: NDArray[np.float32] = np.stack(changes)
    halves = _mean(every)
    edges = np.cumsum([0, *(count for _, count in GROUPS)])
    groups = [_mean(np.abs(every[..., a:b]).mean(axis=(2, 3))) for a, b in pairwise(edges)]
    result[moving] = np.concatenate((halves.reshape(len(moving), -1), np.stack(groups, axis=1)), axis=1)
    return result


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the bases of what is there; 0 where every render failed."""
    there = ~np.isnan(values)
    return np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
