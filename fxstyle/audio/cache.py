"""Decoded, resampled recordings on disk, so that every later read is one seek."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from fxstyle.audio.files import open_audio, read_frames
from fxstyle.audio.levels import peak
from fxstyle.audio.resample import fit_length, resampled_length, to_channels
from fxstyle.errors import InputError
from fxstyle.writing import replacing, write_text

_FORMAT = 1
_BLOCK_FRAMES = 1 << 19


@dataclass(frozen=True)
class Decoded:
    """What is known of a decoded file.

    Attributes:
        samples: Length at the cache's sample rate; 0 for an unusable file.
        peak: Largest magnitude; full scale is 1.
        problem: What is wrong with the file, such as ``is cut off``; empty where nothing is.
    """

    samples: int
    peak: float
    problem: str = ""


def default_cache_dir() -> Path:
    """``FXSTYLE_CACHE`` where it is set, else ``fxstyle`` in the user's cache folder (``~/.cache``)."""
    chosen = os.environ.get("FXSTYLE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fxstyle"


class DecodedCache:
    """Files decoded, mixed to some channels and resampled, once.

    Each file is raw float32, its channels interleaved, under a key of its path, size and time of change, so that an
    edited file is decoded anew. A minute takes ``240 * sample_rate * channels`` bytes: 5.8 MB at 24 kHz in mono, 350 MB
    an hour. Nothing is removed by itself; the folder may be deleted at any time.

    Args:
        folder: Where the files lie; made when first needed.
        sample_rate: In Hz.
        channels: 1 or 2.
    """

    def __init__(self, folder: Path, sample_rate: int, channels: int) -> None:
        self.folder = folder
        self.sample_rate = sample_rate
        self.channels = channels
        self._sounds: dict[Path, Path] = {}

    def decode(self, path: Path) -> Decoded:
        """Decode a file, or recall what was found when it was decoded before.

        Raises:
            InputError: The cache cannot be written to.
        """
        if not path.is_file():
            return Decoded(0, 0.0, "is no file that can be opened")
        sound = self._sound_path(path)
        facts = sound.with_suffix(".json")
        try:
            decoded = Decoded(**json.loads(facts.read_text("utf-8")))
            if decoded.problem or sound.stat().st_size == 4 * decoded.samples * self.channels:
                return decoded
        except (OSError, ValueError, TypeError):
            pass
        try:
            decoded = self._write(path, sound)
            write_text(facts, json.dumps(asdict(decoded)))
        except OSError as error:
            raise InputError(
                f"The audio cache {self.folder} cannot be written ({error.strerror}): free some space or set "
                "audio.cache_dir or FXSTYLE_CACHE to another folder."
            ) from error
        return decoded

    def read(self, path: Path, start: int, length: int) -> NDArray[np.float32]:
        """Read ``(channels, length)`` samples that lie within a decoded file.

        The file is opened for each read, not mapped: that is as fast, needs no lock, cannot run out of open files, and
        a file cut short by somebody else gives an error where a map would kill the process.

        Raises:
            InputError: The file has changed since it was decoded.
        """
        sound = self._sounds.get(path)
        if sound is None:
            sound = self._sounds[path] = self._sound_path(path)
        count = length * self.channels
        try:
            flat = np.fromfile(sound, np.float32, count, offset=4 * start * self.channels)
        except FileNotFoundError:
            flat = np.empty(0, np.float32)
        if len(flat) < count:
            self.decode(path)
            flat = np.fromfile(sound, np.float32, count, offset=4 * start * self.channels)
        if len(flat) < count:
            raise InputError(f"{path} changed while it was in use: start again.")
        return np.ascontiguousarray(flat.reshape(length, self.channels).T)

    def _sound_path(self, path: Path) -> Path:
        try:
            state = path.stat()
        except OSError as error:
            raise InputError(f"{path} is gone: put it back or start again without it.") from error
        facts = (str(path.absolute()), state.st_size, state.st_mtime_ns, self.sample_rate, self.channels, _FORMAT)
        key = hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / key[:2] / f"{key}.f32"

    def _write(self, path: Path, sound: Path) -> Decoded:
        samples, highest = 0, 0.0
        try:
            with replacing(sound) as part, part.open("wb") as out:
                for block in self._blocks(path):
                    samples += block.shape[1]
                    highest = max(highest, peak(block))
                    out.write(np.ascontiguousarray(block.T).tobytes())
        except InputError as error:
            return Decoded(0, 0.0, str(error).removeprefix(f"{path} ").partition(":")[0])
        return Decoded(samples, highest)

    def _blocks(self, path: Path) -> Iterator[NDArray[np.float32]]:
        """Decode piece by piece, ``(channels, some)`` each, so that an hour of sound needs little memory."""
        with open_audio(path) as file:
            frames, rate = file.frames, file.samplerate
            resampler = soxr.ResampleStream(rate, self.sample_rate, self.channels, "float32", "HQ")
            left = resampled_length(frames, rate, self.sample_rate)
            for first in range(0, frames, _BLOCK_FRAMES):
                count = min(_BLOCK_FRAMES, frames - first)
                last = first + count == frames
                block = to_channels(read_frames(file, count).T, self.channels)
                if rate != self.sample_rate:
                    block = resampler.resample_chunk(np.ascontiguousarray(block.T), last=last)
                    block = fit_length(block.reshape(-1, self.channels).T, left if last else min(left, len(block)))
                left -= block.shape[1]
                yield block
