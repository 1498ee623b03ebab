"""How near the settings come to the true ones, beside a predictor that always says the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxstyle.metrics.intervals import MEAN, RATIO_OF_SUMS, clustered_bootstrap
from fxstyle.report.style_records import OURS, EffectRecords
from fxstyle.report.style_study import Scope, groups, result
from fxstyle.report.tables import MACRO, Result

TRAIN_MEAN = "train_mean"
Errors = list[tuple[float, float, str]]
"""Errors of the arm and of the training's mean, with the recording."""


def recovery(scope: Scope, effects: Sequence[EffectRecords], arm: str, content: str) -> list[Result]:
    """How near the settings come to the true ones, of continuous controls and of the identifiable ones among them.

    ``parameter_mae_other`` is the mean absolute error in positions, ``_of_train_mean`` that of always answering
    the mean of what training draws, on the same pairs, and ``_vs_train_mean`` the ratio of both. Pairs without the
    effect do not count. What ``ours`` accepts has the settings of its search, so that it has no rows of its own.
    """
    if arm == OURS:
        return []
    results: list[Result] = []
    kinds: dict[str, dict[int, Errors]] = {"parameter_mae": {}, "identifiable_mae": {}}
    for place, records in enumerate(effects):
        known = set(scope.identifiable.get(records.spec.name, ()))
        for control, parameter in enumerate(records.spec.parameters):
            if parameter.kind != "continuous":
                continue
            errors = _errors(records, arm, content, control)
            if not errors:
                continue
            name = f"mae_{parameter.name}"
            results += _recovered(scope, [(place, errors)], effects, arm, content, name, records.spec.name)
            kinds["parameter_mae"].setdefault(place, []).extend(errors)
            if parameter.name in known:
                kinds["identifiable_mae"].setdefault(place, []).extend(errors)
    for name, by_effect in kinds.items():
        for place, errors in by_effect.items():
            results += _recovered(scope, [(place, errors)], effects, arm, content, name, effects[place].spec.name)
        for _, seen, places in groups(effects):
            chosen = [(place, by_effect[place]) for place in places if place in by_effect]
            if chosen:
                results += _recovered(scope, chosen, effects, arm, content, name, MACRO, seen)
    return results


def training_mean(records: EffectRecords, control: int) -> float:
    """The position that training draws on average: the presets' mean or, for uniform draws, the middle."""
    spec = records.spec
    if spec.sampling != "presets":
        return 0.5
    return float(np.mean([spec.preset_positions(preset)[control] for preset in spec.presets]))


def _errors(records: EffectRecords, arm: str, content: str, control: int) -> Errors:
    """Errors of one control on the pairs that went through the effect."""
    mean = training_mean(records, control)
    found = []
    for index, outcome in sorted(records.of(arm, content).items()):
        pair = records.pairs[index]
        if outcome.positions is not None and not pair.bypassed:
            truth = float(pair.parameters[control])
            found.append((abs(float(outcome.positions[control]) - truth), abs(mean - truth), pair.recording))
    return found


def _recovered(
    scope: Scope,
    errors: Sequence[tuple[int, Errors]],
    effects: Sequence[EffectRecords],
    arm: str,
    content: str,
    name: str,
    effect: str,
    seen: bool | None = None,
) -> list[Result]:
    own, mean, recordings = zip(*(row for _, rows in errors for row in rows), strict=True)
    first, second = np.array(own), np.array(mean)
    if effect != MACRO:
        seen = effects[errors[0][0]].seen
    metric = f"{name}_{content}"
    interval = clustered_bootstrap(first, recordings, MEAN, seed=scope.seed)
    ratio = clustered_bootstrap((first, second), recordings, RATIO_OF_SUMS, seed=scope.seed)
    chance = clustered_bootstrap(second, recordings, MEAN, seed=scope.seed)
    return [
        result(scope, arm, effect, seen, metric, interval),
        result(scope, arm, effect, seen, f"{metric}_vs_{TRAIN_MEAN}", ratio),
        result(scope, arm, effect, seen, f"{metric}_of_{TRAIN_MEAN}", chance),
    ]
