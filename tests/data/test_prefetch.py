from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from torch.utils.data import Dataset

from fxstyle.data.prefetch import PrefetchingLoader, prefetch

pytestmark = [pytest.mark.unit, pytest.mark.timeout(30)]


def prefetch_threads() -> int:
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_order_is_kept(depth: int, count: int) -> None:
    assert list(prefetch(range(count), depth)) == list(range(count))
    assert prefetch_threads() == 0


def test_none_and_exceptions_are_values_like_others() -> None:
    """A batch may be anything, even an exception that is not raised."""
    values = [None, False, 0, ()]
    assert list(prefetch(values, 2)) == values


def test_it_works_ahead_but_not_too_far() -> None:
    produced = []
    reached = threading.Event()

    def items() -> Iterator[int]:
        for item in range(100):
            produced.append(item)
            if item == 3:
                reached.set()
            yield item

    ahead = prefetch(items(), 2)
    assert next(ahead) == 0
    # One is used, two are ready, one is waiting for its place.
    assert reached.wait(10)
    assert len(produced) == 4
    ahead.close()  # type: ignore[attr-defined]
    assert len(produced) <= 5


def test_an_error_arrives_after_what_was_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("broken")

    received = prefetch(items(), 1)
    assert [next(received), next(received)] == [1, 2]
    with pytest.raises(KeyError, match="broken"):
        next(received)
    assert prefetch_threads() == 0


def test_leaving_early_ends_the_thread() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    source = items()
    for _ in prefetch(source, 2):
        break
    source.close()
    assert closed.is_set()
    assert prefetch_threads() == 0


def test_an_error_of_the_user_ends_the_thread() -> None:
    def use() -> None:
        for _ in prefetch(iter(int, 1), 2):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    assert prefetch_threads() == 0


class Squares(Dataset[int]):
    def __getitem__(self, index: int) -> int:
        return index**2

    def __len__(self) -> int:
        return 10


class Batches:
    epoch = 0

    def __iter__(self) -> Iterator[list[int]]:
        return iter([[self.epoch, 1], [2]])

    def __len__(self) -> int:
        return 2


def test_the_loader_asks_for_its_epoch_in_the_callers_thread() -> None:
    batches = Batches()
    loader = PrefetchingLoader(Squares(), batch_sampler=batches, collate_fn=list)
    batches.epoch = 7
    iteration = iter(loader)
    batches.epoch = 8
    assert list(iteration) == [[49, 1], [4]]
    assert list(loader) == [[64, 1], [4]]
    assert len(loader) == 2
