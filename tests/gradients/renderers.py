"""Renderers that a test can look into."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.renderer import Rendered, Status, ThreadRenderer
from fxstyle.effects.spec import EffectSpec


class WatchedRenderer(ThreadRenderer):
    """Remembers the settings of every call, and lets chosen renders fail.

    Args:
        broken: Whether a place (item, candidate) of a call fails.
        status: What its failure is.
    """

    def __init__(
        self, broken: Callable[[int, int], bool] = lambda item, candidate: False, status: Status = Status.FAILED
    ) -> None:
        super().__init__(1)
        self.broken, self.status = broken, status
        self.calls: list[NDArray[np.float32]] = []

    def render(
        self,
        effects: Sequence[EffectSpec],
        audio: NDArray[np.float32],
        parameters: NDArray[np.float32],
        sample_rate: int,
        preroll: int = 0,
    ) -> Rendered:
        self.calls.append(parameters.copy())
        rendered = super().render(effects, audio, parameters, sample_rate, preroll)
        for place in np.ndindex(*rendered.status.shape):
            if self.broken(*place):
                rendered.status[place] = self.status
                rendered.audio[place] = 0.0
        return rendered
