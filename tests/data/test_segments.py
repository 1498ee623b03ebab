from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxstyle.data.pair import Pair
from fxstyle.data.segments import RecordingDataset, SegmentDataset, SegmentKey, SegmentPlan

pytestmark = pytest.mark.unit
RATE = 1000


def pair(samples: int, place: int = 0, seconds: float = 0.0, silent_from: int | None = None) -> Pair:
    """A pair whose dry sound counts its samples and whose wet sound is its negative."""
    dry = np.arange(1, samples + 1, dtype=np.float32)[None] + 10_000 * place
    if silent_from is not None:
        dry[:, silent_from:] = 0
    condition = np.array([place, 1 - place], np.float32)
    return Pair(f"p{place}", f"r{place}", "train", place, dry, -dry, condition, seconds)


def plan(*pairs: Pair, segment: int = 10, order: str = "random_sequential", drop: bool = False, seed: int = 0):
    return SegmentPlan(pairs, segment, order, drop, seed)  # type: ignore[arg-type]


@given(st.lists(st.integers(10, 95), min_size=1, max_size=4), st.integers(1, 40), st.integers(0, 5))
def test_a_pass_hears_each_recording_once_in_consecutive_segments(lengths: list[int], items: int, seed: int) -> None:
    made = plan(*(pair(length, place) for place, length in enumerate(lengths)), seed=seed)
    stream: list[SegmentKey] = []
    while len(stream) < 3 * made.pass_items:
        stream += made.epoch(len(stream) // items, items)
    for number in range(3):
        keys = stream[number * made.pass_items : (number + 1) * made.pass_items]
        for place, length in enumerate(lengths):
            starts = sorted(key.start for key in keys if key.pair == place)
            assert len(starts) == length // 10
            assert all(after - before == 10 for before, after in pairwise(starts))
            assert starts[0] >= 0
            assert starts[-1] + 10 <= length


def test_passes_differ_in_offset_and_order_and_epochs_repeat() -> None:
    made = plan(pair(1009), pair(1009, 1))
    first, second = made.epoch(0, made.pass_items), made.epoch(1, made.pass_items)
    assert first == made.epoch(0, made.pass_items)
    assert first != second
    assert {key.start % 10 for key in first if key.pair == 0} != {key.start % 10 for key in second if key.pair == 0}
    assert first != sorted(first)
    assert first != plan(pair(1009), pair(1009, 1), seed=1).epoch(0, made.pass_items)


@given(st.integers(0, 20), st.integers(1, 30))
def test_random_segments_lie_inside_and_are_a_function_of_epoch_and_place(epoch: int, items: int) -> None:
    made = plan(pair(30), pair(300, 1), order="random")
    keys = made.epoch(epoch, items)
    assert keys == made.epoch(epoch, items)
    assert keys[: items // 2] == made.epoch(epoch, items // 2)
    assert all(0 <= key.start <= made.pairs[key.pair].samples - 10 for key in keys)


def test_longer_recordings_are_drawn_more_often() -> None:
    keys = plan(pair(100), pair(900, 1), order="random").epoch(0, 1000)
    assert 0.85 < np.mean([key.pair for key in keys]) < 0.95


def test_windows_are_dropped_only_where_both_are_silent() -> None:
    half = pair(1000, silent_from=500)
    kept = plan(half, drop=False).epoch(0, 100)
    assert any(key.start >= 500 for key in kept)
    assert all(key.start < 500 for key in plan(half, drop=True).epoch(0, 100))
    tail = Pair("t", "t", "train", 0, half.dry, np.ones_like(half.dry), half.condition)
    assert any(key.start >= 500 for key in plan(tail, drop=True).epoch(0, 100))
    gated = Pair("g", "g", "train", 0, np.ones_like(half.dry), half.wet, half.condition)
    assert any(key.start >= 500 for key in plan(gated, drop=True).epoch(0, 100))


def test_silence_alone_does_not_hang() -> None:
    silent = pair(100, silent_from=0)
    assert len(plan(silent, drop=True).epoch(0, 10)) == 10


def test_a_segment_has_context_and_the_time_since_the_reset() -> None:
    pairs = [pair(100), pair(100, 1, seconds=2.0)]
    batch = SegmentDataset(pairs, 10, 25, RATE).__getitems__([SegmentKey(0, 5), SegmentKey(1, 60)])
    assert batch["dry"].shape == (2, 1, 35)
    assert batch["wet"].shape == (2, 1, 10)
    # 20 samples before the first recording began.
    assert (batch["dry"][0, 0, :20] == 0).all()
    assert batch["dry"][0, 0, 20:].tolist() == list(range(1, 16))
    assert batch["wet"][0, 0].tolist() == [-n for n in range(6, 16)]
    assert batch["dry"][1, 0].tolist() == [10_000 + n for n in range(36, 71)]
    assert batch["seconds"].tolist() == pytest.approx([-0.02, 2.035])
    assert str(batch["seconds"].dtype) == "torch.float64"
    assert batch["setting"].tolist() == [0, 1]
    assert batch["condition"].tolist() == [[0, 1], [1, 0]]


def test_recordings_of_different_lengths_share_a_batch() -> None:
    batch = RecordingDataset([pair(5), pair(8, 1, seconds=1.0)]).__getitems__([1, 0])
    assert batch["dry"].shape == (2, 1, 8)
    assert batch["samples"].tolist() == [8, 5]
    assert batch["pair"].tolist() == [1, 0]
    assert (batch["wet"][1, 0, 5:] == 0).all()
    assert batch["seconds"].tolist() == [1.0, 0.0]
