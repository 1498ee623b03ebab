"""From which improvement on an answer is used, as a file beside a benchmark or a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fxstyle.errors import InputError
from fxstyle.metrics.style_acceptance import FEWEST_RECORDINGS, Calibration, calibrate
from fxstyle.report.style_records import IDENTITY, EffectRecords
from fxstyle.report.style_study import HEADLINE
from fxstyle.report.tables import MACRO
from fxstyle.writing import write_text

FILE = "acceptance.json"


@dataclass(frozen=True)
class Acceptance:
    """Thresholds of the improvement ``1 - d(answer, reference) / d(dry, reference)``.

    Attributes:
        thresholds: By content, for effects that have none of their own.
        effects: By effect, then content.
        calibrations: How they were chosen, by effect (or ``macro``) and content; empty where they were read.
    """

    thresholds: Mapping[str, float]
    effects: Mapping[str, Mapping[str, float]]
    calibrations: Mapping[tuple[str, str], Calibration] = field(default_factory=dict)

    def threshold(self, effect: str, content: str) -> float:
        """The effect's own threshold, or that of all effects.

        Raises:
            InputError: When there is none for this content.
        """
        own = self.effects.get(effect, {}).get(content)
        found = self.thresholds.get(content) if own is None else own
        if found is None:
            raise InputError(f"acceptance: there is no threshold for contents={content}: leave acceptance out")
        return found


def calibrated(effects: Sequence[EffectRecords], search: str, contents: Iterable[str], seed: int) -> Acceptance:
    """Choose thresholds on validation pairs: one for each effect with enough recordings, and one of all for any other.

    Args:
        effects: Answers of the search and of doing nothing.
        search: Name of the search's arm.
        contents: Contents to choose for.
        seed: Seeds the intervals.
    """
    found: dict[tuple[str, str], Calibration] = {}
    for content in contents:
        scopes = [(MACRO, list(effects)), *((records.spec.name, [records]) for records in effects)]
        for name, chosen in scopes:
            calibration = _calibrated(chosen, search, content, seed)
            if name == MACRO or calibration.change.recordings >= FEWEST_RECORDINGS:
                found[name, content] = calibration
    names = [records.spec.name for records in effects]
    return Acceptance(
        {content: c.threshold for (effect, content), c in found.items() if effect == MACRO},
        {name: {content: c.threshold for (effect, content), c in found.items() if effect == name} for name in names},
        found,
    )


def write_acceptance(folder: Path, acceptance: Acceptance) -> None:
    """Write ``acceptance.json``."""
    text = json.dumps({"threshold": acceptance.thresholds, "effects": acceptance.effects}, indent=2)
    write_text(folder / FILE, text + "\n")


def read_acceptance(path: Path) -> Acceptance:
    """Read what :func:`write_acceptance` wrote, from the file or its folder.

    Raises:
        InputError: When it cannot be used.
    """
    file = path / FILE if path.is_dir() else path
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        thresholds = {str(key): float(value) for key, value in found["threshold"].items()}
        effects = {
            str(name): {str(key): float(value) for key, value in own.items()}
            for name, own in found.get("effects", {}).items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"acceptance={path}: it is no {FILE} of a benchmark ({error}); give one, or null") from error
    return Acceptance(thresholds, effects)


def _calibrated(effects: Sequence[EffectRecords], search: str, content: str, seed: int) -> Calibration:
    rows = [
        (outcome.improvement, outcome.scores[HEADLINE], records.of(IDENTITY, content)[index].scores[HEADLINE], place)
        for place, records in enumerate(effects)
        for index, outcome in sorted(records.of(search, content).items())
    ]
    recordings = [
        records.pairs[index].recording for records in effects for index in sorted(records.of(search, content))
    ]
    improvement, proposal, identity, effect = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return calibrate(improvement, proposal, identity, effect, np.array(recordings, dtype=np.str_), seed)
