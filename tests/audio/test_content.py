"""Whether two sounds are one performance: through effects, at a lag, and for other content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from fxstyle.audio.content import align, compare_content
from fxstyle.audio.resample import resample, to_channels
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.effects.renderer import ThreadRenderer
from tests.effects.catalogue import effect

RATE = 22050
EFFECTS = {
    "distortion": {"drive_db": 40},
    "reverb": {"wet_level": 0.6, "room_size": 0.5},
    "highpass": {},
    "compressor": {"threshold_db": -40, "ratio": 10},
    "delay": {},
}


@pytest.fixture(scope="module")
def sounds() -> list[NDArray[np.float32]]:
    """Two seconds each of a guitar, a bass and drums."""
    source = SyntheticSource(RATE, 1, 2.0, train_recordings=6)
    return [source.read(recording, 0, 2 * RATE) for recording in source.recordings("train")]


def wet(name: str, dry: NDArray[np.float32]) -> NDArray[np.float32]:
    spec = effect(name)
    positions = spec.positions(EFFECTS[name])[None, None]
    return ThreadRenderer(1).render([spec], dry[None], positions, RATE).audio[0, 0]


@pytest.mark.unit
@pytest.mark.parametrize("late", [0, 2205])
@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_an_effect_leaves_the_performance(sounds: list[NDArray[np.float32]], name: str, late: int) -> None:
    for sound in sounds[:3]:
        found = compare_content(sound, np.pad(wet(name, sound), ((0, 0), (late, 0))), RATE)
        assert found.same
        assert abs(found.lag - late) <= 4


@pytest.mark.unit
def test_earlier_sounds_have_a_negative_lag(sounds: list[NDArray[np.float32]]) -> None:
    found = compare_content(sounds[0], -0.1 * sounds[0][:, 1000:], RATE)
    assert found.same
    assert abs(found.lag + 1000) <= 2


@pytest.mark.unit
def test_other_recordings_are_other_content(sounds: list[NDArray[np.float32]]) -> None:
    pairs = [(one, two) for place, one in enumerate(sounds) for two in sounds[place + 1 :]]
    assert not [place for place, pair in enumerate(pairs) if compare_content(*pair, RATE).same]


@pytest.mark.unit
@pytest.mark.parametrize("samples", [1, 3, 5000])
def test_sounds_without_events_are_no_error(samples: int) -> None:
    silence = np.zeros((2, samples), dtype=np.float32)
    noise = np.random.default_rng(0).standard_normal((1, samples)).astype(np.float32)
    assert not compare_content(silence, noise, RATE).same
    assert not compare_content(silence, silence, RATE).same


@pytest.mark.unit
@pytest.mark.parametrize(("lag", "first", "second"), [(0, 0, 0), (2, 0, 2), (-2, 2, 0)])
def test_align_cuts_to_the_common_part(lag: int, first: int, second: int) -> None:
    sound = np.arange(20, dtype=np.float32).reshape(2, 10)
    one, two = align(sound, sound[:, :7], lag)
    assert one.shape == two.shape
    assert (one[0, 0], two[0, 0]) == (first, second)
    assert one.shape[1] == min(10 - first, 7 - second)


@pytest.mark.slow
def test_real_recordings(recordings_root: Path) -> None:
    files = sorted(recordings_root.glob("*/test/*.flac"))
    pieces = []
    for path in files:
        audio, rate = soundfile.read(path, frames=4 * 48000, dtype="float32", always_2d=True)
        piece = resample(to_channels(audio.T, 1), rate, RATE)[:, : 3 * RATE]
        if piece.shape[1] > RATE and np.abs(piece).max() > 0.05:
            pieces.append(piece)
    assert len(pieces) >= 10
    through = [compare_content(piece, wet(name, piece), RATE) for piece in pieces for name in EFFECTS]
    assert np.mean([found.same for found in through]) >= 0.95
    assert np.mean([found.lag == 0 for found in through]) >= 0.95
    other = [compare_content(one, two, RATE).same for one, two in zip(pieces, pieces[5:], strict=False)]
    assert np.mean(other) <= 0.05
