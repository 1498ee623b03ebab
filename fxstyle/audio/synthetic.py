"""A source that needs no file: every recording is synthesised from its number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from math import isfinite
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import from_db, peak
from fxstyle.audio.phrases import PHRASES, play_phrase
from fxstyle.audio.source import SPLITS, Recording, Split, cut
from fxstyle.audio.tones import random_tones
from fxstyle.errors import InputError

STYLES = ("instruments", "tones")
_KEPT_BYTES = 256 << 20
_FADE_SECONDS = 0.02


class SyntheticSource:
    """Guitar, bass and drum phrases, or plain test tones, without any file.

    Recording i of a split is a pure function of (seed, split, i), the sample rate, the channels and the length; the
    splits draw from disjoint random streams. The kinds of phrase take turns, so that every split holds all of them.

    Args:
        sample_rate: In Hz.
        channels: 1 or 2.
        seconds: Length of each recording; the default leaves room for two clips of 131,072 samples at 24 kHz and a
            second before them.
        train_recordings: Recordings for training.
        val_recordings: Recordings for validation.
        test_recordings: Recordings for the test.
        seed: Another seed gives other recordings.
        style: ``instruments`` (plucked strings and drums) or ``tones`` (bursts of sine, saw, square, triangle and noise
            at random guitar-range frequencies).

    Raises:
        InputError: A number is not positive, or the style is unknown.
    """

    def __init__(
        self,
        sample_rate: int = 24000,
        channels: int = 1,
        seconds: float = 12.0,
        train_recordings: int = 200,
        val_recordings: int = 50,
        test_recordings: int = 50,
        seed: int = 0,
        style: str = "instruments",
    ) -> None:
        counts = {"train": train_recordings, "val": val_recordings, "test": test_recordings}
        for key, count in counts.items():
            if count < 1:
                raise InputError(f"audio.{key}_recordings is {count}: use 1 or more.")
        if not 8000 <= sample_rate <= 384_000:
            raise InputError(f"sample_rate is {sample_rate} Hz: use 8000 to 384000.")
        if channels not in (1, 2):
            raise InputError(f"channels is {channels}: use 1 or 2.")
        if not (isfinite(seconds) and seconds >= 0.1):
            raise InputError(f"audio.seconds is {seconds}: use 0.1 or more.")
        if seed < 0:
            raise InputError(f"audio.seed is {seed}: use 0 or more.")
        if style not in STYLES:
            raise InputError(f"audio.style '{style}' is unknown: use instruments or tones.")
        self.sample_rate = sample_rate
        self.channels = channels
        self.samples = round(seconds * sample_rate)
        self.seed = seed
        self.style = style
        kinds = list(PHRASES) if style == "instruments" else ["tones"]
        self._recordings: dict[Split, list[Recording]] = {}
        for split in SPLITS:
            names = [f"{split}/{index:06d}_{kinds[index % len(kinds)]}" for index in range(counts[split])]
            self._recordings[split] = [Recording(name, split, self.samples, name) for name in names]
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def recordings(self, split: Split) -> Sequence[Recording]:
        """Recordings of a split, in a fixed order."""
        return self._recordings[split]

    def weights(self, split: Split) -> NDArray[np.float64]:
        """The same probability for every recording of a split, ``(recordings,)``."""
        count = len(self._recordings[split])
        return np.full(count, 1 / count)

    def read(self, recording: Recording, start: int, length: int) -> NDArray[np.float32]:
        """Read ``(channels, length)`` samples from ``start``; what lies outside the recording is silence.

        Up to 256 MB of recordings are kept, so that only the first epochs synthesise; the result does not depend on it.
        """
        with self._lock:
            sound = self._kept.get(recording.name)
        if sound is None:
            sound = self._synthesise(recording)
        with self._lock:
            self._kept[recording.name] = sound
            self._kept.move_to_end(recording.name)
            while len(self._kept) * sound.nbytes > _KEPT_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return cut(sound, start, length)

    def notes(self) -> list[str]:
        """What a report must say: that the sound is synthetic."""
        sort = "guitar, bass and drum phrases" if self.style == "instruments" else "test tones"
        return [f"Dry sound is synthetic: {sort}, not recordings of real instruments."]

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_kept", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._kept = OrderedDict()
        self._lock = Lock()

    def _synthesise(self, recording: Recording) -> NDArray[np.float32]:
        """The whole recording ``(channels, samples)``, faded at the end, with a peak between -12 and -1 dBFS."""
        index, _, kind = recording.name.removeprefix(f"{recording.split}/").partition("_")
        rng = np.random.default_rng([self.seed, SPLITS.index(recording.split), int(index)])
        if kind == "tones":
            sound = np.stack([random_tones(self.samples, self.sample_rate, rng) for _ in range(self.channels)])
        else:
            sound = play_phrase(kind, self.samples, self.sample_rate, self.channels, rng)
        window = np.ones(self.samples, np.float32)
        fade = min(int(_FADE_SECONDS * self.sample_rate), self.samples)
        window[self.samples - fade :] = np.linspace(1, 0, fade)
        sound *= window
        sound -= window * (sound.sum(axis=1, keepdims=True) / window.sum())
        sound *= np.float32(from_db(rng.uniform(-12, -1)) / max(peak(sound), 1e-9))
        sound.flags.writeable = False
        return sound
