"""A sound file through a trained model, block by block, so that an hour needs no more memory than a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from fxstyle.audio.files import open_audio, read_frames
from fxstyle.audio.levels import from_db, peak, to_db
from fxstyle.audio.resample import fit_length
from fxstyle.audio.target import FLOATS, check_target, plan_target
from fxstyle.effects.renderer import Limits, RenderError
from fxstyle.errors import InputError
from fxstyle.export.player import Player

BLOCK = 65_536
"""Samples per channel that are read at once."""

_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_000_000


@dataclass(frozen=True)
class PlayedFile:
    """What was written.

    Attributes:
        sample_rate: In Hz.
        channels: Number of channels.
        frames: Samples per channel: those of the input.
        subtype: The sample format by libsndfile's name.
        peak_db: Peak of the model's output in dBFS.
        clipped: Samples that lay above full scale and were clipped by the file's format; 0 for float formats.
        first_clipped_seconds: Where the first of them lies, in s.
    """

    sample_rate: int
    channels: int
    frames: int
    subtype: str
    peak_db: float
    clipped: int
    first_clipped_seconds: float


def play_file(
    player: Player,
    source: Path,
    target: Path,
    block: int = BLOCK,
    as_float: bool = False,
    overwrite: bool = False,
    on_start: Callable[[int], None] = lambda frames: None,
    on_block: Callable[[int], None] = lambda frames: None,
) -> PlayedFile:
    """Play a file of any length, rate and number of channels; the output appears under its name only when it is whole.

    A file of another rate is resampled to the model's and back as it passes.

    Args:
        player: A model that has not played anything yet.
        source: The file to read.
        target: The file to write; its extension chooses the format, as in ``fxstyle effects render``.
        block: Samples per channel that are read at once.
        as_float: True for 32-bit float whatever the input is.
        overwrite: True to replace an existing target.
        on_start: Called with the input's frames once both files can be used.
        on_block: Called with the frames that were just read.

    Raises:
        InputError: A file cannot be used.
        RenderError: The model gave NaN or infinite samples, or ran away; nothing was written.
    """
    if block < 1:
        raise InputError(f"--block must be at least 1, not {block}")
    with open_audio(source) as dry:
        rate, channels, frames = dry.samplerate, dry.channels, dry.frames
        if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            raise InputError(f"{source} has a sample rate of {rate} Hz: resample it, or mend its header")
        check_target(source, target, overwrite)
        planned = plan_target(target, rate, channels, frames, dry.subtype, as_float)
        meter = _Meter(rate, clips=planned.subtype not in FLOATS)
        on_start(frames)
        with planned.open() as wet:
            for piece in _played(dry, player, block, on_block):
                wet.write(meter.check(piece).T)
    return PlayedFile(
        rate, channels, frames, planned.subtype, to_db(meter.peak), meter.clipped, meter.first_clipped / rate
    )


def _played(
    dry: soundfile.SoundFile, player: Player, block: int, on_block: Callable[[int], None]
) -> Iterator[NDArray[np.float32]]:
    """The output, as long as the input in all."""
    frames, rate = dry.frames, dry.samplerate
    there = _Resampler(rate, player.sample_rate, dry.channels)
    back = _Resampler(player.sample_rate, rate, dry.channels)
    late, written = player.latency, 0
    for at in range(0, frames, block):
        size = min(block, frames - at)
        last = at + size == frames
        heard = there.next(np.ascontiguousarray(read_frames(dry, size).T), last)
        if last:
            heard = np.pad(heard, ((0, 0), (0, player.latency)))
        sound = player.play(heard) if heard.shape[1] else heard
        skipped = min(late, sound.shape[1])
        late -= skipped
        piece = back.next(sound[:, skipped:], last)
        # Two changes of rate can end a sample early or late.
        piece = fit_length(piece, frames - written) if last else piece[:, : frames - written]
        written += piece.shape[1]
        yield piece
        on_block(size)


class _Resampler:
    """Changes the rate of a sound that comes in pieces; equal to resampling it whole."""

    def __init__(self, rate: int, new_rate: int, channels: int) -> None:
        same = rate == new_rate
        self._stream = None if same else soxr.ResampleStream(rate, new_rate, channels, "float32", "HQ")

    def next(self, piece: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        """The next piece ``(channels, any)``."""
        if self._stream is None:
            return piece
        return np.ascontiguousarray(self._stream.resample_chunk(np.ascontiguousarray(piece.T), last).T)


class _Meter:
    """Watches the output as it passes."""

    def __init__(self, sample_rate: int, clips: bool) -> None:
        self._rate = sample_rate
        self._clips = clips
        self._runaway = from_db(Limits().runaway_db)
        self._frames = 0
        self.peak = 0.0
        self.clipped = 0
        self.first_clipped = 0

    def check(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pass ``(channels, n)`` on."""
        highest = peak(audio)
        # NaN compares as neither.
        if not highest <= self._runaway:
            finite = bool(np.isfinite(audio).all())
            fault = (
                f"ran away: its output passes {to_db(self._runaway):+.0f} dBFS" if finite else "gave NaN or infinity"
            )
            raise RenderError(f"the model {fault} near {self._frames / self._rate:.3f} s; nothing was written")
        self.peak = max(self.peak, highest)
        if self._clips and highest > 1.0:
            over = np.abs(audio) > 1.0
            if not self.clipped:
                self.first_clipped = self._frames + int(np.argmax(over.any(axis=0)))
            self.clipped += int(np.count_nonzero(over))
        self._frames += audio.shape[1]
        return audio
