"""What a latent space knows: probes, neighbours and retrieval, beside trivial embeddings, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.spec import EffectSpec
from fxstyle.metrics.intervals import MEAN, R2, Statistic, clustered_bootstrap, paired_difference
from fxstyle.metrics.probes import knn_classification, linear_probe_classification, ridge_probe, silhouette
from fxstyle.metrics.retrieval import retrieval
from fxstyle.metrics.standardisation import Standardisation
from fxstyle.report.embeddings import Clips, Pairs
from fxstyle.report.tables import MACRO, Result

Floats = NDArray[np.float64]
Scores = tuple[Floats, ...]

ARMS = ("model", "pca", "mfcc", "untrained")
METRICS = {
    "effect_probe": "effect by linear probe (accuracy)",
    "effect_knn": "effect by 5 neighbours (accuracy)",
    "retrieval_r1": "retrieval R@1, content-matched",
    "silhouette": "silhouette by effect",
    "brightness_r2": "brightness by linear probe (R2)",
    "depth_r2": "depth by linear probe (R2)",
    "parameter_r2": "parameters by linear probe (R2)",
}


@dataclass(frozen=True)
class Group:
    """Seen or unseen effects, which are judged apart.

    Attributes:
        seen: Whether the model was trained on them.
        effects: Their indices.
    """

    seen: bool
    effects: tuple[int, ...]


@dataclass(frozen=True)
class Scope:
    """The columns that all results of a study share."""

    run: str
    dataset: str
    seed: int


@dataclass(frozen=True)
class Comparison:
    """The model minus a baseline on the same clips, with the interval of the difference."""

    seen: bool
    metric: str
    arm: str
    value: float
    low: float
    high: float


def study(
    scope: Scope,
    train: Clips,
    test: Clips,
    pairs: dict[bool, Pairs],
    effects: Sequence[EffectSpec],
    groups: Sequence[Group],
) -> tuple[list[Result], list[Comparison]]:
    """Score every arm on every metric, for each group of effects.

    Args:
        scope: Run, data set and seed.
        train: Clips of training recordings, which probes are fitted on.
        test: Clips of test recordings, which they are scored on.
        pairs: Retrieval queries by ``seen``; a group of one effect has none.
        effects: All effects.
        groups: Seen and unseen effects.
    """
    results: list[Result] = []
    comparisons: list[Comparison] = []
    for group in groups:
        scores: dict[str, dict[str, tuple[Scores, Statistic, NDArray[np.str_]]]] = {}
        for arm in ARMS:
            scores[arm] = _arm_scores(arm, train, test, pairs.get(group.seen), effects, group)
            for metric, (values, statistic, recordings) in scores[arm].items():
                found = clustered_bootstrap(values, recordings, statistic, seed=scope.seed)
                name, _, effect = metric.partition("/")
                results.append(
                    _result(
                        scope,
                        arm,
                        name,
                        effect or MACRO,
                        group.seen,
                        found.value,
                        found.low,
                        found.high,
                        found.n,
                        found.recordings,
                    )
                )
        results += _chance(scope, group, scores["model"])
        for arm in ARMS[1:]:
            for metric, (values, statistic, recordings) in scores["model"].items():
                if "/" not in metric:
                    found = paired_difference(values, scores[arm][metric][0], recordings, statistic, seed=scope.seed)
                    comparisons.append(Comparison(group.seen, metric, arm, found.value, found.low, found.high))
    return results, comparisons


def _arm_scores(
    arm: str, train: Clips, test: Clips, pairs: Pairs | None, effects: Sequence[EffectSpec], group: Group
) -> dict[str, tuple[Scores, Statistic, NDArray[np.str_]]]:
    """Scores of each test item, by metric; ``metric/effect`` for those of one effect."""
    fit, score = np.isin(train.effect, group.effects), np.isin(test.effect, group.effects)
    known, asked = train.wet[arm][fit], test.wet[arm][score]
    labels, truth = train.effect[fit], test.effect[score]
    fit_recordings, recordings = train.recording[fit], test.recording[score]
    found: dict[str, tuple[Scores, Statistic, NDArray[np.str_]]] = {}
    if len(group.effects) > 1:
        correct = linear_probe_classification(known, labels, fit_recordings, asked, truth).correct
        found["effect_probe"] = ((correct,), MEAN, recordings)
        for index in group.effects:
            own = truth == index
            found[f"effect_probe/{effects[index].name}"] = ((correct[own],), MEAN, recordings[own])
        found["effect_knn"] = ((knn_classification(known, labels, asked, truth).correct,), MEAN, recordings)
        standard = Standardisation.fit(known)
        found["silhouette"] = ((silhouette(asked, truth, standard),), MEAN, recordings)
        if pairs is not None:
            hits = retrieval(pairs.queries[arm], pairs.candidates[arm], 0, standard)
            found["retrieval_r1"] = ((hits,), MEAN, pairs.recording)
    for column, name in enumerate(("brightness", "depth")):
        probe = ridge_probe(known, train.wet_timbre[fit, column], fit_recordings, asked, test.wet_timbre[score, column])
        found[f"{name}_r2"] = ((probe.truth, probe.prediction), R2, recordings)
    found |= _parameter_scores(arm, train, test, effects, group)
    return found


def _parameter_scores(
    arm: str, train: Clips, test: Clips, effects: Sequence[EffectSpec], group: Group
) -> dict[str, tuple[Scores, Statistic, NDArray[np.str_]]]:
    """A probe for each control of each effect; the macro pools all controls, which share the range 0 to 1."""
    found: dict[str, tuple[Scores, Statistic, NDArray[np.str_]]] = {}
    truths: list[Floats] = []
    predictions: list[Floats] = []
    recordings: list[NDArray[np.str_]] = []
    for index in group.effects:
        fit, score = train.effect == index, test.effect == index
        for column, parameter in enumerate(effects[index].parameters):
            if parameter.held:
                continue
            probe = ridge_probe(
                train.wet[arm][fit],
                train.parameters[fit, column].astype(np.float64),
                train.recording[fit],
                test.wet[arm][score],
                test.parameters[score, column].astype(np.float64),
            )
            own = test.recording[score]
            found[f"r2_{parameter.name}/{effects[index].name}"] = ((probe.truth, probe.prediction), R2, own)
            truths.append(probe.truth)
            predictions.append(probe.prediction)
            recordings.append(own)
    if truths:
        found["parameter_r2"] = ((np.concatenate(truths), np.concatenate(predictions)), R2, np.concatenate(recordings))
    return found


def _chance(scope: Scope, group: Group, scores: dict[str, tuple[Scores, Statistic, NDArray[np.str_]]]) -> list[Result]:
    """What guessing reaches: one over the classes, and the mean for what is regressed."""
    count = len(group.effects)
    chances = {
        "effect_probe": 1 / count,
        "effect_knn": 1 / count,
        "retrieval_r1": 1 / count,
        "silhouette": 0.0,
        "brightness_r2": 0.0,
        "depth_r2": 0.0,
        "parameter_r2": 0.0,
    }
    return [
        _result(scope, "chance", name, MACRO, group.seen, value, np.nan, np.nan, 0, 0)
        for name, value in chances.items()
        if name in scores
    ]


def _result(
    scope: Scope,
    arm: str,
    metric: str,
    effect: str,
    seen: bool,
    value: float,
    low: float,
    high: float,
    n: int,
    recordings: int,
) -> Result:
    return Result(
        run=scope.run,
        task="representation",
        split="test",
        dataset=scope.dataset,
        arm=arm,
        effect=effect,
        preset="",
        seen=seen,
        budget=None,
        metric=metric,
        value=value,
        ci_low=low,
        ci_high=high,
        n=n,
        recordings=recordings,
    )
