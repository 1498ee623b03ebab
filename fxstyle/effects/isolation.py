"""A worker process that runs native plugins, and may die or hang without taking this process along.

The worker (:mod:`fxstyle.effects.worker`) is a Python interpreter of its own, started without forking. Messages go
through two pipes; sound lies in memory that both map, an unlinked file. This side waits with an eye on the clock and on
the worker's memory, and kills it where a limit is passed.
"""

from __future__ import annotations

import mmap
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.hosts import open_stream
from fxstyle.effects.renderer import RenderError
from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import Stream
from fxstyle.errors import InputError

IN_WORKER = False
"""Whether this very process is a worker; set by :mod:`fxstyle.effects.worker`."""

_START_SECONDS = 60.0
_LOAD_SECONDS = 30.0
_LOAD_MB = 1024.0
_LOOK_SECONDS = 0.05
_HEADER = struct.Struct("<Q")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


# glibc gives large memory back after each clip, and the next one pays for every page again: up to half a render's time.
_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "268435456", "MALLOC_TRIM_THRESHOLD_": "268435456"}


class WorkerDiedError(RenderError):
    """The worker process is gone, and so is everything it held."""


class SharedMemory:
    """Memory that this process and one worker map; it has no name that could be left behind."""

    def __init__(self) -> None:
        folder = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the worker
        self._map: mmap.mmap | None = None

    def floats(self, count: int) -> NDArray[np.float32]:
        """The first ``count`` numbers; whoever maps the memory sees the same ones."""
        needed = 4 * max(count, 1)
        if self._map is None or len(self._map) < needed:
            # In steps of a power of two, so that longer and longer clips do not map it anew each time.
            size = max(1 << max(16, (needed - 1).bit_length()), os.fstat(self.file.fileno()).st_size)
            os.ftruncate(self.file.fileno(), size)
            self._map = mmap.mmap(self.file.fileno(), size)
        return np.frombuffer(self._map, dtype=np.float32, count=count)

    def close(self) -> None:
        """Give it back."""
        self._map = None
        self.file.close()


class Worker:
    """One worker process.

    Args:
        time_limit: Longest time of one call, in s.
        memory_limit_mb: By how many MB the process may grow.
    """

    def __init__(self, time_limit: float = 20.0, memory_limit_mb: float = 1024.0) -> None:
        if os.name != "posix":
            raise InputError("plugins in processes of their own need Linux or macOS: use renderer=threads")
        self.time_limit = time_limit
        self.memory_limit_mb = memory_limit_mb
        self.memory = SharedMemory()
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fxstyle.effects.worker", str(self.memory.file.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self.memory.file.fileno()],
            env={**_ENVIRONMENT, **os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            # Ctrl-C is for this process to handle.
            start_new_session=True,
        )
        self._poll = select.poll()
        self._poll.register(self._reply.fileno(), select.POLLIN)
        self._base_mb = 0.0
        self.call("ready", time_limit=_START_SECONDS)
        self._base_mb = self._resident_mb()

    def load(self, number: int, spec: EffectSpec) -> None:
        """Load an effect, with time and memory for what its host has to import; what that took is not held against it.

        Raises:
            InputError: When it cannot be loaded.
            RenderError: As :meth:`call`.
        """
        limit, self.memory_limit_mb = self.memory_limit_mb, max(self.memory_limit_mb, _LOAD_MB)
        try:
            before = self._resident_mb()
            self.call("load", number, spec, time_limit=max(self.time_limit, _LOAD_SECONDS))
            self._base_mb += self._resident_mb() - before
        finally:
            self.memory_limit_mb = limit

    def call(self, method: str, *arguments: Any, time_limit: float | None = None) -> Any:
        """Call a method of :class:`fxstyle.effects.worker.Server` and wait for what it returns.

        Raises:
            InputError: As the method raised it.
            RenderError: The method raised another error; the worker goes on.
            WorkerDiedError: The process crashed, or was killed at a limit; it takes no more calls.
        """
        seconds = self.time_limit if time_limit is None else time_limit
        message = pickle.dumps((method, arguments, seconds), pickle.HIGHEST_PROTOCOL)
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(_HEADER.pack(len(message)) + message)
            self._process.stdin.flush()
        except OSError:
            raise WorkerDiedError(self._post_mortem()) from None
        kind, result = pickle.loads(self._read(seconds))
        if kind == "refused":
            raise InputError(result)
        if kind == "failed":
            raise RenderError(result)
        return result

    @property
    def worn(self) -> bool:
        """Whether it has grown by so much that a new process is due before a call passes the limit."""
        return self._resident_mb() - self._base_mb > self.memory_limit_mb / 2

    def close(self) -> None:
        """End the process, whatever it is doing, and those that its plugins have started."""
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was still to be written has no reader
                    pipe.close()
        self.memory.close()

    @property
    def _reply(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _read(self, seconds: float) -> bytes:
        """The next message, watching over time and memory until it begins."""
        deadline = time.monotonic() + seconds
        while not self._poll.poll(1000 * _LOOK_SECONDS):
            if time.monotonic() > deadline:
                self.close()
                raise WorkerDiedError(f"hung: it was stopped after {seconds:.4g} s")
            if self._base_mb and self._resident_mb() - self._base_mb > self.memory_limit_mb:
                self.close()
                raise WorkerDiedError(f"used more than {self.memory_limit_mb:g} MB of memory and was stopped")
        header = self._reply.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise WorkerDiedError(self._post_mortem())
        length = _HEADER.unpack(header)[0]
        body = self._reply.read(length)
        if len(body) < length:
            raise WorkerDiedError(self._post_mortem())
        return body

    def _resident_mb(self) -> float:
        """Memory the process holds, in MB; 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self._process.pid}/statm").read_bytes().split()[1]) * _PAGE_BYTES / 1e6
        except (OSError, IndexError):
            return 0.0

    def _post_mortem(self) -> str:
        """Why it ended, in words."""
        try:
            code = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            code = 0
        self.close()
        if code >= 0:
            return f"ended its process (exit code {code})"
        try:
            return f"crashed ({signal.Signals(-code).name})"
        except ValueError:
            return f"crashed (signal {-code})"


def call(target: str, *arguments: Any, time_limit: float = 20.0) -> Any:
    """Call ``module:function`` of this package in a worker process of its own.

    Raises:
        InputError: As the function raised it, or, in one sentence, that the process crashed, hung or used too much
            memory.
    """
    worker = Worker(time_limit)
    try:
        return worker.call("function", target, arguments)
    except RenderError as failure:
        named = ", ".join(str(argument) for argument in arguments if isinstance(argument, str)) or target
        raise InputError(f"the plugin ({named}) {failure}: it cannot be used; choose another one") from failure
    finally:
        worker.close()


class IsolatedStream:
    """A stream in a worker process; see :class:`fxstyle.effects.streaming.Stream`.

    Its methods raise :class:`RenderError` where the plugin does not survive; the process ends with the stream.

    Args:
        spec: The effect.
        values: Its values in units.
        sample_rate: In Hz.
        channels: Channels of the sound.
        time_limit: Longest time of one call, in s; as much again as the sound so far lasts is added, since an effect
            that cannot stream renders all of it at the end.
    """

    def __init__(
        self,
        spec: EffectSpec,
        values: NDArray[np.float64],
        sample_rate: float,
        channels: int,
        time_limit: float = 60.0,
    ) -> None:
        self._channels = channels
        self._sample_rate = sample_rate
        self._time_limit = time_limit
        self._samples = 0
        self._worker = Worker(time_limit)
        self._checked("open_stream", spec, values, sample_rate, channels)

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`Stream.process`."""
        self._samples += audio.shape[1]
        self._worker.memory.floats(audio.size)[:] = audio.reshape(-1)
        return self._taken(self._checked("process", audio.shape[1]))

    def finish(self) -> NDArray[np.float32]:
        """See :meth:`Stream.finish`."""
        rest = self._taken(self._checked("finish"))
        self.close()
        return rest

    def close(self) -> None:
        """End the process; what was not given is lost."""
        self._worker.close()

    def _taken(self, samples: int) -> NDArray[np.float32]:
        shape = (self._channels, samples)
        return self._worker.memory.floats(self._channels * samples).reshape(shape).copy()

    def _checked(self, method: str, *arguments: Any) -> Any:
        try:
            seconds = self._time_limit + self._samples / self._sample_rate
            return self._worker.call(method, *arguments, time_limit=seconds)
        except BaseException:
            self.close()
            raise


def open_safely(spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> Stream:
    """Start a stream, in a worker process where the effect needs one."""
    if spec.isolated and not IN_WORKER:
        return IsolatedStream(spec, values, sample_rate, channels)
    return open_stream(spec, values, sample_rate, channels)
