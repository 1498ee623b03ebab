"""Reading and writing sound files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from fxstyle.errors import InputError
from fxstyle.writing import replacing

_SPELLINGS = ("wave", "bwf", "aif", "aifc", "snd", "oga", "opus", "8svx", "iff", "sf", "sph")
# RAW has no header: nothing in such a file says how to read it.
EXTENSIONS = frozenset(f".{name.lower()}" for name in (*soundfile.available_formats(), *_SPELLINGS) if name != "RAW")

# libsndfile shortens a cut-off file silently; its log is the only place that says so.
_CUT_OFF = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
# Programs that write to a pipe cannot know the length and declare one near 2 or 4 GiB.
_UNKNOWN_LENGTH = 0x7FFF_0000


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file says about itself.

    Attributes:
        sample_rate: In Hz.
        channels: Number of channels.
        frames: Samples per channel.
        subtype: The sample format by libsndfile's name, such as ``PCM_24`` or ``FLOAT``.
    """

    sample_rate: int
    channels: int
    frames: int
    subtype: str

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate


def open_audio(path: str | Path) -> soundfile.SoundFile:
    """Open a sound file for reading; close it, or use it in a ``with`` statement.

    Raises:
        InputError: The file is missing, is not audio, was cut off or holds no samples.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: give the path of an audio file.")
    if not path.is_file():
        raise InputError(f"{path} is not a file: give the path of one audio file.")
    try:
        # As bytes: names out of old archives are not always UTF-8.
        file = soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else str(path))
    except (soundfile.LibsndfileError, TypeError) as error:
        raise InputError(f"{path} cannot be read as audio: convert it to WAV or FLAC, or export it again.") from error
    for declared, present in _CUT_OFF.findall(file.extra_info):
        if int(present) < int(declared) < _UNKNOWN_LENGTH:
            file.close()
            raise InputError(f"{path} is cut off ({present} of {declared} bytes): copy or export it again.")
    if file.frames == 0:
        file.close()
        raise InputError(f"{path} holds no samples: leave it out or export it again.")
    return file


def read_frames(file: soundfile.SoundFile, frames: int) -> NDArray[np.float32]:
    """Read the next frames of an open file.

    Args:
        file: An open file; its position moves on by ``frames``.
        frames: How many frames to read; the file must hold that many more.

    Returns:
        ``(frames, channels)``: full scale is 1 for integers, floats are kept as they are.

    Raises:
        InputError: The file ends early or its data is damaged, or a sample is NaN or infinite.
    """
    try:
        audio: NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{os.fsdecode(file.name)} is damaged: copy or export it again.") from error
    if len(audio) < frames:
        raise InputError(f"{os.fsdecode(file.name)} is cut off or damaged: copy or export it again.")
    if not np.isfinite(audio).all():
        raise InputError(f"{os.fsdecode(file.name)} holds NaN or infinite samples: export it again.")
    return audio


def read_info(path: str | Path) -> AudioInfo:
    """Read a file's sample rate, channels, length and sample format.

    Raises:
        InputError: The file is missing, is not audio, was cut off or holds no samples.
    """
    with open_audio(path) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames, file.subtype)


def read_audio(path: str | Path, start: int = 0, frames: int = -1) -> tuple[NDArray[np.float32], int]:
    """Read a file, or a part of it by seeking.

    Args:
        path: Any file libsndfile reads.
        start: First sample, from 0 up to the length.
        frames: Samples per channel; -1 reads to the end.

    Returns:
        The audio ``(channels, samples)`` and its sample rate in Hz. Full scale is 1 for integer formats; float formats
        are kept as they are.

    Raises:
        InputError: The file is missing, not audio, cut off, empty, holds NaN or infinite samples in the part that is
            read, or does not reach ``start + frames``.
    """
    with open_audio(path) as file:
        frames = file.frames - start if frames < 0 else frames
        if not 0 <= start <= start + frames <= file.frames:
            raise InputError(
                f"{path} has {file.frames} samples: {start} to {start + frames} are not all in it; ask for less."
            )
        file.seek(start)
        return np.ascontiguousarray(read_frames(file, frames).T), int(file.samplerate)


def write_audio(path: str | Path, audio: NDArray[np.float32], sample_rate: int, subtype: str = "PCM_24") -> None:
    """Write a sound file in the format of its extension; the file appears under its name only when it is whole.

    Args:
        path: Where to write; missing folders are made, an existing file is replaced.
        audio: ``(channels, samples)``; integer formats clip at full scale, 1.
        sample_rate: In Hz.
        subtype: libsndfile's name of the sample format, such as ``PCM_16``, ``PCM_24`` or ``FLOAT``.

    Raises:
        InputError: The audio is empty or holds NaN or infinite samples, the extension cannot hold the subtype, or the
            place cannot be written to.
    """
    path = Path(path)
    if audio.ndim != 2 or audio.size == 0:
        raise InputError(f"{path} cannot be written: the audio's shape {audio.shape} is not (channels, samples).")
    if not np.isfinite(audio).all():
        raise InputError(f"{path} cannot be written: the audio holds NaN or infinite samples.")
    kind = {"AIF": "AIFF", "AIFC": "AIFF", "WAVE": "WAV"}.get(path.suffix[1:].upper(), path.suffix[1:].upper())
    if kind not in soundfile.available_formats() or not soundfile.check_format(kind, subtype):
        raise InputError(f"{path} cannot be written as {subtype}: use the extension .wav.")
    try:
        with replacing(path) as part:
            soundfile.write(str(part), audio.T, sample_rate, subtype=subtype, format=kind)
    except (OSError, soundfile.LibsndfileError) as error:
        raise InputError(f"{path} cannot be written: check that its folder allows writing and has space.") from error
