"""A sound file through an effect, piece by piece, so that an hour needs no more memory than a second."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from fxstyle.audio.files import open_audio, read_frames
from fxstyle.audio.levels import from_db, peak, to_db
from fxstyle.effects.isolation import open_safely
from fxstyle.effects.renderer import Limits, RenderError
from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import Stream
from fxstyle.errors import InputError
from fxstyle.writing import replacing

PIECE_FRAMES = 1 << 16
LONGEST_TAIL_SECONDS = 600.0
_KINDS = {"AIF": "AIFF", "AIFC": "AIFF", "WAVE": "WAV"}
_FLOATS = ("FLOAT", "DOUBLE")
# A WAV or AIFF file counts its bytes in 32 bits.
_LARGEST_BYTES = (1 << 32) - (1 << 16)
# What a plugin without a stream holds at once: the input, its copy, the output and its copy.
_WHOLE_COPIES = 4


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


@dataclass(frozen=True)
class RenderPlan:
    """A render whose input and output have been looked at and can be used.

    Attributes:
        spec: The effect.
        positions: Its settings, ``(parameters,)``.
        source: The file to read.
        target: The file to write.
        sample_rate: In Hz.
        channels: 1 or 2.
        frames: Samples per channel of the input.
        tail_frames: Samples per channel that are added at its end.
        container: libsndfile's name of the file format.
        subtype: libsndfile's name of the sample format.
    """

    spec: EffectSpec
    positions: NDArray[np.float32]
    source: Path
    target: Path
    sample_rate: int
    channels: int
    frames: int
    tail_frames: int
    container: str
    subtype: str

    @property
    def total_frames(self) -> int:
        """Samples per channel of the output."""
        return self.frames + self.tail_frames

    @property
    def memory_bytes(self) -> int:
        """Memory that grows with the length; 0 for effects that stream."""
        whole = not self.spec.streams or self.spec.loudness_match
        return _WHOLE_COPIES * 4 * self.channels * self.total_frames if whole else 0


def plan_render(
    spec: EffectSpec,
    values: Mapping[str, float | str],
    source: str | Path,
    target: str | Path,
    tail_seconds: float | None = None,
    as_float: bool = False,
    overwrite: bool = False,
) -> RenderPlan:
    """Look at input and output before anything is rendered.

    Args:
        spec: The effect.
        values: Values in units, or labels, by parameter name; what is not named keeps its default. A control that the
            effect holds in training is set like any other.
        source: A mono or stereo file.
        target: The file to write; its extension chooses the format. A float file stays float where the format can
            hold that, all else becomes 24-bit, or what the format has instead.
        tail_seconds: How long to go on after the input has ended, in s; ``None`` for the effect's own tail.
        as_float: True for 32-bit float whatever the input is.
        overwrite: True to replace an existing target.

    Raises:
        InputError: The settings or the input cannot be used, the effect does not take the input's channels, or the
            output cannot be written.
    """
    source, target = Path(source), Path(target)
    spec = replace(spec, parameters=tuple(replace(p, held=p.held and p.name not in values) for p in spec.parameters))
    positions = spec.positions(values)
    with open_audio(source) as file:
        rate, channels, frames, subtype = file.samplerate, file.channels, file.frames, file.subtype
    if channels > 2:
        raise InputError(f"{source} has {channels} channels: split it into mono or stereo files first")
    needed = {"mono": 1, "stereo": 2}.get(spec.channels, channels)
    if needed != channels:
        counted = {1: "mono", 2: "stereo"}
        raise InputError(
            f"effect {spec.name!r} is {counted[needed]}, but {source} is {counted[channels]}: convert the file first"
        )
    tail = spec.tail_seconds if tail_seconds is None else tail_seconds
    if not 0 <= tail <= LONGEST_TAIL_SECONDS:
        raise InputError(f"--tail must lie between 0 and {LONGEST_TAIL_SECONDS:g} s, not {tail:g}")
    _check_target(source, target, overwrite)
    tail_frames = round(tail * rate)
    wanted = "FLOAT" if as_float or subtype in _FLOATS else "PCM_24"
    container, subtype = _format(target, wanted, as_float, channels * (frames + tail_frames))
    return RenderPlan(
        spec, positions, source, target, rate, channels, frames, tail_frames, container=container, subtype=subtype
    )


def render_file(
    plan: RenderPlan, on_piece: Callable[[int], Any] = lambda frames: None, piece_frames: int = PIECE_FRAMES
) -> RenderedFile:
    """Render a file; the output appears under its name only when it is whole.

    Output above full scale is clipped by integer formats; the result says how much of it.

    Args:
        plan: What :func:`plan_render` gave.
        on_piece: Called with the frames that were just rendered.
        piece_frames: Samples per channel that are read at once; the result does not depend on it.

    Raises:
        InputError: The input is damaged, holds NaN or is silent, or the output cannot be written.
        RenderError: The effect gave NaN or infinite samples, ran away, or did not survive; nothing was written.
    """
    with open_audio(plan.source) as dry, replacing_audio(plan.target) as part:
        try:
            with soundfile.SoundFile(
                os.fsencode(part) if os.name == "posix" else str(part),
                "w",
                plan.sample_rate,
                plan.channels,
                plan.subtype,
                format=plan.container,
            ) as wet:
                return _render_into(wet, plan, dry, on_piece, piece_frames)
        except soundfile.LibsndfileError as error:
            raise InputError(
                f"{plan.target} cannot be written as {plan.container} {plan.subtype} of {plan.sample_rate} Hz "
                "or its disk is full: use the extension .wav or another place"
            ) from error


@contextmanager
def replacing_audio(target: Path) -> Iterator[Path]:
    """As :func:`fxstyle.writing.replacing`; a place that cannot be written to is refused."""
    try:
        with replacing(target) as part:
            yield part
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}): give another place") from error


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
        self._clips = plan.subtype not in _FLOATS
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


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
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
