"""How well an emulation keeps what is heard of a room or an echo, from impulse responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.features.reverberation import broadband, decay_curve, octave_times, reverberation_time
from fxstyle.models.linear_identification import impulse_response

Response = NDArray[np.floating]


@dataclass(frozen=True)
class ReverberationErrors:
    """Deviations of a response from the one that is wanted.

    Attributes:
        broadband: Relative error of RT60 (T30) over 88 Hz to 11.3 kHz; 0.1 is 10 % too long.
        octaves: The same by octave band, by its centre in Hz. ``nan`` where a response does not fall by 35 dB.
        decay_db: Mean difference of the broadband decay curves, sign aside, down to -35 dB of the wanted one, in dB.
    """

    broadband: float
    octaves: dict[float, float]
    decay_db: float


def reverberation_errors(response: Response, wanted: Response, sample_rate: float) -> ReverberationErrors:
    """Compare the decay of two impulse responses ``(samples,)`` of the same rate in Hz."""
    ours, theirs = (broadband(each, sample_rate) for each in (response, wanted))
    octaves, true_octaves = (octave_times(each, sample_rate) for each in (response, wanted))
    whole = reverberation_time(ours, sample_rate) / reverberation_time(theirs, sample_rate) - 1.0
    return ReverberationErrors(
        broadband=float(whole),
        octaves={hz: octaves[hz] / true_octaves[hz] - 1.0 for hz in octaves},
        decay_db=decay_difference(ours, theirs),
    )


def decay_difference(response: Response, wanted: Response, down_to_db: float = -35.0) -> float:
    """Mean absolute difference of two decay curves in dB while the wanted one is above a level.

    Each curve starts at its own onset. What is shorter counts as 10 dB below the level from its end on; ``nan`` for a
    silent response.
    """
    ours, theirs = decay_curve(response), decay_curve(wanted)
    if not (np.isfinite(ours[0]) and np.isfinite(theirs[0])):
        return float("nan")
    count = int(np.argmax(theirs < down_to_db)) or len(theirs)
    floor = down_to_db - 10.0
    known = np.full(count, floor)
    known[: len(ours)] = np.maximum(ours[:count], floor)
    return float(np.abs(known - theirs[:count]).mean())


@dataclass(frozen=True)
class Echo:
    """The first echo.

    Attributes:
        seconds: Time after the direct sound, in s, between samples.
        level_db: Its peak against the direct sound's, in dB.
    """

    seconds: float
    level_db: float


def first_echo(response: Response, sample_rate: float, shortest_seconds: float = 0.02) -> Echo:
    """The largest peak of an impulse response ``(samples,)`` that comes late enough.

    The direct sound is the largest peak before ``shortest_seconds``. Peaks are those of parabolas through three
    samples. ``nan`` where one of the two is missing.
    """
    size = np.abs(np.asarray(response, dtype=np.float64))
    border = round(shortest_seconds * sample_rate)
    if border < 1 or not size[:border].any() or not size[border:].any():
        return Echo(float("nan"), float("nan"))
    direct = _peak(size, int(size[:border].argmax()))
    echo = _peak(size, border + int(size[border:].argmax()))
    return Echo((echo[0] - direct[0]) / sample_rate, float(20 * np.log10(echo[1] / direct[1])))


def echo_of_pairs(
    dry: Sequence[Response],
    wet: Sequence[Response],
    sample_rate: float,
    shortest_seconds: float = 0.02,
    longest_seconds: float = 1.0,
) -> Echo:
    """:func:`first_echo` of what least squares finds between recordings ``(samples,)`` before and after an effect."""
    before, after = ([np.asarray(sound, dtype=np.float64) for sound in sounds] for sounds in (dry, wet))
    response = impulse_response(before, after, round(longest_seconds * sample_rate) + 1)
    return first_echo(response, sample_rate, shortest_seconds)


def _peak(size: NDArray[np.float64], place: int) -> tuple[float, float]:
    """Place and height of the peak around a largest sample."""
    if not 0 < place < len(size) - 1:
        return float(place), float(size[place])
    before, middle, after = size[place - 1 : place + 2]
    bend = before - 2 * middle + after
    if not bend < 0 or middle < max(before, after):
        return float(place), float(middle)
    offset = 0.5 * (before - after) / bend
    return place + offset, float(middle - 0.25 * (before - after) * offset)
