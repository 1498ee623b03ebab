"""Render the next batches while the current one trains."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from typing import Any, TypeVar

from torch.utils.data import DataLoader

Item = TypeVar("Item")
_END = object()


def prefetch(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """Pull from an iterable in a background thread, keeping at most ``depth`` results ready.

    An error in the thread is raised where the results are used; leaving the loop early stops the thread.
    """
    ready: Queue[Any] = Queue(depth)
    stop = threading.Event()

    def offer(item: Any) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except Full:
                continue

    def fill() -> None:
        try:
            for item in items:
                offer(item)
                if stop.is_set():
                    return
            offer(_END)
        except BaseException as error:
            offer(error)

    thread = threading.Thread(target=fill, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = ready.get(timeout=1.0)
            except Empty:
                continue
            if item is _END:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


class PrefetchingLoader(DataLoader[Any]):
    """A data loader without workers whose batches are made in a background thread of the same process."""

    depth = 2

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Batches in order; the sampler is asked for its epoch here, in the caller's thread."""
        return prefetch(super().__iter__(), self.depth)
