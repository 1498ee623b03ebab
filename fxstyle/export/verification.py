"""Whether an export plays what the model in torch plays, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import from_db, peak
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.errors import InputError
from fxstyle.export.player import Player

TOLERANCE = 1e-4
"""The largest difference between an export and torch, of full scale."""

BLOCKS = (64, 256, 1, 1000, 4096)
"""Samples of a block, in the order in which they are tried."""

_PHRASE_SECONDS, _OTHER_SECONDS, _LARGE_BLOCK = 0.3, 0.06, 4096


def verification_signal(sample_rate: int, channels: int = 1) -> NDArray[np.float32]:
    """What every export must play: a phrase, silence, the phrase at +12 dBFS, an impulse, DC and silence again.

    Returns:
        ``(channels, samples)``, about a second; a second channel is the first backwards.
    """
    source = SyntheticSource(sample_rate, 1, _PHRASE_SECONDS, 1, 1, 1)
    phrase = source.read(source.recordings("train")[0], 0, source.samples)[0]
    phrase = phrase / max(peak(phrase), 1e-6)
    quiet = np.zeros(round(_OTHER_SECONDS * sample_rate), np.float32)
    impulse, constant = quiet.copy(), np.full_like(quiet, 0.5)
    impulse[10] = 1.0
    parts = (from_db(-12.0) * phrase, quiet, from_db(12.0) * phrase, impulse, constant, quiet)
    signal = np.concatenate(parts).astype(np.float32)
    return np.stack([signal, signal[::-1]][:channels])


def largest_difference(
    reference: Callable[[], Player], tested: Callable[[], Player], blocks: Sequence[int] = BLOCKS
) -> float:
    """Largest difference of two players on :func:`verification_signal`, for every size of block.

    Args:
        reference: Makes the player that plays in large blocks.
        tested: Makes the player that plays in each of the sizes, every other one in two channels.
        blocks: Samples of a block; blocks below 16 only play the first part of the sound.
    """
    signal = verification_signal(reference().sample_rate, 2)
    expected = _played(reference(), signal, _LARGE_BLOCK)
    worst = 0.0
    for at, block in enumerate(blocks):
        samples = signal.shape[1] if block >= 16 else signal.shape[1] // 50
        channels = 1 + at % 2
        played = _played(tested(), signal[:channels, :samples], block)
        # NaN would be smaller than any bound.
        worst = max(worst, float(np.nan_to_num(np.abs(played - expected[:channels, :samples]), nan=np.inf).max()))
    return worst


def _played(player: Player, signal: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    parts = [player.play(signal[:, at : at + block]) for at in range(0, signal.shape[1], block)]
    return np.concatenate(parts, axis=1)


def check_difference(difference: float, what: str) -> None:
    """Refuse an export that plays something else.

    Raises:
        InputError: The difference is above the tolerance.
    """
    if not difference <= TOLERANCE:
        raise InputError(
            f"{what} plays something else than the model in torch (largest difference {difference:.1e}, allowed "
            f"{TOLERANCE:.0e}): nothing was written; use the model by fxstyle apply"
        )
