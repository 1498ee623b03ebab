"""The sound file that a command writes: whether it may, and in which format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import soundfile

from fxstyle.errors import InputError
from fxstyle.writing import replacing

FLOATS = ("FLOAT", "DOUBLE")
"""Sample formats that nothing is too loud for."""

_KINDS = {"AIF": "AIFF", "AIFC": "AIFF", "WAVE": "WAV"}
# A WAV or AIFF file counts its bytes in 32 bits.
_LARGEST_BYTES = (1 << 32) - (1 << 16)
_VORBIS, _HIGHEST_VORBIS_RATE = (".ogg", ".oga"), 200_000
"""libsndfile crashes above it."""


@dataclass(frozen=True)
class Target:
    """A file that can be written.

    Attributes:
        path: Its place.
        sample_rate: In Hz.
        channels: Number of channels.
        container: libsndfile's name of the file format.
        subtype: libsndfile's name of the sample format.
    """

    path: Path
    sample_rate: int
    channels: int
    container: str
    subtype: str

    @contextmanager
    def open(self) -> Iterator[soundfile.SoundFile]:
        """Open it for writing; it appears under its name only when everything went well.

        Raises:
            InputError: The place cannot be written to, or the format cannot hold such sound.
        """
        try:
            with (
                replacing(self.path) as part,
                soundfile.SoundFile(
                    os.fsencode(part) if os.name == "posix" else str(part),
                    "w",
                    self.sample_rate,
                    self.channels,
                    self.subtype,
                    format=self.container,
                ) as file,
            ):
                yield file
        except soundfile.LibsndfileError as error:
            raise InputError(
                f"{self.path} cannot be written as {self.container} {self.subtype} of {self.sample_rate} Hz "
                "or its disk is full: use the extension .wav or another place"
            ) from error
        except OSError as error:
            raise InputError(f"{self.path} cannot be written ({error.strerror}): give another place") from error


def plan_target(target: Path, sample_rate: int, channels: int, frames: int, wanted: str, as_float: bool) -> Target:
    """Choose the format by the extension.

    Args:
        target: The file to write.
        sample_rate: In Hz.
        channels: Number of channels.
        frames: Samples per channel.
        wanted: The sample format of the input: floats stay floats where the format can hold them, all else becomes
            24-bit, or what the format has instead.
        as_float: True for 32-bit float whatever the input is.

    Raises:
        InputError: No format has this extension, or it cannot hold the sound.
    """
    if target.suffix.lower() in _VORBIS and sample_rate > _HIGHEST_VORBIS_RATE:
        raise InputError(
            f"{target} cannot hold {sample_rate} Hz: Ogg goes up to {_HIGHEST_VORBIS_RATE} Hz; use the extension .wav"
        )
    subtype = "FLOAT" if as_float or wanted in FLOATS else "PCM_24"
    return Target(target, sample_rate, channels, *_format(target, subtype, as_float, channels * frames))


def check_target(source: Path, target: Path, overwrite: bool) -> None:
    """Refuse a place that the output cannot or must not take.

    Raises:
        InputError: It is the input, a folder, taken, or below a file.
    """
    if target.exists() and target.samefile(source):
        raise InputError(f"{target} is the input itself: give another output file")
    if target.is_dir():
        raise InputError(f"{target} is a folder: give the name of a file in it")
    if (target.exists() or target.is_symlink()) and not overwrite:
        raise InputError(f"{target} is already there: add --overwrite or give another name")
    parent = next(folder for folder in target.absolute().parents if folder.exists())
    if not parent.is_dir():
        raise InputError(f"{target} cannot be made, because {parent} is a file: give another place")


def _format(target: Path, wanted: str, as_float: bool, samples: int) -> tuple[str, str]:
    """Container and sample format for a target of so many samples over all channels."""
    kind = target.suffix[1:].upper()
    kind = _KINDS.get(kind, kind)
    if kind not in soundfile.available_formats() or kind == "RAW":
        raise InputError(
            f"{target}: no sound file ends in {target.suffix or 'nothing'!r}; use .wav, .flac, .ogg or .mp3"
        )
    if not soundfile.check_format(kind, wanted):
        if as_float:
            raise InputError(f"{target} cannot hold float samples: use the extension .wav, or leave --float out")
        wanted = next(
            (name for name in ("PCM_24", "PCM_16") if soundfile.check_format(kind, name)),
            soundfile.default_subtype(kind),
        )
    size = samples * {"FLOAT": 4, "PCM_24": 3, "PCM_16": 2}.get(wanted, 0)
    if size > _LARGEST_BYTES and kind in ("WAV", "WAVEX"):
        kind = "RF64"
    if size > _LARGEST_BYTES and kind in ("AIFF", "AU", "NIST", "SVX"):
        raise InputError(f"{target} would be larger than {kind} files can be (4 GiB): use .wav, .flac or .caf")
    return kind, wanted
