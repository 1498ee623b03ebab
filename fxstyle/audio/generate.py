"""Writing synthetic recordings to files."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from fxstyle.audio.files import write_audio
from fxstyle.audio.synthetic import STYLES, SyntheticSource
from fxstyle.errors import InputError


def generate_files(
    out: str | Path,
    count: int,
    seconds: float,
    sample_rate: int = 44100,
    seed: int = 0,
    style: str = "instruments",
    overwrite: bool = False,
) -> Iterator[Path]:
    """Write synthetic recordings as mono 24-bit WAV files, one at each step of the iterator.

    File i is recording i of the train split of a ``SyntheticSource`` with the same options.

    Args:
        out: The folder; made when it is missing.
        count: How many files.
        seconds: Length of each.
        sample_rate: In Hz.
        seed: Another seed gives other recordings.
        style: ``instruments`` or ``tones``.
        overwrite: Replace files that are already there.

    Returns:
        An iterator over the paths written, such as ``000002_guitar_strum.wav``. All is checked before it is returned.

    Raises:
        InputError: A number is not positive, ``out`` is a file, or a file is already there.
    """
    out = Path(out)
    if count < 1:
        raise InputError(f"--count is {count}: use 1 or more.")
    if not (isfinite(seconds) and seconds >= 0.1):
        raise InputError(f"--seconds is {seconds:g}: use 0.1 or more.")
    if not 8000 <= sample_rate <= 384_000:
        raise InputError(f"--sample-rate is {sample_rate}: use 8000 to 384000 Hz.")
    if seed < 0:
        raise InputError(f"--seed is {seed}: use 0 or more.")
    if style not in STYLES:
        raise InputError(f"--style '{style}' is unknown: use instruments or tones.")
    existing = next((path for path in (out, *out.parents) if path.exists()), None)
    if existing is not None and not existing.is_dir():
        raise InputError(f"--out {out} cannot be a folder because {existing} is a file: give another folder.")
    source = SyntheticSource(sample_rate, 1, seconds, train_recordings=count, seed=seed, style=style)
    recordings = source.recordings("train")
    paths = [out / f"{recording.name.removeprefix('train/')}.wav" for recording in recordings]
    taken = [path for path in paths if path.exists()]
    if taken and not overwrite:
        raise InputError(f"{taken[0]} is already there: add --overwrite or give another folder.")

    def write() -> Iterator[Path]:
        for recording, path in zip(recordings, paths, strict=True):
            write_audio(path, source.read(recording, 0, recording.samples), sample_rate)
            yield path

    return write()
