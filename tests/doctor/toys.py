"""Effects in a few lines of Python with one fault each, and a renderer that runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.bench import LIMITS, Bench
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.renderer import Failure, Rendered, Status, judge
from fxstyle.effects.spec import EffectSpec

Audio = NDArray[np.float32]
Toy = Callable[[EffectSpec, Audio, NDArray[np.float64]], Audio]
"""From the spec, sound ``(channels, samples)`` and values in units to sound."""

RATE = 24000


class ToyRenderer:
    """Runs a toy; an error it raises becomes a failure with the error's words."""

    def __init__(self, toy: Toy) -> None:
        self.toy = toy
        self.failures: list[Failure] = []

    def render(
        self,
        effects: Sequence[EffectSpec],
        audio: Audio,
        parameters: NDArray[np.float32],
        sample_rate: int,
        preroll: int = 0,
    ) -> Rendered:
        spec = effects[0]
        wet = np.zeros((1, parameters.shape[1], *audio.shape[1:]), np.float32)
        status = np.zeros((1, parameters.shape[1]), np.int8)
        for place, positions in enumerate(parameters[0]):
            try:
                wet[0, place] = self.toy(spec, audio[0], spec.to_units(positions))
                status[0, place] = judge(wet[0, place], LIMITS)
            except RuntimeError as error:
                self.failures.append(Failure(spec.name, spec.text(positions), str(error)))
                status[0, place] = Status.FAILED
            if status[0, place] >= Status.NOT_FINITE:
                wet[0, place] = 0
        return Rendered(wet, status)

    def serial(self) -> ToyRenderer:
        return self

    def close(self) -> None:
        pass


def bench(toy: Toy, *parameters: Parameter, **options: object) -> Bench:
    """A bench for a toy with these controls."""
    spec = EffectSpec("toy", "pedalboard", "Gain", parameters=parameters, **options)  # type: ignore[arg-type]
    return Bench(spec, ToyRenderer(toy), RATE)


def knob(name: str, **options: object) -> Parameter:
    """A continuous control from 0 to 1, at 0.5."""
    return Parameter(**{"name": name, "low": 0, "high": 1, "default": 0.5, **options})  # type: ignore[arg-type]
