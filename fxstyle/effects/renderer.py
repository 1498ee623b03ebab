"""One interface through which everything renders: data, gradients and search."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.hosts import Process, build
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

log = logging.getLogger(__name__)


class RenderError(RuntimeError):
    """A plugin gave no result: it raised an error, crashed, hung or used too much memory.

    The message says which in words that follow the plugin's name, such as ``crashed (SIGSEGV)``.
    """


class Status(IntEnum):
    """What became of one render."""

    OK = 0
    SILENT = 1
    CLIPPED = 2
    NOT_FINITE = 3
    FAILED = 4


@dataclass(frozen=True)
class Limits:
    """Where a rendered clip counts as unusable.

    Attributes:
        silence_db: RMS level in dBFS below which it is silent.
        clipped_fraction: Share of samples at or above full scale from which it is clipped to death.
        runaway_db: Peak in dBFS above which it has run away (reported as not finite).
    """

    silence_db: float = -60.0
    clipped_fraction: float = 0.5
    runaway_db: float = 40.0


@dataclass(frozen=True)
class Rendered:
    """What a renderer gives back.

    Attributes:
        audio: ``(batch, candidates, channels, samples)``; silence where a render failed or was not finite.
        status: :class:`Status` codes, ``(batch, candidates)``.
    """

    audio: NDArray[np.float32]
    status: NDArray[np.int8]


class Renderer(Protocol):
    """Renders candidates of parameters on shared audio.

    Attributes:
        failures: Renders that gave no result, in the order they happened.
    """

    failures: list[Failure]

    def render(
        self,
        effects: Sequence[EffectSpec],
        audio: NDArray[np.float32],
        parameters: NDArray[np.float32],
        sample_rate: int,
        preroll: int = 0,
    ) -> Rendered:
        """Render ``(batch, channels, preroll + samples)`` with ``(batch, candidates, parameters)``.

        The first ``preroll`` samples warm the effect up and are cropped from the result.
        """
        ...

    def serial(self) -> Renderer:
        """The same renderer on one core and without threads, for data loader workers."""
        ...

    def close(self) -> None:
        """Give threads or processes back."""
        ...


def judge(audio: NDArray[np.float32], limits: Limits) -> Status:
    """Classify one rendered clip ``(channels, samples)``."""
    flat = audio.reshape(-1)
    energy = float(np.dot(flat, flat))
    if not np.isfinite(energy):
        return Status.NOT_FINITE
    peak = max(float(flat.max()), -float(flat.min()))
    if peak > 10.0 ** (limits.runaway_db / 20.0):
        return Status.NOT_FINITE
    if energy / flat.size < 10.0 ** (limits.silence_db / 10.0):
        return Status.SILENT
    if peak >= 0.9999 and np.count_nonzero(np.abs(flat) >= 0.9999) >= limits.clipped_fraction * flat.size:
        return Status.CLIPPED
    return Status.OK


def render_clip(
    spec: EffectSpec,
    process: Process,
    audio: NDArray[np.float32],
    positions: NDArray[np.float32],
    sample_rate: float,
    preroll: int,
    limits: Limits,
    out: NDArray[np.float32],
) -> Status:
    """Render one clip ``(channels, preroll + samples)`` into ``out`` ``(channels, samples)`` and judge it.

    Raises:
        RenderError: When the plugin raised an error or gave sound of another length.
    """
    values = spec.to_units(positions)
    # Some plugins crash the process on NaN, others swallow it.
    if not np.isfinite(values).all():
        raise RenderError(f"was asked for settings that are not finite: {values}")
    try:
        spec.check_rate(sample_rate)
        wet = process(audio, values, sample_rate)
    except (RuntimeError, ValueError, OSError) as error:
        raise RenderError(f"failed: {' '.join(str(error).split())}") from error
    if wet.shape != audio.shape:
        raise RenderError(f"gave sound of shape {wet.shape} for {audio.shape}")
    out[:] = wet[:, preroll:]
    verdict = judge(out, limits)
    if verdict is Status.NOT_FINITE:
        out[:] = 0.0
    return verdict


def check_shapes(effects: Sequence[EffectSpec], audio: NDArray[np.float32], parameters: NDArray[np.float32]) -> None:
    """Refuse effects, audio and parameters that disagree on the batch, with :class:`InputError`."""
    if len(effects) != len(audio) or parameters.ndim != 3 or parameters.shape[0] != len(audio):
        raise InputError(
            f"render: {len(effects)} effects, audio {audio.shape} and parameters {parameters.shape} must agree on "
            "the batch (batch, candidates, parameters)"
        )


@dataclass(frozen=True)
class Failure:
    """One render that gave no result.

    Attributes:
        effect: Name of the effect.
        settings: Its settings as a person reads them.
        reason: What happened, in words that follow the effect's name.
    """

    effect: str
    settings: str
    reason: str

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.effect} {self.reason} (settings: {self.settings or 'none'})"


class ThreadRenderer:
    """Renders on threads of this process; native effects release the interpreter lock while they run.

    With one core it renders in the calling thread and starts none, which is what data loader workers use. A pickled
    copy starts without threads and plugins.

    Args:
        cores: Threads to use.
        limits: When a clip counts as unusable.
    """

    def __init__(self, cores: int = 1, limits: Limits | None = None) -> None:
        if cores < 1:
            raise InputError(f"renderer.cores must be at least 1, not {cores}")
        self.cores = cores
        self.limits = limits or Limits()
        self.failures: list[Failure] = []
        self._local = threading.local()
        self._pool: ThreadPoolExecutor | None = None

    def __getstate__(self) -> dict[str, object]:
        """Leave native objects behind."""
        return {"cores": self.cores, "limits": self.limits}

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

        def one(place: tuple[int, int]) -> None:
            spec, positions = effects[place[0]], parameters[place]
            try:
                process = self._built(spec)
                status[place] = render_clip(
                    spec, process, audio[place[0]], positions, sample_rate, preroll, self.limits, result[place]
                )
            except RenderError as failed:
                result[place] = 0.0
                status[place] = Status.FAILED
                self.failures.append(failure := Failure(spec.name, spec.text(positions), str(failed)))
                log.warning("%s", failure)

        places = [(item, candidate) for item in range(batch) for candidate in range(candidates)]
        if self.cores == 1 or len(places) == 1:
            for place in places:
                one(place)
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.cores, thread_name_prefix="render")
            list(self._pool.map(one, places))
        return Rendered(result, status)

    def serial(self) -> ThreadRenderer:
        """See :meth:`Renderer.serial`."""
        return ThreadRenderer(1, self.limits)

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _built(self, spec: EffectSpec) -> Process:
        built: dict[EffectSpec, Process] = self._local.__dict__.setdefault("built", {})
        if spec not in built:
            built[spec] = build(spec)
        return built[spec]
