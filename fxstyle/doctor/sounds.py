"""Sound to examine effects with: real recordings where there are some, synthetic ones elsewhere, and hard cases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.folder import FolderSource
from fxstyle.audio.levels import Level, from_db
from fxstyle.audio.source import Recording, Source
from fxstyle.audio.synthetic import SyntheticSource

LEVEL_DB = -12.0
_STARTS = 8


@dataclass(frozen=True)
class Clip:
    """One clip of dry sound.

    Attributes:
        recording: Name of the recording it comes from.
        audio: ``(1, samples)``, with a peak of -12 dBFS.
    """

    recording: str
    audio: NDArray[np.float32]


def study_clips(
    recordings: Path | None, count: int, seconds: float, sample_rate: int, seed: int = 0
) -> tuple[Clip, ...]:
    """Clips from the train split of a folder of recordings, or from synthetic phrases.

    No recording gives a second clip before each has given one; a clip starts at the loudest of eight random places.

    Args:
        recordings: A folder; ``None`` takes synthetic guitar, bass and drums.
        count: How many clips; fewer where there are fewer recordings.
        seconds: Length of each.
        sample_rate: In Hz.
        seed: Another seed gives other clips.

    Raises:
        InputError: The folder holds no usable recordings.
    """
    source: Source
    if recordings is None:
        source = SyntheticSource(sample_rate, 1, max(2 * seconds, 4.0), train_recordings=count, seed=seed)
    else:
        source = FolderSource(recordings, sample_rate, 1, min_seconds=min(1.0, seconds))
    members = list(source.recordings("train"))
    rng = np.random.default_rng([seed, len(members)])
    chosen = members if recordings is None else [members[i] for i in rng.permutation(len(members))[:count]]
    length = round(seconds * sample_rate)
    clips = [_clip(source, recording, length, sample_rate, rng) for recording in chosen]
    return tuple(clip for clip in clips if np.any(clip.audio))


def _clip(source: Source, recording: Recording, length: int, rate: int, rng: np.random.Generator) -> Clip:
    room = max(recording.samples - length, 0)
    pieces = [source.read(recording, int(start), length) for start in rng.integers(0, room + 1, _STARTS)]
    loudest = max(pieces, key=lambda piece: float(np.sum(np.square(piece))))
    return Clip(recording.name, Level("peak", LEVEL_DB).apply(loudest, rate, rng))


def as_stereo(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stereo sound ``(2, samples)`` from two of ``(1, samples)``: each side holds both, in other shares."""
    return np.concatenate([0.75 * one + 0.25 * other, 0.25 * one + 0.75 * other]).astype(np.float32)


def with_pause(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sound ``(channels, samples)`` that dies away, is silent for half of its length and comes again.

    Some effects do something to what is nearly silent at the end of a call.
    """
    quarter = audio.shape[1] // 4
    paused = audio.copy()
    paused[:, quarter : 3 * quarter] = 0
    return paused


def noise(channels: int, samples: int, seed: int = 0, level_db: float = LEVEL_DB) -> NDArray[np.float32]:
    """Noise ``(channels, samples)`` with a peak near the level and other samples on each side."""
    drawn = np.random.default_rng([seed, channels, samples]).uniform(-1, 1, (channels, samples))
    return (from_db(level_db) * drawn).astype(np.float32)


def hard_cases(channels: int, samples: int) -> dict[str, NDArray[np.float32]]:
    """Finite sound ``(channels, samples)`` that breaks careless code, by name; some of it is shorter."""
    alternating = np.ones((channels, samples), np.float32)
    alternating[:, 1::2] = -1
    impulse = np.zeros((channels, samples), np.float32)
    impulse[:, samples // 2] = 1
    return {
        "full-scale noise": noise(channels, samples, 1, 0.0),
        "silence": np.zeros((channels, samples), np.float32),
        "a constant at full scale": np.ones((channels, samples), np.float32),
        "full scale at half the sample rate": alternating,
        "an impulse": impulse,
        "denormals": noise(channels, samples, 2) * np.float32(1e-38),
        "12 dB above full scale": noise(channels, samples, 3, 12.0),
        "one sample": noise(channels, 1, 4),
        "7 samples": noise(channels, 7, 5),
    }
