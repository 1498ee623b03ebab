"""The style benchmark as numbers: every arm against doing nothing and against each other, with intervals.

In the table, a metric's name ends with the content of the reference: ``_same`` (the target itself: matched) or
``_other`` (the other half of the recording: unmatched). ``mrstft_other`` is the mean, ``mrstft_other_vs_identity`` the
mean over that of doing nothing, less 1, so that -0.2 is a fifth better; its macro is the mean over effects of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fxstyle.metrics.intervals import MACRO_MEAN, Interval, clustered_bootstrap, paired_difference
from fxstyle.metrics.style import METRICS
from fxstyle.metrics.style_relative import MACRO_RELATIVE, relative_change
from fxstyle.report.style_records import IDENTITY, OURS, EffectRecords, Floats, column
from fxstyle.report.tables import MACRO, Result

HEADLINE = "mrstft"
SCOPES: tuple[tuple[str, bool | None], ...] = (("all", None), ("seen", True), ("unseen", False))


@dataclass(frozen=True)
class Scope:
    """What all results share.

    Attributes:
        run: Name of the benchmark.
        split: Whose recordings.
        dataset: Name of the dry sound.
        seed: Seeds the resamples.
        identifiable: By effect, the controls that can be told apart; an effect that is left out has none known.
    """

    run: str
    split: str
    dataset: str
    seed: int
    identifiable: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Comparison:
    """One arm against another on the same pairs, the headline metric, lower being better.

    Attributes:
        content: ``same`` or ``other``.
        effects: ``all``, ``seen`` or ``unseen``.
        first: The arm.
        second: What it is compared with.
        points: Difference of their scores relative to doing nothing.
        ratio: Score of the first over the second's, less 1, mean over effects.
    """

    content: str
    effects: str
    first: str
    second: str
    points: Interval
    ratio: Interval


def split_arm(name: str) -> tuple[str, int | None]:
    """An arm's name and its budget of renders: ``cma@32`` is ``cma`` with 32."""
    arm, _, budget = name.partition("@")
    return arm, int(budget) if budget else None


def groups(effects: Sequence[EffectRecords]) -> list[tuple[str, bool | None, list[int]]]:
    """All, seen and unseen effects with their places, where there are any and the group differs from all."""
    found = []
    for name, seen in SCOPES:
        places = [place for place, records in enumerate(effects) if seen is None or records.seen is seen]
        if places and (seen is None or len(places) < len(effects)):
            found.append((name, seen, places))
    return found


def study(scope: Scope, effects: Sequence[EffectRecords], arms: Sequence[str], contents: Sequence[str]) -> list[Result]:
    """Every number of the benchmark as a long table, arms in the order given."""
    results: list[Result] = []
    for content in contents:
        for arm in arms:
            for metric in METRICS:
                results += _scores(scope, effects, arm, content, metric)
            results += _rates(scope, effects, arm, content)
            results += _costs(scope, effects, arm, content)
    return results


def compare(
    scope: Scope, effects: Sequence[EffectRecords], pairs: Sequence[tuple[str, str]], contents: Sequence[str]
) -> list[Comparison]:
    """Compare pairs of arms; those of which one has no answers are left out."""
    found = []
    for content in contents:
        for first, second in pairs:
            one = column(effects, first, content, HEADLINE, second)
            other = column(effects, second, content, HEADLINE, first)
            if not len(one.values):
                continue
            for name, seen, _ in groups(effects):
                chosen = np.array([seen is None or effects[place].seen is seen for place in one.effect])
                if not chosen.any():
                    continue
                a, b, still = one.values[chosen], other.values[chosen], one.identity[chosen]
                group, recordings = one.effect[chosen], one.recording[chosen]
                numbers = group.astype(np.float64)
                points = paired_difference(
                    (a, still, numbers), (b, still, numbers), recordings, MACRO_RELATIVE, seed=scope.seed
                )
                ratio = relative_change(a, b, group, recordings, scope.seed)
                found.append(Comparison(content, name, first, second, points, ratio))
    return found


def _scores(scope: Scope, effects: Sequence[EffectRecords], arm: str, content: str, metric: str) -> list[Result]:
    found = column(effects, arm, content, metric)

    def values(chosen: np.ndarray) -> list[tuple[str, Interval]]:
        group, recordings = found.effect[chosen], found.recording[chosen]
        own, still = found.values[chosen], found.identity[chosen]
        mean = _mean(scope, own, group, recordings)
        change = relative_change(own, still, group, recordings, scope.seed)
        return [(f"{metric}_{content}", mean), (f"{metric}_{content}_vs_identity", change)]

    return _per_effect(scope, effects, arm, found.effect, values)


def _rates(scope: Scope, effects: Sequence[EffectRecords], arm: str, content: str) -> list[Result]:
    """Win rates against doing nothing (strictly better) and, where an arm decides, how often it leaves sound alone."""
    found = column(effects, arm, content, HEADLINE)
    wins = (found.values < found.identity).astype(np.float64)
    accepted = np.array(
        [
            outcome.accepted
            for records in effects
            for index, outcome in sorted(records.of(arm, content).items())
            if index in records.of(IDENTITY, content)
        ],
        dtype=bool,
    )

    def values(chosen: np.ndarray) -> list[tuple[str, Interval]]:
        group, recordings = found.effect[chosen], found.recording[chosen]
        rates = [(f"win_rate_{content}", _mean(scope, wins[chosen], group, recordings))]
        if arm == OURS:
            bypass = (~accepted[chosen]).astype(np.float64)
            taken = chosen & accepted
            among = _mean(scope, wins[taken], found.effect[taken], found.recording[taken])
            rates.append((f"bypass_rate_{content}", _mean(scope, bypass, group, recordings)))
            rates.append((f"win_rate_accepted_{content}", among))
        return rates

    return _per_effect(scope, effects, arm, found.effect, values)


def _costs(scope: Scope, effects: Sequence[EffectRecords], arm: str, content: str) -> list[Result]:
    """Mean renders and ms a pair, without intervals: a search's renders are what it was given."""
    outcomes = [(place, o) for place, records in enumerate(effects) for o in records.of(arm, content).values()]
    effect = np.array([place for place, _ in outcomes], dtype=np.int64)
    costs = {
        f"renders_{content}": np.array([float(outcome.renders) for _, outcome in outcomes]),
        f"ms_{content}": np.array([1000.0 * outcome.seconds for _, outcome in outcomes]),
    }

    def values(chosen: np.ndarray) -> list[tuple[str, Interval]]:
        count = int(chosen.sum())
        return [(name, Interval(float(cost[chosen].mean()), np.nan, np.nan, count, 0)) for name, cost in costs.items()]

    return _per_effect(scope, effects, arm, effect, values)


def _mean(scope: Scope, values: Floats, group: np.ndarray, recordings: np.ndarray) -> Interval:
    """Mean over effects of their means."""
    return clustered_bootstrap((values, group.astype(np.float64)), recordings, MACRO_MEAN, seed=scope.seed)


def _per_effect(
    scope: Scope,
    effects: Sequence[EffectRecords],
    arm: str,
    effect: np.ndarray,
    values: Callable[[np.ndarray], list[tuple[str, Interval]]],
) -> list[Result]:
    """Rows of each effect, then of all, the seen and the unseen ones."""
    results = []
    scopes: list[tuple[str, bool | None, list[int]]] = [
        (records.spec.name, records.seen, [place]) for place, records in enumerate(effects)
    ]
    scopes += [(MACRO, seen, places) for _, seen, places in groups(effects)]
    for name, seen, places in scopes:
        chosen = np.isin(effect, places)
        if chosen.any():
            results += [result(scope, arm, name, seen, metric, interval) for metric, interval in values(chosen)]
    return results


def result(scope: Scope, arm: str, effect: str, seen: bool | None, metric: str, interval: Interval) -> Result:
    """One row of the table."""
    name, budget = split_arm(arm)
    return Result(
        run=scope.run,
        task="style_transfer",
        split=scope.split,
        dataset=scope.dataset,
        arm=name,
        effect=effect,
        preset="",
        seen=seen,
        budget=budget,
        metric=metric,
        value=interval.value,
        ci_low=interval.low,
        ci_high=interval.high,
        n=interval.n,
        recordings=interval.recordings,
    )
