"""Paired recordings on disk, a table of them, and a stand-in for the doctor."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 8000


@dataclass(frozen=True)
class Finding:
    code: str
    severity: str
    sentence: str


@dataclass(frozen=True)
class Examined:
    dry: NDArray[np.float32]
    wet: NDArray[np.float32]
    findings: Sequence[Finding] = ()


@dataclass
class Doctor:
    """Takes a known lag away, and remembers what it was asked."""

    findings: Sequence[Finding] = ()
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self,
        dry: NDArray[np.float32],
        wet: NDArray[np.float32],
        dry_rate: int,
        wet_rate: int,
        names: tuple[str, str],
        known_lag: int | None = None,
    ) -> Examined:
        self.asked.append(
            {"shapes": (dry.shape, wet.shape), "rates": (dry_rate, wet_rate), "names": names, "lag": known_lag}
        )
        lag = known_lag or 0
        dry, wet = dry[:1, : dry.shape[1] - lag], wet[:1, lag:]
        severity = "repaired" if lag else "ok"
        return Examined(dry, wet, [Finding("lag", severity, f"{names[1]} was {lag} samples late."), *self.findings])


def write_sound(path: Path, samples: int = RATE, rate: int = RATE, channels: int = 1, start: int = 0) -> Path:
    """A ramp whose values tell where a sample comes from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = (start + np.arange(samples)) / 2**20
    soundfile.write(path, np.stack([ramp] * channels, axis=1), rate, subtype="FLOAT")
    return path


def write_table(path: Path, rows: Sequence[dict[str, object]], sounds: bool = True) -> Path:
    """A table, and a second of sound for each file it names that is not there."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    for row in rows if sounds else ():
        for column in ("dry", "wet"):
            if not (path.parent / str(row[column])).exists():
                write_sound(path.parent / str(row[column]))
    return path


def row(item: str, split: str = "all", setting: str = "", **more: object) -> dict[str, object]:
    name = f"{item}_{setting}" if setting else item
    return {"item": item, "setting": setting, "dry": f"{item}.wav", "wet": f"{name}_wet.wav", "split": split, **more}
