"""Render the next batches while the current one trains."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import Empty, Full, Queue
from typing import Any, TypeVar

from torch.utils.data import DataLoader

Item = TypeVar("Item")
_END = object()


def prefetch(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
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


class PrefetchingLoader(DataLoader):
    """A data loader without workers whose batches are made in background threads of the same process.

    Two batches are made at a time, in turn: while the last effects of one batch run, the next one is read.
    """

    lanes = 2

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Batches in order; the sampler is asked for its epoch here, in the caller's thread."""
        assert self.batch_sampler is not None
        batches = list(self.batch_sampler)
        lanes = [
            DataLoader(self.dataset, batch_sampler=batches[lane :: self.lanes], collate_fn=self.collate_fn)
            for lane in range(self.lanes)
        ]
        return _in_turn([prefetch(iter(lane), 1) for lane in lanes], len(batches))


def _in_turn(lanes: list[Generator[Item, None, None]], count: int) -> Iterator[Item]:
    try:
        for place in range(count):
            yield next(lanes[place % len(lanes)])
    finally:
        for lane in lanes:
            lane.close()
