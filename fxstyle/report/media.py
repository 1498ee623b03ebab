"""Pictures and sound beside a report."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fxstyle.report.files import safe_name
from fxstyle.writing import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = "pictures"
AUDIO = "audio"
_DOTS_PER_INCH = 150


@dataclass(frozen=True)
class Picture:
    """A PNG beside a report.

    Attributes:
        path: POSIX path relative to the report.
        alt: What it shows, for someone who does not see it.
        caption: A sentence below it; may be empty.
        width: Width in pixels.
        height: Height in pixels.
    """

    path: str
    alt: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class AudioFile:
    """A sound beside a report.

    Attributes:
        path: POSIX path relative to the report.
        label: What it is, such as ``dry``.
        note: What had to be changed to write it (clipped, not finite); empty if nothing.
    """

    path: str
    label: str
    note: str = ""


def save_picture(folder: Path, name: str, figure: Figure, alt: str, caption: str = "") -> Picture:
    """Write a figure as ``pictures/<name>.png`` in the report's folder; the same figure gives the same bytes."""
    relative = f"{PICTURES}/{safe_name(name)}.png"
    with replacing(folder / relative) as temporary:
        figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
        with temporary.open("rb") as file:
            width, height = struct.unpack(">II", file.read(24)[16:24])
    return Picture(relative, alt, caption, width, height)


def save_audio(folder: Path, name: str, label: str, audio: NDArray[np.float32], sample_rate: int) -> AudioFile:
    """Write sound as ``audio/<name>.flac``, 16 bit, in the report's folder, without changing its level.

    Args:
        folder: The report's folder.
        name: Name of the file, of which unsafe characters are replaced.
        label: What the report calls it.
        audio: ``(channels, samples)``; beyond full scale it is clipped, and what is not finite becomes silence: the
            note counts both.
        sample_rate: Sample rate in Hz.

    Raises:
        ValueError: The sound is empty or not ``(channels, samples)``.
    """
    import soundfile

    if audio.ndim != 2 or audio.size == 0:
        raise ValueError(f"audio {name!r} has the shape {audio.shape}, not (channels, samples)")
    finite = np.isfinite(audio)
    sound = np.where(finite, audio, 0.0)
    notes = []
    if broken := int(audio.size - finite.sum()):
        notes.append(f"{broken:,} of {audio.size:,} samples are not finite and are silent here")
    if clipped := int((np.abs(sound) > 1.0).sum()):
        notes.append(f"{clipped:,} of {audio.size:,} samples are beyond full scale and are clipped here")
    relative = f"{AUDIO}/{safe_name(name)}.flac"
    with replacing(folder / relative) as temporary:
        soundfile.write(temporary, np.clip(sound, -1.0, 1.0).T, sample_rate, format="FLAC", subtype="PCM_16")
    return AudioFile(relative, label, "; ".join(notes))
