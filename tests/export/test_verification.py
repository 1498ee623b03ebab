"""Comparing two players: what is played, and what is found."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fxstyle.errors import InputError
from fxstyle.export.player import TorchPlayer
from fxstyle.export.verification import BLOCKS, check_difference, largest_difference, verification_signal
from tests.export.models import RATE, Clock, Forgetful, lstm

pytestmark = pytest.mark.unit


class Wrong(TorchPlayer):
    """Plays a sample of one channel wrongly."""

    def __init__(self, channel: int, value: float) -> None:
        super().__init__(Clock(), RATE)
        self._fault = channel, value

    def play(self, block: np.ndarray) -> np.ndarray:
        played = super().play(block)
        channel, value = self._fault
        if len(played) > channel:
            played[channel, -1] += value
        return played


def test_the_signal_is_loud_silent_and_everything_between() -> None:
    signal = verification_signal(RATE, 2)
    assert signal.dtype == np.float32
    np.testing.assert_array_equal(signal[1], signal[0, ::-1])
    assert np.abs(signal).max() == pytest.approx(10 ** (12 / 20), rel=1e-4)
    assert (signal[0, -400:] == 0).all()
    assert ((signal[0] == 0.5).sum(), (signal[0] == 1.0).sum()) == (480, 1)
    np.testing.assert_array_equal(signal, verification_signal(RATE, 2))


def test_a_player_equals_itself_in_blocks() -> None:
    player = partial(TorchPlayer, lstm(), RATE)
    assert largest_difference(player, player) < 1e-6


def test_both_channels_are_compared_and_nan_is_the_largest() -> None:
    right = partial(TorchPlayer, Clock(), RATE)
    for channel in (0, 1):
        assert largest_difference(right, partial(Wrong, channel, 0.01)) == pytest.approx(0.01, rel=1e-3)
    assert largest_difference(right, partial(Wrong, 0, np.nan)) == np.inf


@pytest.mark.parametrize("block", BLOCKS)
def test_what_depends_on_the_blocks_is_found_at_each_size(block: int) -> None:
    player = partial(TorchPlayer, Forgetful(), RATE)
    assert (largest_difference(player, player, [block]) > 0.01) == (block != 4096)


def test_more_than_the_tolerance_is_refused() -> None:
    check_difference(0.99e-4, "x.onnx")
    for difference in (1.01e-4, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"x\.onnx plays something else"):
            check_difference(difference, "x.onnx")


def test_the_same_player_goes_on_where_it_was() -> None:
    signal = verification_signal(RATE)[:, :600]
    whole, parts = TorchPlayer(lstm(), RATE), TorchPlayer(lstm(), RATE)
    played = np.concatenate([parts.play(signal[:, :250]), parts.play(signal[:, 250:])], axis=1)
    np.testing.assert_allclose(played, whole.play(signal), atol=1e-6)
