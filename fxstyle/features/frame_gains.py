"""The gain between two sounds, frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AUDIBLE = 1e-4
"""RMS of a frame, against the peak of the dry sound, below which its gain is not told."""


def frame_gains(dry: NDArray[np.floating], wet: NDArray[np.floating], frame: int) -> NDArray[np.float64]:
    """Gain of each frame by least squares, its sign aside.

    Args:
        dry: ``(samples,)``.
        wet: The same shape.
        frame: Samples of a frame; samples that fill none are left out.

    Returns:
        ``(frames,)``; ``nan`` where the dry sound is too quiet to say.
    """
    count = len(dry) // frame
    before, after = (sound[: count * frame].astype(np.float64).reshape(count, frame) for sound in (dry, wet))
    power = np.square(before).sum(1)
    told = power > frame * np.square(AUDIBLE * np.abs(before).max(initial=0.0))
    return np.divide(np.abs((before * after).sum(1)), power, out=np.full(count, np.nan), where=told)
