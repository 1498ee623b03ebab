"""An examined pair as a table, and its repaired sounds as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fxstyle.audio.files import write_audio
from fxstyle.doctor.pair_findings import PairExamination
from fxstyle.errors import InputError

_STYLES = {"ok": "green", "repaired": "cyan", "warn": "yellow", "refuse": "bold red"}


def print_pair(examination: PairExamination) -> None:
    """Print what was found and the scores that a gain and a filter reach; plain text where no terminal listens."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table("", "looked at", "found", box=SIMPLE_HEAD, pad_edge=False)
    for finding in examination.findings:
        table.add_row(Text(finding.severity, _STYLES[finding.severity]), finding.code, Text(finding.sentence))
    console.print(table)
    if np.isfinite(examination.esr_fir):
        scores = Table("ESR", "of", box=SIMPLE_HEAD, pad_edge=False)
        scores.add_row(f"{examination.esr_unaligned:.4g}", "the best gain, before anything was shifted")
        scores.add_row(f"{examination.esr_gain:.4g}", "the best gain, aligned")
        scores.add_row(f"{examination.esr_fir:.4g}", "the best causal filter of 512 taps, aligned, fitted on this pair")
        console.print(scores)


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds such files already, before any work is done.

    Raises:
        InputError: A file is there already, or the folder's name is that of a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder} is a file: give a folder")
    for name in ("dry.wav", "wet.wav"):
        if (folder / name).exists() and not overwrite:
            raise InputError(f"{folder / name} is already there: add --overwrite or give another folder")


def write_pair(examination: PairExamination, folder: Path) -> tuple[Path, Path]:
    """Write ``dry.wav`` and ``wet.wav`` in 32-bit floating point and give their paths.

    Raises:
        InputError: The folder cannot be written to.
    """
    paths = folder / "dry.wav", folder / "wet.wav"
    for path, sound in zip(paths, (examination.dry, examination.wet), strict=True):
        write_audio(path, sound, examination.sample_rate, "FLOAT")
    return paths
