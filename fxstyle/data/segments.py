"""Segments of paired recordings: which ones an epoch has, and the batches they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from fxstyle.audio.levels import from_db
from fxstyle.audio.source import cut
from fxstyle.data.pair import Pair

Order = Literal["random", "random_sequential"]
SILENT_BELOW_DB = -90.0
"""Peak in dBFS below which both sides of a window have to lie for it to be left out."""
_DRAWS = 20


class SegmentBatch(TypedDict):
    """What the emulation task trains on.

    ``dry (batch, 1, context + segment)``, ``wet (batch, 1, segment)`` is the sound of its end, ``condition (batch,
    conditions)`` float32, ``setting (batch,)`` int64, ``seconds (batch,)`` float64: time since the effect was reset at
    the first dry sample, in s.
    """

    dry: Tensor
    wet: Tensor
    condition: Tensor
    setting: Tensor
    seconds: Tensor


class RecordingBatch(TypedDict):
    """Whole recordings, the shorter ones followed by silence.

    As :class:`SegmentBatch` without context; ``samples (batch,)`` int64 says how long each is, ``pair (batch,)`` int64
    which pair of its split it is.
    """

    dry: Tensor
    wet: Tensor
    condition: Tensor
    setting: Tensor
    seconds: Tensor
    samples: Tensor
    pair: Tensor


class SegmentKey(NamedTuple):
    """One segment: its pair's index within the split, and its first sample."""

    pair: int
    start: int


@dataclass(frozen=True)
class SegmentPlan:
    """Turns an epoch into segments; everything is a pure function of seed, epoch and place.

    Attributes:
        pairs: Pairs of the split, none shorter than a segment.
        segment: Samples of a segment.
        order: ``random`` draws each segment by itself. ``random_sequential`` cuts every recording into consecutive
            segments from a random offset and shuffles them, so that each pass hears everything once.
        drop_silence: Leave out windows where dry *and* wet are silent.
        seed: The experiment's data seed.
    """

    pairs: Sequence[Pair]
    segment: int
    order: Order
    drop_silence: bool
    seed: int

    @cached_property
    def windows(self) -> NDArray[np.int64]:
        """Segments that fit into each pair ``(pairs,)``."""
        return np.array([pair.samples // self.segment for pair in self.pairs], dtype=np.int64)

    @property
    def pass_items(self) -> int:
        """Segments of one pass over all recordings."""
        return int(self.windows.sum())

    def epoch(self, epoch: int, items: int) -> list[SegmentKey]:
        """The segments of an epoch."""
        if self.order == "random":
            drawn = (self._draw(np.random.default_rng([self.seed, epoch, index])) for index in range(items))
            return [self._heard(key, epoch, index) for index, key in enumerate(drawn)]
        first, keys = epoch * items, []
        for number in range(first // self.pass_items, (first + items - 1) // self.pass_items + 1):
            order = self._pass(number)
            begin = number * self.pass_items
            keys += order[max(first - begin, 0) : first + items - begin]
        return [self._heard(key, epoch, index) for index, key in enumerate(keys)]

    def _pass(self, number: int) -> list[SegmentKey]:
        """All segments of one pass, shuffled."""
        rng = np.random.default_rng([self.seed, number])
        keys = []
        for index, (pair, count) in enumerate(zip(self.pairs, self.windows, strict=True)):
            offset = int(rng.integers(pair.samples - int(count) * self.segment + 1))
            keys += [SegmentKey(index, offset + place * self.segment) for place in range(count)]
        return [keys[place] for place in rng.permutation(len(keys))]

    def _draw(self, rng: np.random.Generator) -> SegmentKey:
        """A segment of any pair, the longer ones more often."""
        index = int(rng.choice(len(self.pairs), p=self.windows / self.windows.sum()))
        return SegmentKey(index, int(rng.integers(self.pairs[index].samples - self.segment + 1)))

    def _heard(self, key: SegmentKey, epoch: int, index: int) -> SegmentKey:
        """The segment, or another one drawn for its place where nothing is to be heard in it."""
        if not self.drop_silence:
            return key
        rng = np.random.default_rng([self.seed, epoch, index, 1])
        for _ in range(_DRAWS):
            if not self._silent(key):
                break
            key = self._draw(rng)
        return key

    def _silent(self, key: SegmentKey) -> bool:
        pair, window = self.pairs[key.pair], slice(key.start, key.start + self.segment)
        limit = from_db(SILENT_BELOW_DB)
        # Asked in this order: hardly any wet sound is silent.
        return bool(np.abs(pair.wet[:, window]).max() < limit and np.abs(pair.dry[:, window]).max() < limit)


class SegmentDataset(Dataset[SegmentBatch]):
    """Cuts batches of segments from recordings in memory.

    Args:
        pairs: Pairs of the split.
        segment: Samples of a segment.
        context: Dry samples before each segment; before the recording there is silence.
        sample_rate: In Hz.
    """

    def __init__(self, pairs: Sequence[Pair], segment: int, context: int, sample_rate: int) -> None:
        self.pairs = pairs
        self.segment = segment
        self.context = context
        self.sample_rate = sample_rate

    def __getitem__(self, key: SegmentKey) -> SegmentBatch:
        """A batch of one."""
        return self.__getitems__([key])

    def __getitems__(self, keys: list[SegmentKey]) -> SegmentBatch:
        """The batch of these keys."""
        pairs = [self.pairs[key.pair] for key in keys]
        span = self.context + self.segment
        dry = [cut(pair.dry, key.start - self.context, span) for pair, key in zip(pairs, keys, strict=True)]
        wet = [pair.wet[:, key.start : key.start + self.segment] for pair, key in zip(pairs, keys, strict=True)]
        begins = [p.seconds + (k.start - self.context) / self.sample_rate for p, k in zip(pairs, keys, strict=True)]
        return {
            "dry": torch.from_numpy(np.stack(dry)),
            "wet": torch.from_numpy(np.stack(wet)),
            "condition": torch.from_numpy(np.stack([pair.condition for pair in pairs])),
            "setting": torch.tensor([pair.setting for pair in pairs]),
            "seconds": torch.tensor(begins, dtype=torch.float64),
        }


class RecordingDataset(Dataset[RecordingBatch]):
    """Gives whole recordings in batches, to be scored."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs

    def __getitem__(self, index: int) -> RecordingBatch:
        """A batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> RecordingBatch:
        """The batch of these pairs."""
        pairs = [self.pairs[index] for index in indices]
        longest = max(pair.samples for pair in pairs)
        return {
            "dry": torch.from_numpy(np.stack([cut(pair.dry, 0, longest) for pair in pairs])),
            "wet": torch.from_numpy(np.stack([cut(pair.wet, 0, longest) for pair in pairs])),
            "condition": torch.from_numpy(np.stack([pair.condition for pair in pairs])),
            "setting": torch.tensor([pair.setting for pair in pairs]),
            "seconds": torch.tensor([pair.seconds for pair in pairs], dtype=torch.float64),
            "samples": torch.tensor([pair.samples for pair in pairs]),
            "pair": torch.tensor(indices),
        }
