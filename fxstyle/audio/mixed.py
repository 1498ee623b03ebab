"""Real and generated recordings in one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.folder import FolderSource
from fxstyle.audio.source import Recording, Split
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.errors import InputError

_REAL, _GENERATED = "real/", "generated/"


class MixedSource:
    """Trains on real and generated recordings in a given ratio; validates and tests on real ones only.

    Args:
        real: The folder of real recordings.
        generated: The synthetic recordings; only their train split is used.
        ratio: Share of GENERATED recordings among those drawn in training, 0 to 1.
        test_root: A folder whose recordings, all of them, are the test split instead of the real folder's own.

    Raises:
        InputError: The ratio is not within 0 to 1, the two sources differ in sample rate or channels, or ``test_root``
            holds files that also train or validate.
    """

    def __init__(
        self,
        real: FolderSource,
        generated: SyntheticSource,
        ratio: float = 0.5,
        test_root: str | Path | None = None,
    ) -> None:
        if not 0 <= ratio <= 1:
            raise InputError(f"audio.ratio is {ratio}: use a share of generated recordings from 0 to 1.")
        if (real.sample_rate, real.channels) != (generated.sample_rate, generated.channels):
            raise InputError(
                f"Real audio at {real.sample_rate} Hz with {real.channels} channels cannot be mixed with generated "
                f"audio at {generated.sample_rate} Hz with {generated.channels}: give both the same."
            )
        self.real = real
        self.generated = generated
        self.ratio = ratio
        self.sample_rate = real.sample_rate
        self.channels = real.channels
        self.test: FolderSource | None = None
        if test_root:
            self.test = FolderSource(
                test_root,
                real.sample_rate,
                real.channels,
                min_seconds=real.min_seconds,
                cache_dir=real.cache_dir,
                split="test",
            )
            self._refuse_shared_files(self.test)

    def recordings(self, split: Split) -> Sequence[Recording]:
        """Recordings of a split, in a fixed order; in train the real ones come first."""
        files = self._files(split)
        named = [replace(item, name=_REAL + item.name) for item in files.recordings(split)]
        if split != "train":
            return named
        synthetic = [
            replace(item, name=_GENERATED + item.name, group=_GENERATED + item.group)
            for item in self.generated.recordings(split)
        ]
        return (named if self.ratio < 1 else []) + (synthetic if self.ratio > 0 else [])

    def weights(self, split: Split) -> NDArray[np.float64]:
        """Probability of each recording, ``(recordings,)``; in train the generated ones sum to ``ratio``."""
        files = self._files(split).weights(split)
        if split != "train":
            return files
        shares = [files * (1 - self.ratio)] if self.ratio < 1 else []
        shares += [self.generated.weights(split) * self.ratio] if self.ratio > 0 else []
        return np.concatenate(shares)

    def read(self, recording: Recording, start: int, length: int) -> NDArray[np.float32]:
        """Read ``(channels, length)`` samples from ``start``; what lies outside the recording is silence."""
        if recording.name.startswith(_GENERATED):
            return self.generated.read(replace(recording, name=recording.name.removeprefix(_GENERATED)), start, length)
        own = replace(recording, name=recording.name.removeprefix(_REAL))
        return self._files(recording.split).read(own, start, length)

    def notes(self) -> list[str]:
        """What both sources and the test folder say, and the ratio."""
        percent = f"{100 * self.ratio:g} %"
        notes = [f"{percent} of the training clips are generated; validation and test are real recordings only."]
        if self.ratio > 0:
            notes += self.generated.notes()
        notes += self.real.notes()
        return notes + (self.test.notes() if self.test else [])

    def _files(self, split: Split) -> FolderSource:
        return self.test if split == "test" and self.test else self.real

    def _refuse_shared_files(self, test: FolderSource) -> None:
        used = {self.real.path(item).resolve() for split in ("train", "val") for item in self.real.recordings(split)}
        shared = [item.name for item in test.recordings("test") if test.path(item).resolve() in used]
        if shared:
            raise InputError(
                f"audio.test_root {test.root} holds {len(shared)} files that also train or validate, such as "
                f"{shared[0]}: give a folder of other recordings."
            )
