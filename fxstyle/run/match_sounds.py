"""What a match listens to: a part of the dry file and a part of the reference, at the dry file's rate and channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.content import Likeness, align, compare_content
from fxstyle.audio.files import open_audio, read_audio, read_frames
from fxstyle.audio.levels import SILENCE_DB, is_silent, to_db
from fxstyle.audio.resample import resample, to_channels
from fxstyle.errors import InputError
from fxstyle.search.excerpts import SHORTEST_SAMPLES

Content = Literal["auto", "same", "other"]
SHORTEST_SECONDS = 0.25
REFERENCE_SECONDS = 60
DRY_SECONDS = 120
"""How much is read at most; memory does not grow beyond it."""

_LOWEST_RATE, _HIGHEST_RATE = 1000, 1_000_000


@dataclass(frozen=True)
class Sounds:
    """The parts of both files that are listened to.

    Attributes:
        dry: ``(channels, samples)``.
        reference: ``(1 or channels, samples)`` at the dry file's rate; where the content is the same as long as ``dry``
            and in time with it. Mono stays mono, since it says nothing about width.
        sample_rate: Of the dry file, in Hz.
        reference_rate: Of the reference file, in Hz.
        start: First sample of the part of the dry file.
        frames: Samples per channel of the whole dry file.
        same: Whether the reference holds the same performance.
        likeness: What that was found from.
    """

    dry: NDArray[np.float32]
    reference: NDArray[np.float32]
    sample_rate: int
    reference_rate: int
    start: int
    frames: int
    same: bool
    likeness: Likeness

    @property
    def channels(self) -> int:
        """1 or 2."""
        return len(self.dry)


def read_sounds(dry: Path, reference: Path, content: Content = "auto") -> Sounds:
    """Look through both files and read what a match needs of them.

    The loudest minute of the reference is read; where it holds the same performance, the same minute of the dry file,
    else the loudest two minutes of that. Nothing is levelled.

    Args:
        dry: A mono or stereo file.
        reference: A file of any rate, channels and length.
        content: Whether both hold the same performance, or ``auto`` to find out.

    Raises:
        InputError: A file is missing, damaged, silent, too short, or holds NaN, or the dry file has other than one or
            two channels.
    """
    check_content(content)
    own, other = _look_through(dry), _look_through(reference)
    if own.channels > 2:
        raise InputError(f"{dry} has {own.channels} channels: split it into mono or stereo files first")
    rate, channels = own.rate, own.channels
    nothing = Likeness(0.0, 0)
    if content != "other":
        start = other.loudest(REFERENCE_SECONDS, within=own.seconds)
        pair = (own.read(start, REFERENCE_SECONDS), other.read(start, REFERENCE_SECONDS, rate, channels))
        likeness = compare_content(pair[0], pair[1], rate)
        if not likeness.same:
            # The best lag of sounds that do not go together is an accident.
            likeness = Likeness(likeness.score, 0)
        together = align(pair[0], pair[1], likeness.lag)
        usable = together[0].shape[1] >= _least(rate) * rate and not any(map(is_silent, together))
        if content == "same" and not usable:
            raise InputError(
                f"{dry} and {reference} have no {_least(rate):.3g} s of sound in common: give recordings of the same "
                "performance, or --content other"
            )
        if usable and (content == "same" or likeness.same):
            first = round(start * rate) + max(-likeness.lag, 0)
            return Sounds(*together, rate, other.rate, first, own.frames, True, likeness)
        nothing = likeness
    start = own.loudest(DRY_SECONDS)
    wanted = other.read(other.loudest(REFERENCE_SECONDS), REFERENCE_SECONDS, rate, channels)
    return Sounds(
        own.read(start, DRY_SECONDS), wanted, rate, other.rate, round(start * rate), own.frames, False, nothing
    )


def check_content(content: str) -> Content:
    """Refuse any other word, with :class:`InputError`."""
    if content not in get_args(Content):
        raise InputError(f"--content must be auto, same or other, not {content!r}")
    return cast(Content, content)


LOUDEST_DB = 60.0
"""Beyond this a file of floats holds no sound that somebody made."""


@dataclass(frozen=True)
class _File:
    """A file that has been read once from end to end; ``energy`` is one number per second."""

    path: Path
    rate: int
    channels: int
    frames: int
    energy: NDArray[np.float64]

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    def loudest(self, seconds: int, within: float = float("inf")) -> int:
        """The second from which so many seconds, within the first ones, hold the most energy."""
        energy = self.energy[: max(1, int(min(within, len(self.energy))))]
        if len(energy) <= seconds:
            return 0
        total = np.concatenate([[0.0], np.cumsum(energy)])
        return int(np.argmax(total[seconds:] - total[:-seconds]))

    def read(self, start: int, seconds: int, rate: int | None = None, most_channels: int = 2) -> NDArray[np.float32]:
        first = start * self.rate
        audio, own = read_audio(self.path, first, min(seconds * self.rate, self.frames - first))
        return to_channels(resample(audio, own, rate or own), min(most_channels, self.channels))


def _least(rate: int) -> float:
    """Seconds of sound that a match needs."""
    return max(SHORTEST_SECONDS, SHORTEST_SAMPLES / rate)


def _look_through(path: Path) -> _File:
    """Read a whole file in pieces, so that damage is found before anything is rendered."""
    with open_audio(path) as file:
        rate, frames = file.samplerate, file.frames
        if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            raise InputError(f"{path} has a sample rate of {rate} Hz: resample it, or mend its header")
        if frames < _least(rate) * rate:
            raise InputError(
                f"{path} is {frames / rate:.3g} s long: a match needs at least {_least(rate):.3g} s of sound"
            )
        energy, highest = [], 0.0
        for first in range(0, frames, rate):
            piece = read_frames(file, min(rate, frames - first))
            energy.append(float(np.square(piece, dtype=np.float64).sum()))
            highest = max(highest, float(np.abs(piece).max()))
    if to_db(highest) < SILENCE_DB:
        found = f"its peak is {to_db(highest):.0f} dBFS" if highest else "nothing but zeros"
        raise InputError(f"{path} is silent ({found}): give a file with sound")
    if to_db(highest) > LOUDEST_DB:
        raise InputError(f"{path} peaks at {to_db(highest):+.0f} dBFS: scale it, or mend its format")
    return _File(path, rate, file.channels, frames, np.array(energy))
