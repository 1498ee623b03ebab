"""The program of a worker process: ``python -m fxstyle.effects.worker FD``; see :mod:`fxstyle.effects.isolation`.

It serves one call after the other in its main thread, which is where some plugins must be loaded, and ends when the
pipe it reads from does.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import struct
import sys
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects import isolation
from fxstyle.effects.hosts import Process, build, open_stream
from fxstyle.effects.renderer import Limits, Status, render_clip
from fxstyle.effects.spec import EffectSpec
from fxstyle.effects.streaming import Stream
from fxstyle.errors import InputError

_HEADER = struct.Struct("<Q")
_ORPHAN_SECONDS = 30


class Server:
    """What a worker can be asked for; each public method is one call.

    Args:
        memory: File descriptor of the memory that is shared with the other side.
    """

    def __init__(self, memory: int) -> None:
        self._file = memory
        self._map: mmap.mmap | None = None
        self._built: dict[int, tuple[EffectSpec, Process]] = {}
        self._stream: Stream | None = None
        self._channels = 0

    def ready(self) -> None:
        """Answers once everything is imported."""

    def load(self, number: int, spec: EffectSpec) -> None:
        """Build an effect; each render then only needs its number."""
        self._built[number] = (spec, build(spec))

    def render(
        self,
        number: int,
        positions: NDArray[np.float32],
        sample_rate: float,
        shape: tuple[int, int],
        preroll: int,
        limits: Limits,
    ) -> Status:
        """Render the sound ``(channels, samples)`` in the shared memory; the result stands behind it."""
        size = shape[0] * shape[1]
        memory = self._floats(2 * size)
        out = memory[size:].reshape(shape)[:, preroll:]
        audio = memory[:size].reshape(shape)
        return render_clip(*self._built[number], audio, positions, sample_rate, preroll, limits, out)

    def open_stream(self, spec: EffectSpec, values: NDArray[np.float64], sample_rate: float, channels: int) -> None:
        """Start a stream."""
        self._stream = open_stream(spec, values, sample_rate, channels)
        self._channels = channels

    def process(self, samples: int) -> int:
        """Feed the piece in the shared memory; gives the samples that stand in its place."""
        assert self._stream is not None
        piece = self._floats(self._channels * samples).reshape(self._channels, samples)
        return self._put(self._stream.process(piece.copy()))

    def finish(self) -> int:
        """End the stream; gives the samples that are in the shared memory."""
        assert self._stream is not None
        return self._put(self._stream.finish())

    def function(self, target: str, arguments: tuple[Any, ...]) -> Any:
        """Call ``module:function`` of this package."""
        module, _, name = target.partition(":")
        if not module.startswith("fxstyle."):
            raise InputError(f"{target} is not a function of this package")
        return getattr(import_module(module), name)(*arguments)

    def _put(self, audio: NDArray[np.float32]) -> int:
        self._floats(audio.size)[:] = audio.reshape(-1)
        return audio.shape[1]

    def _floats(self, count: int) -> NDArray[np.float32]:
        size = os.fstat(self._file).st_size
        if 4 * count > size:
            os.ftruncate(self._file, size := 1 << (4 * count - 1).bit_length())
        if self._map is None or len(self._map) != size:
            self._map = mmap.mmap(self._file, size)
        return np.frombuffer(self._map, dtype=np.float32, count=count)


def main() -> None:
    """Serve until the other side is gone."""
    server = Server(int(sys.argv[1]))
    # Plugins print what they like; the pipe is kept where they cannot reach it.
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    isolation.IN_WORKER = True
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    while len(header := requests.read(_HEADER.size)) == _HEADER.size:
        method, arguments, seconds = pickle.loads(requests.read(_HEADER.unpack(header)[0]))
        # The other side watches the clock. Should it be gone while a plugin hangs, the system ends this process.
        signal.alarm(int(seconds) + _ORPHAN_SECONDS)
        try:
            reply = ("done", getattr(server, method)(*arguments))
        except InputError as error:
            reply = ("refused", str(error))
        except Exception as error:
            reply = ("failed", f"failed: {type(error).__name__}: {' '.join(str(error).split())}")
        signal.alarm(0)
        body = pickle.dumps(reply, pickle.HIGHEST_PROTOCOL)
        replies.write(_HEADER.pack(len(body)) + body)
        replies.flush()
    # Destructors of native plugins are one more place to crash or hang.
    os._exit(0)


if __name__ == "__main__":
    main()
