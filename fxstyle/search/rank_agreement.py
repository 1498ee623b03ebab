"""Whether the cheap distance of a search ranks settings like the full one does, and what both cost."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from fxstyle.effects.renderer import Renderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.search.objectives import LONGEST_SAMPLES, MatchedObjective

_CANDIDATES_AT_ONCE = 4


@dataclass(frozen=True)
class RankAgreement:
    """How the cheap distance compares to the full one on one effect.

    Attributes:
        effect: Its name.
        correlation: Spearman's rank correlation over random settings, the mean over truths.
        cheap_ms: Milliseconds a candidate of the cheap distance.
        full_ms: Milliseconds a candidate of the distance at all six sizes.
    """

    effect: str
    correlation: float
    cheap_ms: float
    full_ms: float


def rank_agreement(
    spec: EffectSpec,
    renderer: Renderer,
    dry: NDArray[np.float32],
    preroll: int,
    sample_rate: int,
    settings: int = 48,
    truths: int = 2,
    seed: int = 0,
) -> RankAgreement:
    """Rank random settings by their distance to hidden random settings, by both distances.

    Args:
        spec: The effect.
        renderer: Renders it.
        dry: ``(channels, preroll + samples)``; at most 65,536 samples after the pre-roll count.
        preroll: Samples that only warm the effect up.
        sample_rate: In Hz.
        settings: Random settings to rank.
        truths: Hidden settings, one after the other.
        seed: Of everything random.
    """
    full = MultiResolutionSTFT()
    rng = np.random.default_rng([seed])
    dry = dry[:, : preroll + LONGEST_SAMPLES]
    correlations, cheap_seconds, full_seconds = [], 0.0, 0.0
    for _ in range(truths):
        positions = np.stack([spec.sample(rng) for _ in range(1 + settings)])
        wet = renderer.render([spec], dry[None], positions[None], sample_rate, preroll).audio[0]
        reference, candidates = wet[0], wet[1:]
        objective = MatchedObjective([reference])
        begin = time.perf_counter()
        cheap = objective(candidates, 0)
        cheap_seconds += time.perf_counter() - begin
        with torch.inference_mode():
            target = full.spectra(torch.from_numpy(reference[None]))
            begin = time.perf_counter()
            parts = torch.from_numpy(candidates).split(_CANDIDATES_AT_ONCE)
            exact = torch.cat([full(part, target) for part in parts]).numpy()
            full_seconds += time.perf_counter() - begin
        correlations.append(float(spearmanr(cheap, exact).statistic))
    count = 1e-3 * settings * truths
    return RankAgreement(spec.name, float(np.mean(correlations)), cheap_seconds / count, full_seconds / count)


def agreement_table(agreements: Iterable[RankAgreement]) -> str:
    """A Markdown table, with the median over effects in the last row."""
    rows = list(agreements)
    lines = ["| effect | rank correlation | search, ms | six sizes, ms |", "|---|---|---|---|"]
    figures = [(row.correlation, row.cheap_ms, row.full_ms) for row in rows]
    for name, values in zip(
        [*(row.effect for row in rows), "median"], [*figures, tuple(np.median(figures, axis=0))], strict=True
    ):
        lines.append(f"| {name} | {values[0]:.3f} | {values[1]:.2f} | {values[2]:.2f} |")
    return "\n".join(lines)
