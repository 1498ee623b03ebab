"""Renders in worker processes, in which a plugin that crashes or hangs loses one item."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.isolation import Worker, WorkerDiedError
from fxstyle.effects.renderer import Failure, Limits, Rendered, RenderError, Status, check_shapes
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

log = logging.getLogger(__name__)

HOPELESS = 6
"""An effect that has taken so many processes down, and never given a sound, is not tried again."""

_CALLS_BETWEEN_LOOKS = 64
"""After so many renders a worker's memory is looked at."""


class LoadError(RenderError):
    """An effect could not be loaded, whatever its settings."""


class ProcessRenderer:
    """Renders in a pool of worker processes with shared memory; see :class:`fxstyle.effects.renderer.Renderer`.

    A plugin that crashes, hangs or uses too much memory loses the item it worked on, which is reported with its
    settings; its process is replaced. A pickled copy starts without processes.

    Args:
        cores: Worker processes; they start when they are first needed.
        limits: When a clip counts as unusable.
        time_limit_seconds: Longest time of one render, in s.
        memory_limit_mb: By how many MB a worker may grow.
        quarantine_after: Settings that failed so often are not tried again.
    """

    def __init__(
        self,
        cores: int = 1,
        limits: Limits | None = None,
        time_limit_seconds: float = 10.0,
        memory_limit_mb: float = 1024.0,
        quarantine_after: int = 2,
    ) -> None:
        if cores < 1:
            raise InputError(f"renderer.cores must be at least 1, not {cores}")
        for name, value in (("time_limit_seconds", time_limit_seconds), ("memory_limit_mb", memory_limit_mb)):
            if not 0 < value < float("inf"):
                raise InputError(f"renderer.{name} must be a number above 0, not {value}")
        if quarantine_after < 1:
            raise InputError(f"renderer.quarantine_after must be at least 1, not {quarantine_after}")
        self.cores = cores
        self.limits = limits or Limits()
        self.time_limit_seconds = time_limit_seconds
        self.memory_limit_mb = memory_limit_mb
        self.quarantine_after = quarantine_after
        self.failures: list[Failure] = []
        self._failed: Counter[tuple[EffectSpec, bytes | None]] = Counter()
        self._deaths: Counter[EffectSpec] = Counter()
        self._survived: set[EffectSpec] = set()
        self._numbers: dict[EffectSpec, int] = {}
        self._lock = threading.Lock()
        self._idle: list[_Member] = []
        self._threads: ThreadPoolExecutor | None = None

    def __getstate__(self) -> dict[str, object]:
        """Leave processes behind."""
        return {name: getattr(self, name) for name in _SETTINGS}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Start afresh in the new process."""
        self.__init__(**state)  # type: ignore[misc]

    def render(
        self,
        effects: Sequence[EffectSpec],
        audio: NDArray[np.float32],
        parameters: NDArray[np.float32],
        sample_rate: int,
        preroll: int = 0,
    ) -> Rendered:
        """See :meth:`Renderer.render`."""
        check_shapes(effects, audio, parameters)
        batch, channels, length = audio.shape
        candidates = parameters.shape[1]
        result = np.empty((batch, candidates, channels, length - preroll), dtype=np.float32)
        status = np.empty((batch, candidates), dtype=np.int8)
        places = iter([(item, candidate) for item in range(batch) for candidate in range(candidates)])

        def drain() -> None:
            # Taking from a list iterator is atomic.
            with self._member() as member:
                for place in places:
                    spec = effects[place[0]]
                    positions = np.ascontiguousarray(parameters[place][: len(spec.parameters)])
                    status[place] = self._one(
                        member, spec, audio[place[0]], positions, sample_rate, preroll, result[place]
                    )

        threads = min(self.cores, batch * candidates)
        if threads <= 1:
            drain()
        else:
            with self._lock:
                if self._threads is None:
                    self._threads = ThreadPoolExecutor(self.cores, thread_name_prefix="render")
                waiting = [self._threads.submit(drain) for _ in range(threads)]
            for future in waiting:
                future.result()
        return Rendered(result, status)

    def serial(self) -> ProcessRenderer:
        """See :meth:`Renderer.serial`; each data loader worker then has one process of its own."""
        return ProcessRenderer(**{**self.__getstate__(), "cores": 1})  # type: ignore[arg-type]

    def close(self) -> None:
        """End all processes."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
        with self._lock:
            members, self._idle = self._idle, []
        for member in members:
            member.close()

    def __del__(self) -> None:
        """Leave no process behind."""
        if hasattr(self, "_idle"):
            for member in self._idle:
                member.close()

    @contextmanager
    def _member(self) -> Iterator[_Member]:
        with self._lock:
            member = self._idle.pop() if self._idle else _Member(self.time_limit_seconds, self.memory_limit_mb)
        try:
            yield member
        except BaseException:
            # Ctrl-C between question and answer: the next question would get this answer.
            member.close()
            raise
        with self._lock:
            self._idle.append(member)

    def _one(
        self,
        member: _Member,
        spec: EffectSpec,
        audio: NDArray[np.float32],
        positions: NDArray[np.float32],
        sample_rate: int,
        preroll: int,
        out: NDArray[np.float32],
    ) -> Status:
        # What cannot be loaded fails with all settings.
        settings, all_settings = (spec, positions.tobytes()), (spec, None)
        with self._lock:
            number = self._numbers.setdefault(spec, len(self._numbers))
            hopeless = spec not in self._survived and self._deaths[spec] >= HOPELESS
            quarantined = max(self._failed[settings], self._failed[all_settings]) >= self.quarantine_after
        quarantined = quarantined or hopeless
        if quarantined:
            out[:] = 0.0
            return Status.FAILED
        try:
            status = member.render(number, spec, audio, positions, sample_rate, preroll, self.limits, out)
            self._survived.add(spec)
            return status
        except (RenderError, InputError) as error:
            out[:] = 0.0
            failure = Failure(spec.name, spec.text(positions), str(error))
            broken = isinstance(error, LoadError)
            with self._lock:
                self.failures.append(failure)
                self._failed[all_settings if broken else settings] += 1
                last = self._failed[all_settings if broken else settings] >= self.quarantine_after
                self._deaths[spec] += isinstance(error, WorkerDiedError)
                if self._deaths[spec] == HOPELESS and spec not in self._survived:
                    broken = last = True
            what = "this effect is" if broken else "these settings are"
            log.warning("%s%s", failure, f"; {what} not tried again" if last else "")
            return Status.FAILED


_SETTINGS = ("cores", "limits", "time_limit_seconds", "memory_limit_mb", "quarantine_after")


class _Member:
    """A worker that is replaced when it has died or has grown."""

    def __init__(self, time_limit: float, memory_limit_mb: float) -> None:
        self._limits = (time_limit, memory_limit_mb)
        self._worker: Worker | None = None
        self._knows: set[int] = set()
        self._calls = 0

    def render(
        self,
        number: int,
        spec: EffectSpec,
        audio: NDArray[np.float32],
        positions: NDArray[np.float32],
        sample_rate: int,
        preroll: int,
        limits: Limits,
        out: NDArray[np.float32],
    ) -> Status:
        """Render one clip into ``out``."""
        self._calls += 1
        if self._worker is not None and self._calls % _CALLS_BETWEEN_LOOKS == 0 and self._worker.worn:
            self.close()
        if self._worker is None:
            self._worker = Worker(*self._limits)
        try:
            if number not in self._knows:
                try:
                    self._worker.load(number, spec)
                except (RenderError, InputError) as error:
                    if isinstance(error, WorkerDiedError):
                        self.close()
                    raise LoadError(str(error)) from error
                self._knows.add(number)
            memory = self._worker.memory.floats(2 * audio.size)
            memory[: audio.size].reshape(audio.shape)[:] = audio
            status: Status = self._worker.call("render", number, positions, sample_rate, audio.shape, preroll, limits)
        except WorkerDiedError:
            self.close()
            raise
        out[:] = memory[audio.size :].reshape(audio.shape)[:, preroll:]
        return status

    def close(self) -> None:
        """End the process; the next render starts another."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None
        self._knows.clear()
