"""What a render of a sound file reads and writes, looked at before anything is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.files import open_audio
from fxstyle.audio.target import check_target, plan_target
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

LONGEST_TAIL_SECONDS = 600.0
# What a plugin without a stream holds at once: the input, its copy, the output and its copy.
_WHOLE_COPIES = 4


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


_LOWEST_RATE, _HIGHEST_RATE = 1000, 1_000_000
"""In Hz; at 1 Hz pedalboard's PitchShift does not come back."""


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
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise InputError(
            f"{source} has a sample rate of {rate} Hz, which no effect is made for: resample it, or mend its header"
        )
    spec.check_rate(rate)
    needed = {"mono": 1, "stereo": 2}.get(spec.channels, channels)
    if needed != channels:
        counted = {1: "mono", 2: "stereo"}
        raise InputError(
            f"effect {spec.name!r} is {counted[needed]}, but {source} is {counted[channels]}: convert the file first"
        )
    tail = spec.tail_seconds if tail_seconds is None else tail_seconds
    if not 0 <= tail <= LONGEST_TAIL_SECONDS:
        raise InputError(f"--tail must lie between 0 and {LONGEST_TAIL_SECONDS:g} s, not {tail:g}")
    check_target(source, target, overwrite)
    tail_frames = round(tail * rate)
    written = plan_target(target, rate, channels, frames + tail_frames, subtype, as_float)
    return RenderPlan(
        spec, positions, source, target, rate, channels, frames, tail_frames, written.container, written.subtype
    )
