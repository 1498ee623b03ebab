from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.errors import InputError
from fxstyle.search.excerpts import choose_excerpts
from fxstyle.search.objectives import LONGEST_SAMPLES

pytestmark = pytest.mark.unit
RATE = 8000


def tone(hz: float, seconds: float, peak: float) -> NDArray[np.float32]:
    return (peak * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def varied() -> NDArray[np.float32]:
    """20 s, stereo: quiet, then loud and low, then a little less loud and high, then nothing."""
    rng = np.random.default_rng(0)
    left = np.concatenate((tone(200, 5, 0.01), tone(150, 5, 0.5), tone(2500, 5, 0.3), np.zeros(5 * RATE, np.float32)))
    sound = np.stack((left, 0.5 * left)) + 1e-5 * rng.standard_normal((2, len(left)))
    return sound.astype(np.float32)


def test_loud_and_different_pieces_are_chosen_with_the_sound_before_them() -> None:
    dry = varied()
    pieces = choose_excerpts(dry, RATE, count=3, seconds=2.0, preroll_seconds=1.0)
    found = []
    for piece in pieces:
        assert piece.reference is None
        assert (piece.preroll, piece.dry.shape) == (RATE, (2, 3 * RATE))
        starts = np.flatnonzero(dry[0, : -3 * RATE] == piece.dry[0, 0])
        start = next(s for s in starts if np.array_equal(dry[:, s : s + 3 * RATE], piece.dry))
        found.append(start / RATE + 1)
    assert 5 <= found[0] <= 8
    assert any(9 <= start <= 14 for start in found[1:])


def test_no_more_pieces_than_there_are_loud_ones_and_none_overlap() -> None:
    pieces = choose_excerpts(varied(), RATE, count=20, seconds=2.0, preroll_seconds=0.0)
    assert 3 <= len(pieces) <= 5
    assert all(np.abs(piece.dry).max() > 0.1 for piece in pieces)


def test_matched_pieces_are_cut_at_the_same_places() -> None:
    dry = varied()
    reference = -2.0 * dry[:, : 14 * RATE]
    pieces = choose_excerpts(dry, RATE, reference, seconds=1.5, preroll_seconds=0.25)
    assert len(pieces) == 3
    for piece in pieces:
        np.testing.assert_array_equal(piece.reference, -2.0 * piece.dry[:, piece.preroll :])
    long = np.tile(dry, (1, 40))
    assert choose_excerpts(long, 48_000, long)[0].dry.shape[1] <= LONGEST_SAMPLES + 48_000


def test_a_short_sound_is_one_excerpt() -> None:
    dry = varied()[:1, 5 * RATE : 8 * RATE]
    (piece,) = choose_excerpts(dry, RATE, count=3, seconds=5.0)
    assert piece.preroll == 0
    np.testing.assert_array_equal(piece.dry, dry)


def test_what_cannot_be_searched_is_refused() -> None:
    dry = varied()
    with pytest.raises(InputError, match="dry sound is silent"):
        choose_excerpts(np.zeros((1, 9000), np.float32), RATE)
    with pytest.raises(InputError, match="reference is silent"):
        choose_excerpts(dry, RATE, 0.0 * dry)
    with pytest.raises(InputError, match="2047 samples long: give at least 2048"):
        choose_excerpts(dry[:, :2047], RATE)
    with pytest.raises(InputError, match=r"2 channel\(s\) and the reference 1"):
        choose_excerpts(dry, RATE, dry[:1])
