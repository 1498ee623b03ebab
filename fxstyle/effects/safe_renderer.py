"""Chooses the engine by what is known of each effect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.processes import ProcessRenderer
from fxstyle.effects.renderer import Failure, Limits, Rendered, ThreadRenderer, check_shapes
from fxstyle.effects.spec import EffectSpec


class SafeRenderer:
    """Renders effects that are known to be safe on threads, and the others in worker processes.

    Args:
        cores: Threads, and worker processes.
        limits: When a clip counts as unusable.
        time_limit_seconds: Longest time of one render in a worker process, in s.
        memory_limit_mb: By how many MB a worker process may grow.
        quarantine_after: Settings that failed so often in a worker process are not tried again.
    """

    def __init__(
        self,
        cores: int = 1,
        limits: Limits | None = None,
        time_limit_seconds: float = 10.0,
        memory_limit_mb: float = 1024.0,
        quarantine_after: int = 2,
    ) -> None:
        self._threads = ThreadRenderer(cores, limits)
        self._processes = ProcessRenderer(cores, limits, time_limit_seconds, memory_limit_mb, quarantine_after)

    @property
    def cores(self) -> int:
        """Threads, and worker processes."""
        return self._threads.cores

    @property
    def limits(self) -> Limits:
        """When a clip counts as unusable."""
        return self._threads.limits

    @property
    def failures(self) -> list[Failure]:
        """Renders that gave no result."""
        return self._threads.failures + self._processes.failures

    def render(
        self,
        effects: Sequence[EffectSpec],
        audio: NDArray[np.float32],
        parameters: NDArray[np.float32],
        sample_rate: int,
        preroll: int = 0,
    ) -> Rendered:
        """See :meth:`Renderer.render`."""
        apart = [place for place, spec in enumerate(effects) if spec.isolated]
        if not apart:
            return self._threads.render(effects, audio, parameters, sample_rate, preroll)
        if len(apart) == len(effects):
            return self._processes.render(effects, audio, parameters, sample_rate, preroll)
        check_shapes(effects, audio, parameters)
        batch, channels, length = audio.shape
        rendered = Rendered(
            np.empty((batch, parameters.shape[1], channels, length - preroll), dtype=np.float32),
            np.empty((batch, parameters.shape[1]), dtype=np.int8),
        )
        rest = sorted(set(range(batch)) - set(apart))
        for engine, chosen in ((self._threads, rest), (self._processes, apart)):
            part = engine.render(
                [effects[place] for place in chosen], audio[chosen], parameters[chosen], sample_rate, preroll
            )
            rendered.audio[chosen], rendered.status[chosen] = part.audio, part.status
        return rendered

    def serial(self) -> SafeRenderer:
        """See :meth:`Renderer.serial`."""
        return SafeRenderer(**{**self._processes.__getstate__(), "cores": 1})  # type: ignore[arg-type]

    def close(self) -> None:
        """End threads and processes."""
        self._threads.close()
        self._processes.close()
