"""The one place where an examination renders, so that a bad plugin costs items and never the command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.renderer import Limits, Renderer, Status
from fxstyle.effects.spec import EffectSpec

LIMITS = Limits(runaway_db=300.0)
"""Loud is not broken: only what is not finite counts as such, and as silent or clipped what counts elsewhere."""

SAMPLE_RATE = 24000
TOO_MANY = 5


class HopelessError(Exception):
    """So many renders failed that going on would teach nothing."""


@dataclass(frozen=True)
class Failed:
    """One render that failed.

    Attributes:
        reason: A key of :data:`fxstyle.doctor.findings.FAILS`.
        settings: What was set, as a person reads it.
        detail: What the renderer said; may be empty.
    """

    reason: str
    settings: str
    detail: str = ""


def with_all(spec: EffectSpec, **changes: Any) -> EffectSpec:
    """The same effect with these fields changed in it and in all its links."""
    return replace(spec, **changes, links=tuple(with_all(link, **changes) for link in spec.links))


class Bench:
    """Renders one effect and remembers what failed.

    Args:
        spec: The effect.
        renderer: What renders; made with :data:`LIMITS`.
        sample_rate: In Hz.
        apart: Whether what no renderer can do, such as streams, also runs in worker processes.
    """

    def __init__(
        self, spec: EffectSpec, renderer: Renderer, sample_rate: int = SAMPLE_RATE, apart: bool = False
    ) -> None:
        self.spec = spec
        self.apart = apart or spec.isolated
        self.renderer = renderer
        self.sample_rate = sample_rate
        self.failed: list[Failed] = []
        self.renders = 0

    def render(
        self, audio: NDArray[np.float32], positions: NDArray[np.floating], spec: EffectSpec | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Render sound ``(channels, samples)`` with settings ``(settings, parameters)``.

        Returns:
            ``(settings, channels, samples)`` and the status of each; what failed is silence.

        Raises:
            HopelessError: Too many renders have failed.
        """
        spec = spec or self.spec
        parameters = np.ascontiguousarray(np.atleast_2d(positions), dtype=np.float32)
        done = self.renderer.render([spec], audio[None], parameters[None], self.sample_rate)
        status = done.status[0]
        self.renders += len(parameters)
        for place in np.flatnonzero(status >= Status.NOT_FINITE):
            settings = spec.text(parameters[place])
            if status[place] == Status.NOT_FINITE:
                self.failed.append(Failed("not_finite", settings))
            else:
                self.failed.append(_why(self.renderer, settings))
        if len(self.failed) >= TOO_MANY:
            raise HopelessError
        return done.audio[0], status

    def note(self, before: int, words: str) -> None:
        """Add words to the failures since there were ``before``."""
        self.failed[before:] = [replace(f, settings=f"{f.settings} {words}".strip()) for f in self.failed[before:]]

    def one(
        self, audio: NDArray[np.float32], positions: NDArray[np.floating], spec: EffectSpec | None = None
    ) -> NDArray[np.float32]:
        """Render sound with one setting ``(parameters,)``; ``(channels, samples)``."""
        return self.render(audio, positions, spec)[0][0]


def _why(renderer: Renderer, settings: str) -> Failed:
    """What the renderer said about settings that failed; quarantined ones were said to fail before."""
    said = [failure.reason for failure in renderer.failures if failure.settings == settings]
    detail = said[-1] if said else ""
    return Failed(reason_code(detail), settings, detail)


def reason_code(reason: str) -> str:
    """The finding that a renderer's words stand for, a key of :data:`fxstyle.doctor.findings.FAILS`."""
    words = {"crashed": "crash", "ended": "crash", "hung": "hang", "used more": "memory"}
    return next((code for begin, code in words.items() if reason.startswith(begin)), "error")


def relative_db(difference: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Energy of a difference relative to a reference, in dB; ``-inf`` for no difference."""
    above = float(np.sum(np.square(difference, dtype=np.float64)))
    below = float(np.sum(np.square(reference, dtype=np.float64)))
    if above == 0.0:
        return float("-inf")
    return float(10 * np.log10(above / below)) if below else float("inf")


def change_db(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """How far two sounds differ, in dB relative to the louder one."""
    louder = one if np.sum(np.square(one, dtype=np.float64)) >= np.sum(np.square(other, dtype=np.float64)) else other
    return relative_db(np.subtract(one, other, dtype=np.float64), louder)
