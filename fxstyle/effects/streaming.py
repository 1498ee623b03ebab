"""Sound in consecutive pieces through an effect that remembers what came before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Step = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One processing call: ``(channels, n) -> (channels, n)``, going on from the call before."""


class Stream(Protocol):
    """An effect with fixed settings in the middle of a sound.

    What :meth:`process` and :meth:`finish` give, joined, is as long as what went in and equal to the bit to rendering
    it all at once, however the sound was cut into pieces.
    """

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next piece ``(channels, n)`` and give what is ready, which may be less."""
        ...

    def finish(self) -> NDArray[np.float32]:
        """Give the rest; the stream is over."""
        ...


class BlockStream:
    """Feeds an effect on the grid of its block and takes its latency away; silence fills the last block.

    Args:
        step: The effect itself.
        channels: Channels of the sound.
        block: Samples per call, or ``None`` where the effect does not care.
        latency: Says how many samples the effect is late, asked after its first call.
    """

    def __init__(
        self, step: Step, channels: int, block: int | None = None, latency: Callable[[], int] = lambda: 0
    ) -> None:
        self._step = step
        self._block = block
        self._latency = latency
        self._waiting = np.zeros((channels, 0), dtype=np.float32)
        self._late: int | None = None
        self._owed = 0

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`Stream.process`."""
        self._owed += audio.shape[1]
        return self._give(self._feed(audio))

    def finish(self) -> NDArray[np.float32]:
        """See :meth:`Stream.finish`."""
        given = [self._waiting[:, :0]]
        while self._owed:
            size = self._block - self._waiting.shape[1] if self._block else self._owed
            given.append(self._give(self._feed(np.zeros((len(self._waiting), size), dtype=np.float32))))
        return np.concatenate(given, axis=1)

    def _feed(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._block is None:
            return self._step(np.ascontiguousarray(audio)) if audio.shape[1] else audio
        audio = np.concatenate([self._waiting, audio], axis=1)
        whole = audio.shape[1] // self._block * self._block
        self._waiting = audio[:, whole:]
        wet = [
            self._step(np.ascontiguousarray(audio[:, first : first + self._block]))
            for first in range(0, whole, self._block)
        ]
        return np.concatenate(wet, axis=1) if wet else audio[:, :0]

    def _give(self, wet: NDArray[np.float32]) -> NDArray[np.float32]:
        if not wet.shape[1]:
            return wet
        if self._late is None:
            self._late = self._latency()
        dropped = min(self._late, wet.shape[1])
        self._late -= dropped
        wet = wet[:, dropped : dropped + self._owed]
        self._owed -= wet.shape[1]
        return wet


class WholeStream:
    """Collects everything and renders it at the end, for effects that cannot stream.

    Args:
        step: Renders the whole sound.
        channels: Channels of the sound.
    """

    def __init__(self, step: Step, channels: int) -> None:
        self._step = step
        self._pieces = [np.zeros((channels, 0), dtype=np.float32)]

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`Stream.process`."""
        self._pieces.append(audio.copy())
        return audio[:, :0]

    def finish(self) -> NDArray[np.float32]:
        """See :meth:`Stream.finish`."""
        whole = np.concatenate(self._pieces, axis=1)
        return self._step(whole) if whole.shape[1] else whole


class ChainStream:
    """Effects in series, each on its own grid.

    Args:
        links: The streams, in order.
        channels: Channels of the sound.
    """

    def __init__(self, links: Sequence[Stream], channels: int) -> None:
        self._links = links
        self._nothing = np.zeros((channels, 0), dtype=np.float32)

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`Stream.process`."""
        for link in self._links:
            audio = link.process(audio)
        return audio

    def finish(self) -> NDArray[np.float32]:
        """See :meth:`Stream.finish`."""
        rest = self._nothing
        for link in self._links:
            rest = np.concatenate([link.process(rest), link.finish()], axis=1)
        return rest
