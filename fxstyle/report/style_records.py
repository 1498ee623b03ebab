"""What a style benchmark left on disk, as arrays by arm."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.spec import EffectSpec
from fxstyle.metrics.style import METRICS
from fxstyle.search.acceptance import decide

Floats = NDArray[np.float64]
IDENTITY = "identity"
OURS = "ours"
BOTH = "both"
"""Content of an answer that does not depend on the reference."""


@dataclass(frozen=True)
class Pair:
    """What a pair is: its recording, whether the effect was left out, and the settings that made its target."""

    recording: str
    bypassed: bool
    parameters: Floats


@dataclass(frozen=True)
class Outcome:
    """An arm's answer to a pair.

    Attributes:
        positions: Settings ``(parameters,)``; ``None`` where there are none.
        renders: Renders used to find them.
        seconds: Time it took.
        improvement: ``1 - d(answer, reference) / d(dry, reference)`` by the objective; ``nan`` without one.
        accepted: Whether it is used; only a decision says no.
        scores: Against the hidden target, by metric.
    """

    positions: Floats | None
    renders: int
    seconds: float
    improvement: float
    accepted: bool
    scores: Mapping[str, float]


Outcomes = dict[int, Outcome]


@dataclass
class EffectRecords:
    """All answers to the pairs of one effect.

    Attributes:
        spec: The effect.
        seen: Whether it was trained on.
        pairs: By index.
        outcomes: By arm (with its budget, as ``cma@32``) and content, then by index.
    """

    spec: EffectSpec
    seen: bool
    pairs: dict[int, Pair] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], Outcomes] = field(default_factory=dict)

    def of(self, arm: str, content: str) -> Outcomes:
        """Answers of an arm; those that do not depend on the reference serve both contents."""
        return self.outcomes.get((arm, content)) or self.outcomes.get((arm, BOTH)) or {}

    def arms(self) -> list[str]:
        """Arms that answered, in the order they were read."""
        return list(dict.fromkeys(arm for arm, _ in self.outcomes))


def read_records(folder: Path, spec: EffectSpec, seen: bool, pairs: Mapping[str, int]) -> EffectRecords:
    """Read the files of one effect.

    Args:
        folder: The effect's folder.
        spec: The effect.
        seen: Whether it was trained on.
        pairs: Arms to read, with how many of their pairs.
    """
    found = EffectRecords(spec, seen)
    files = [_lines(path) for path in sorted(folder.glob("*.jsonl"))]
    by_arm = {next(iter(lines[0]["arm"])): lines[1:] for lines in files if lines and "arm" in lines[0]}
    for lines in files:
        if lines and "arm" not in lines[0]:
            for record in lines[1:]:
                settings = np.array(record["parameters"], dtype=np.float64)
                found.pairs[record["index"]] = Pair(record["recording"], record["bypassed"], settings)
    for arm, count in pairs.items():
        for record in by_arm.get(arm, []):
            if record["index"] < count:
                found.outcomes.setdefault((arm, record["content"]), {})[record["index"]] = _outcome(record)
    return found


def add_ours(records: EffectRecords, search: str, contents: Iterable[str], thresholds: Mapping[str, float]) -> None:
    """Add the arm that uses a search's answer where it is accepted, and leaves the input alone elsewhere.

    Args:
        records: Are added to.
        search: The search's arm, such as ``hybrid@128``.
        contents: Contents to decide on.
        thresholds: By content.
    """
    for content in contents:
        ours: Outcomes = {}
        untouched = records.of(IDENTITY, content)
        for index, outcome in records.of(search, content).items():
            # What decide() is told is a ratio: the scale of the objective cancels.
            accepted = decide(1.0, 1.0 - outcome.improvement, thresholds[content]).accepted
            scores = outcome.scores if accepted else untouched[index].scores
            ours[index] = Outcome(
                outcome.positions, outcome.renders, outcome.seconds, outcome.improvement, accepted, scores
            )
        if ours:
            records.outcomes[OURS, content] = ours


@dataclass(frozen=True)
class Column:
    """One value of an arm for each of its pairs, over effects; identity's stands beside it.

    Attributes:
        values: ``(n,)``.
        identity: The same metric for doing nothing ``(n,)``.
        effect: Place of the effect ``(n,)``.
        recording: Name of the recording ``(n,)``.
    """

    values: Floats
    identity: Floats
    effect: NDArray[np.int64]
    recording: NDArray[np.str_]


def column(effects: Sequence[EffectRecords], arm: str, content: str, metric: str, beside: str | None = None) -> Column:
    """A metric of an arm on the pairs that it answered and, where one is named, that another arm answered too."""
    rows: list[tuple[float, float, int, str]] = []
    for place, records in enumerate(effects):
        answers, untouched = records.of(arm, content), records.of(IDENTITY, content)
        others = untouched if beside is None else records.of(beside, content)
        for index in sorted(answers.keys() & untouched.keys() & others.keys()):
            recording = records.pairs[index].recording
            rows.append((answers[index].scores[metric], untouched[index].scores[metric], place, recording))
    values, identity, effect, recordings = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Column(
        np.array(values, dtype=np.float64),
        np.array(identity, dtype=np.float64),
        np.array(effect, dtype=np.int64),
        np.array(recordings, dtype=np.str_),
    )


def _outcome(record: Mapping[str, Any]) -> Outcome:
    identity, score = (float("nan") if record[key] is None else record[key] for key in ("identity", "score"))
    improvement = 1.0 - score / identity if identity > 0 else float("nan") if np.isnan(identity) else 0.0
    positions = None if record["positions"] is None else np.array(record["positions"], dtype=np.float64)
    scores = {name: float("nan") if record["scores"][name] is None else record["scores"][name] for name in METRICS}
    return Outcome(positions, record["renders"], record["seconds"], improvement, True, scores)


def _lines(path: Path) -> list[dict[str, Any]]:
    """Whole lines of a file; one that was cut off does not count."""
    whole = path.read_bytes()
    return [json.loads(line) for line in whole[: whole.rfind(b"\n") + 1].splitlines()]
