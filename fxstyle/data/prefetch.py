"""Render the next batches while the current one trains."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from torch.utils.data import DataLoader

Item = TypeVar("Item")
_AT_A_TIME = 2
"""Results made at a time: while the last effects of one batch run, the dry sound of the next one is read."""


def _as_it_is(item: Any) -> Any:
    return item


def prefetch(items: Iterable[Item], depth: int, make: Callable[[Item], Any] = _as_it_is) -> Generator[Any, None, None]:
    """Results of ``make`` for each item, in order, made in background threads while earlier results are used.

    At most ``depth`` results wait, and one more is made. An error is raised where its result would be used; leaving the
    loop early ends the threads.
    """
    source = iter(items)
    end: Exception | None = None
    ahead: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="prefetch")
    try:
        while True:
            while end is None and len(ahead) < depth + 2:
                try:
                    ahead.append(pool.submit(make, next(source)))
                except Exception as error:
                    end = error
            if not ahead:
                break
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
    if end is not None and not isinstance(end, StopIteration):
        raise end


class PrefetchingLoader(DataLoader):
    """A data loader without workers whose batches are made in background threads of the same process."""

    depth = 2

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Batches in order; the sampler is asked for its epoch here, in the caller's thread."""
        assert self.batch_sampler is not None
        return prefetch(iter(self.batch_sampler), self.depth, self._fetch)

    def _fetch(self, keys: list[Any]) -> Any:
        together = getattr(self.dataset, "__getitems__", None)
        return self.collate_fn(together(keys) if together else [self.dataset[key] for key in keys])
