"""The identifiability of effects as a page for people and a table for programs."""

from __future__ import annotations

import csv
import io
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fxstyle.doctor.identifiability import CONFOUNDED, DEAD_DB, GAIN_SHARE, STEP, Study

COLUMNS = (
    *("effect", "parameter", "rank", "sensitivity_db", "low_db", "high_db", "active", "identifiable", "own_db"),
    *("gain_share", "verdict", "settings", "recordings"),
)


_INTRODUCTION = f"""# Which controls can be told apart by ear

A finite-difference Fisher information study through the real plugins. At random settings, each continuous control is
moved by a little to either side ({STEP:g} of its range), and the change of the log-mel levels is measured (64 bands,
frames of 1,024 samples every 512, down to 60 dB below the loudest). These changes are the columns of a Jacobian `J`;
with equal noise on all levels the Fisher information is `J'J / noise^2`.

- **dB per range**: length of a control's column, as the root mean square change of a level for its full range at the
  local slope: median over settings, with the 95 % interval from resampling recordings.
- **heard**: share of settings at which that is above {DEAD_DB:g} dB. A control that is heard at none is *dead*.
- **its own**: share of the column, squared, that no combination of the other controls imitates (1 - R2); median over
  the settings where it is heard. With 0 % it cannot be told from the others, whatever the method.
- **own dB**: dB per range of that part alone; the tables are ordered by it.
- *confounded*: two columns are nearly parallel (median of |cos| at least {CONFOUNDED:g}).
- *gain*: a plain output gain imitates at least {GAIN_SHARE:.0%} of the column, squared.
- **rank**: directions of the controls' space that are heard at all, in the median.

Sound is mono, as in the experiments; switches are drawn at random and not differentiated; controls that mono sound does
not show, and those that are held, are left out.""".splitlines()


@dataclass(frozen=True)
class Origin:
    """Where a study comes from.

    Attributes:
        command: What was typed, with ``RECORDINGS`` for the folder.
        commit: Of the code, with ``+`` where it was changed since; empty outside a clone.
        machine: Processor and system.
        clips: Clips, one for each recording.
        bases: Random settings on each.
        seconds: Length of a clip, in s.
        sample_rate: In Hz.
        seed: Of settings and clips.
        real: Whether the clips come from recordings, and not from synthesis.
    """

    command: str
    commit: str
    machine: str
    clips: int
    bases: int
    seconds: float
    sample_rate: int
    seed: int
    real: bool = True


def verdict(study: Study, name: str) -> str:
    """What a study says about one control: ``dead``, ``gain``, ``confounded with ...``, or nothing."""
    words = []
    if name in study.dead:
        words.append("dead")
    if name in study.gains:
        words.append("gain")
    partners = [(b if a == name else a, cosine) for a, b, cosine in study.confounded if name in (a, b)]
    if partners:
        words.append("confounded with " + ", ".join(f"{other} ({cosine:.3f})" for other, cosine in partners))
    return "; ".join(words)


def page(studies: Sequence[Study], origin: Origin, csv_name: str) -> str:
    """The page in Markdown."""
    lines = [
        *_INTRODUCTION,
        "",
        "```",
        origin.command,
        "```",
        "",
        f"{origin.clips} {'recordings of the train split' if origin.real else 'synthetic recordings'}, one clip of "
        f"{origin.seconds:g} s at {origin.sample_rate} Hz each, {origin.bases} random settings on each, seed "
        f"{origin.seed}; commit {origin.commit or 'unknown'}; {origin.machine}."
        + (f" As numbers: [{csv_name}]({csv_name})." if csv_name else ""),
        "",
        "## In short",
        "",
        "| effect | controls | rank | dead | gain | confounded |",
        "|---|---:|---:|---|---|---|",
    ]
    for study in studies:
        pairs = ", ".join(f"{a} = {b}" for a, b, _ in study.confounded)
        lines.append(
            f"| {study.effect} | {len(study.controls)} | {study.rank:g} | {', '.join(study.dead) or '-'} "
            f"| {', '.join(study.gains) or '-'} | {pairs or '-'} |"
        )
    for study in studies:
        lines += ["", f"## {study.effect}", ""]
        if study.held:
            lines += [f"Not differentiated: {', '.join(study.held)}.", ""]
        lines += [
            "| control | dB per range | heard | its own | own dB | like a gain | verdict |",
            "|---|---:|---:|---:|---:|---:|---|",
        ]
        for c in study.controls:
            lines.append(
                f"| {c.name} | {c.sensitivity_db:.2f} ({c.low_db:.2f} to {c.high_db:.2f}) | {c.active:.0%} "
                f"| {_share(c.identifiable)} | {c.own_db:.2f} | {_share(c.gain_share)} | {verdict(study, c.name)} |"
            )
    return "\n".join(lines) + "\n"


def table(studies: Sequence[Study]) -> str:
    """The same numbers as CSV; a share that does not exist is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for study in studies:
        for c in study.controls:
            numbers = (c.sensitivity_db, c.low_db, c.high_db, c.active, c.identifiable, c.own_db, c.gain_share)
            cells = ["" if math.isnan(number) else f"{number:.4f}" for number in numbers]
            rest = (verdict(study, c.name), study.settings, study.recordings)
            writer.writerow([study.effect, c.name, f"{study.rank:g}", *cells, *rest])
    return out.getvalue()


def machine() -> str:
    """Processor, cores and system of this machine."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def commit() -> str:
    """The short commit of this clone, with ``+`` where files were changed since; empty outside one."""
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"
