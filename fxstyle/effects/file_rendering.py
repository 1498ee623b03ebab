"""A sound file through an effect, piece by piece, so that an hour needs no more memory than a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from fxstyle.audio.files import open_audio, read_frames
from fxstyle.audio.levels import from_db, peak, to_db
from fxstyle.audio.target import FLOATS, Target
from fxstyle.effects.isolation import open_safely
from fxstyle.effects.render_plan import RenderPlan
from fxstyle.effects.renderer import Limits, RenderError
from fxstyle.effects.streaming import Stream
from fxstyle.errors import InputError

PIECE_FRAMES = 1 << 16


@dataclass(frozen=True)
class RenderedFile:
    """What was written.

    Attributes:
        sample_rate: In Hz.
        channels: 1 or 2.
        frames: Samples per channel, the tail included.
        tail_frames: Samples per channel after the input has ended.
        subtype: The sample format by libsndfile's name.
        peak_db: Peak of the effect's output in dBFS.
        clipped: Samples that lay above full scale and were clipped by the file's format; 0 for float formats.
        first_clipped_seconds: Where the first of them lies, in s.
    """

    sample_rate: int
    channels: int
    frames: int
    tail_frames: int
    subtype: str
    peak_db: float
    clipped: int
    first_clipped_seconds: float


def render_file(
    plan: RenderPlan, on_piece: Callable[[int], Any] = lambda frames: None, piece_frames: int = PIECE_FRAMES
) -> RenderedFile:
    """Render a file; the output appears under its name only when it is whole.

    Output above full scale is clipped by integer formats; the result says how much of it.

    Args:
        plan: What :func:`fxstyle.effects.render_plan.plan_render` gave.
        on_piece: Called with the frames that were just rendered.
        piece_frames: Samples per channel that are read at once; the result does not depend on it.

    Raises:
        InputError: The input is damaged, holds NaN or is silent, or the output cannot be written.
        RenderError: The effect gave NaN or infinite samples, ran away, or did not survive; nothing was written.
    """
    target = Target(plan.target, plan.sample_rate, plan.channels, plan.container, plan.subtype)
    with open_audio(plan.source) as dry, target.open() as wet:
        return _render_into(wet, plan, dry, on_piece, piece_frames)


def _render_into(
    wet: soundfile.SoundFile,
    plan: RenderPlan,
    dry: soundfile.SoundFile,
    on_piece: Callable[[int], Any],
    piece_frames: int,
) -> RenderedFile:
    meter = _Meter(plan)
    values = plan.spec.to_units(plan.positions)
    loudest_dry = 0.0
    with _explained(plan, meter):
        stream = open_safely(plan.spec, values, plan.sample_rate, plan.channels)
        try:
            for piece in _pieces(dry, plan, piece_frames):
                loudest_dry = max(loudest_dry, peak(piece))
                wet.write(meter.check(stream.process(piece)).T)
                on_piece(piece.shape[1])
            for piece in _cut(stream.finish(), piece_frames):
                wet.write(meter.check(piece).T)
            if meter.frames != plan.total_frames:
                raise RenderError(f"gave {meter.frames} samples for {plan.total_frames}")
        finally:
            _close(stream)
    if loudest_dry == 0.0:
        raise InputError(f"{plan.source} holds nothing but silence: give a file with sound")
    return RenderedFile(
        plan.sample_rate,
        plan.channels,
        plan.total_frames,
        plan.tail_frames,
        plan.subtype,
        to_db(meter.peak),
        meter.clipped,
        meter.first_clipped / plan.sample_rate,
    )


class _Meter:
    """Watches the output as it passes."""

    def __init__(self, plan: RenderPlan) -> None:
        self._rate = plan.sample_rate
        self._runaway = from_db(Limits().runaway_db)
        self._clips = plan.subtype not in FLOATS
        self.frames = 0
        self.peak = 0.0
        self.clipped = 0
        self.first_clipped = 0

    def check(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pass ``(channels, n)`` on.

        Raises:
            RenderError: A sample is not finite, or far above full scale.
        """
        highest = peak(audio)
        # NaN compares as neither.
        if not highest <= self._runaway:
            finite = bool(np.isfinite(audio).all())
            wrong = np.abs(audio) > self._runaway if finite else ~np.isfinite(audio)
            self.frames += int(np.argmax(wrong.any(axis=0)))
            runaway = f"ran away: its output passes {to_db(self._runaway):+.0f} dBFS"
            raise RenderError(runaway if finite else "gave NaN or infinite samples")
        self.peak = max(self.peak, highest)
        if self._clips and highest > 1.0:
            over = np.abs(audio) > 1.0
            if not self.clipped:
                self.first_clipped = self.frames + int(np.argmax(over.any(axis=0)))
            self.clipped += int(np.count_nonzero(over))
        self.frames += audio.shape[1]
        return audio


@contextmanager
def _explained(plan: RenderPlan, meter: _Meter) -> Iterator[None]:
    """Say which effect failed, with which settings, and where."""
    try:
        yield
    except (RuntimeError, ValueError, MemoryError) as error:
        if isinstance(error, (InputError, soundfile.LibsndfileError)):
            raise
        cause = " ".join(str(error).split()) or type(error).__name__
        reason = cause if isinstance(error, RenderError) else f"failed: {cause}"
        raise RenderError(
            f"effect {plan.spec.name!r} {reason}, at {meter.frames / plan.sample_rate:.3f} s of {plan.source} with "
            f"{plan.spec.text(plan.positions) or 'no settings'}; nothing was written: try other settings"
        ) from error


def _pieces(dry: soundfile.SoundFile, plan: RenderPlan, size: int) -> Iterator[NDArray[np.float32]]:
    """The input and its tail of silence, ``(channels, size or less)`` each."""
    for first in range(0, plan.frames, size):
        yield np.ascontiguousarray(read_frames(dry, min(size, plan.frames - first)).T)
    for first in range(0, plan.tail_frames, size):
        yield np.zeros((plan.channels, min(size, plan.tail_frames - first)), dtype=np.float32)


def _cut(audio: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    for first in range(0, audio.shape[1], size):
        yield audio[:, first : first + size]


def _close(stream: Stream) -> None:
    """End the process of a stream that has one."""
    close = getattr(stream, "close", None)
    if close is not None:
        close()
