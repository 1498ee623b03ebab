"""How near a model is to an effect it emulates, beside the trivial baselines, on whole recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.data.pair import Pair
from fxstyle.metrics.emulation import SKILL_FLOOR, recording_scores
from fxstyle.metrics.emulation_baselines import ARMS, LinearBaselines
from fxstyle.metrics.intervals import MEAN, RATIO_OF_SUMS, Interval, Statistic, clustered_bootstrap
from fxstyle.report.tables import MACRO, MODEL, Result

Sound = NDArray[np.float32]
FULLY_SCORED = (MODEL, "identity", "fir")
"""Arms with all metrics; the others have errors of the waveform only."""
_COMMON = ("wet", "product", "dry")
PER_RECORDING = ("mae", "mrstft", "lufs", "centroid", "drift", "silence")
"""Metrics that are means over recordings; the error-to-signal ratio is a ratio of sums."""


@dataclass(frozen=True)
class Scope:
    """What the rows of the table have in common.

    Attributes:
        run: Name of the run.
        split: ``val`` or ``test``.
        dataset: Name of the recordings.
        effect: The effect or device.
        seed: Seeds the bootstrap.
    """

    run: str
    split: str
    dataset: str
    effect: str
    seed: int


@dataclass(frozen=True)
class Scored:
    """One recording at one setting, scored.

    Attributes:
        pair: What was scored.
        sums: Energies of the error of each arm, and ``wet``, ``dry`` and ``product``: what ratios are made of.
        scores: :func:`fxstyle.metrics.emulation.recording_scores` of each arm that is fully scored.
    """

    pair: Pair
    sums: Mapping[str, float]
    scores: Mapping[str, Mapping[str, float]]


def _combine_skill(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """From error, wet, product and dry; ``nan`` where the best gain leaves next to nothing."""
    error, wet, product, dry = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = wet - np.where(dry > 0, product**2 / dry, 0.0)
        return np.where(left >= SKILL_FLOOR * wet, 1 - error / left, np.nan)


SKILL = Statistic(
    terms=lambda error, wet, product, dry: np.stack([error, wet, product, dry], axis=1), combine=_combine_skill
)
"""``1 - ESR / ESR(gain)`` from energies."""


def score_pair(pair: Pair, sounds: Mapping[str, Sound], sample_rate: int) -> Scored:
    """Score what each arm makes of a pair; ``sounds`` are ``(1, samples)``, as long as the pair, by arm."""
    dry, wet = pair.dry.astype(np.float64).ravel(), pair.wet.astype(np.float64).ravel()
    sums = dict(zip(_COMMON, (float(wet @ wet), float(dry @ wet), float(dry @ dry)), strict=True))
    for arm, sound in sounds.items():
        error = sound.astype(np.float64).ravel() - wet
        sums[arm] = float(error @ error)
    scores = {
        arm: recording_scores(pair.dry, sounds[arm], pair.wet, sample_rate) for arm in FULLY_SCORED if arm in sounds
    }
    return Scored(pair, sums, scores)


def results(scope: Scope, scored: Sequence[Scored], settings: Sequence[str]) -> list[Result]:
    """Every metric of every arm for each setting, and the mean over settings as ``macro``.

    Intervals are a bootstrap over recordings; all settings of a recording are resampled together.
    """
    rows: list[Result] = []
    arms = [arm for arm in (MODEL, *ARMS) if any(arm in one.sums for one in scored)]
    recordings = [one.pair.recording for one in scored]
    member = np.array([one.pair.setting for one in scored])
    column = {name: np.array([one.sums.get(name, np.nan) for one in scored]) for name in (*arms, *_COMMON)}

    def add(arm: str, metric: str, preset: str, interval: Interval) -> None:
        rows.append(
            Result(
                run=scope.run,
                task="emulation",
                split=scope.split,
                dataset=scope.dataset,
                arm=arm,
                effect=MACRO if preset == MACRO else scope.effect,
                preset="" if preset == MACRO else preset,
                seen=None,
                budget=None,
                metric=metric,
                value=interval.value,
                ci_low=interval.low,
                ci_high=interval.high,
                n=interval.n,
                recordings=interval.recordings,
            )
        )

    def each(arm: str, metric: str, values: tuple[NDArray[np.float64], ...], statistic: Statistic) -> None:
        for place, name in enumerate(settings):
            chosen = member == place
            if chosen.any():
                names = [recordings[index] for index in np.flatnonzero(chosen)]
                part = tuple(array[chosen] for array in values)
                add(arm, metric, name, clustered_bootstrap(part, names, statistic, seed=scope.seed))
        macro = over_settings(statistic, len(settings))
        add(arm, metric, MACRO, clustered_bootstrap((*values, member), recordings, macro, seed=scope.seed))

    for arm in arms:
        each(arm, "esr", (column[arm], column["wet"]), RATIO_OF_SUMS)
        each(arm, "skill", (column[arm], *(column[name] for name in _COMMON)), SKILL)
        for metric in PER_RECORDING if arm in FULLY_SCORED else ():
            values = [one.scores.get(arm, {}).get(metric, np.nan) for one in scored]
            each(arm, metric, (np.array(values),), MEAN)
    return rows


def over_settings(statistic: Statistic, settings: int) -> Statistic:
    """The mean over settings of a statistic of each; the setting is a further argument. ``nan`` settings stay out."""

    def terms(*arrays: NDArray[np.float64]) -> NDArray[np.float64]:
        *values, member = arrays
        inside = statistic.terms(*values)
        return np.concatenate([np.where((member == place)[:, None], inside, 0.0) for place in range(settings)], axis=1)

    def combine(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = np.stack([statistic.combine(part) for part in np.split(sums, settings, axis=-1)])
        known = ~np.isnan(parts)
        with np.errstate(invalid="ignore"):
            return np.where(known, parts, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)

    return Statistic(terms, combine)


def cost_results(scope: Scope, cost: Mapping[str, float]) -> list[Result]:
    """What the model has cost, such as ``steps``, ``audio_seconds`` and ``seconds``, as rows of the table."""
    return [
        Result(
            scope.run, "emulation", scope.split, scope.dataset, MODEL, scope.effect, "", None, None, metric, value,
            float("nan"), float("nan"), 1, 0,
        )
        for metric, value in cost.items()
    ]  # fmt: skip


def predictions(
    pairs: Sequence[Pair], render: Callable[[Sequence[Pair]], Sequence[Sound]], baselines: LinearBaselines, batch: int
) -> Iterator[tuple[Pair, dict[str, Sound]]]:
    """What the model and each baseline make of each pair.

    Args:
        pairs: What to render.
        render: The model: ``pairs -> sounds (1, samples)``.
        baselines: Gains and filters, fitted on training pairs.
        batch: Recordings of like length that the model renders side by side.
    """
    order = sorted(pairs, key=lambda pair: pair.samples)
    for start in range(0, len(order), batch):
        group = order[start : start + batch]
        for pair, sound in zip(group, render(group), strict=True):
            yield pair, {MODEL: sound, **baselines.outputs(pair)}
