"""Small search problems with a known truth, and renderers that misbehave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.renderer import Rendered, Status, ThreadRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.search.objectives import MatchedObjective
from fxstyle.search.problem import Excerpt, Problem

RATE, SAMPLES, PREROLL = 22_050, 8192, 1024


def sound(samples: int = SAMPLES + PREROLL, channels: int = 1, seed: int = 0) -> NDArray[np.float32]:
    """Decaying notes and a little noise, peak about -12 dBFS."""
    rng = np.random.default_rng([seed, channels, samples])
    time = np.arange(samples) / RATE
    audio = 0.005 * rng.standard_normal((channels, samples))
    for place in range(0, samples, 4096):
        after = np.maximum(time - time[place], 0.0)
        envelope = np.exp(-6.0 * after) * (time >= time[place])
        pitch = 110.0 * 2.0 ** rng.uniform(0, 2)
        audio += envelope * sum(np.sin(2 * np.pi * pitch * k * after) / k for k in range(1, 8))
    return (0.25 * audio / np.abs(audio).max()).astype(np.float32)


class Renders(ThreadRenderer):
    """Counts what it renders; fails where the first control lies above a limit."""

    def __init__(self, fails_above: float = np.inf) -> None:
        super().__init__(1)
        self.calls: list[int] = []
        self.fails_above = fails_above

    def render(
        self,
        effects: Sequence[EffectSpec],
        audio: NDArray[np.float32],
        parameters: NDArray[np.float32],
        sample_rate: int,
        preroll: int = 0,
    ) -> Rendered:
        self.calls.append(parameters.shape[1])
        rendered = super().render(effects, audio, parameters, sample_rate, preroll)
        failed = parameters[..., 0] > self.fails_above
        rendered.audio[failed] = 0.0
        rendered.status[failed] = Status.FAILED
        return rendered


def matched(
    spec: EffectSpec, truth: NDArray[np.float32], renderer: Renders | None = None, channels: int = 1
) -> Problem:
    """The sound of an effect at these settings, to be found again."""
    dry = sound(channels=channels)
    renderer = renderer or Renders()
    wet = ThreadRenderer(1).render([spec], dry[None], truth[None, None], RATE, PREROLL).audio[0, 0]
    return Problem(spec, [Excerpt(dry, PREROLL, wet)], RATE, renderer, MatchedObjective([wet]))
