"""A folder of recordings as a source of dry sound."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.cache import Decoded, DecodedCache, default_cache_dir
from fxstyle.audio.files import EXTENSIONS
from fxstyle.audio.levels import SILENCE_DB, to_db
from fxstyle.audio.source import SPLITS, Recording, Split
from fxstyle.audio.splits import complete_given_splits, split_by_hash
from fxstyle.errors import InputError

_NAMED = 5
_LONGEST_WEIGHT_SECONDS = 30.0


class FolderSource:
    """Recordings in a folder and the folders below it, decoded and resampled once into a cache.

    A folder named ``train``, ``val`` or ``test`` (the outermost such folder counts) decides the split of what lies in
    it; all else is split by a stable hash of its group. Hidden files are skipped. Files that are silent (peak below
    -60 dBFS), too short, damaged or hold NaN are left out and named in ``notes``.

    Args:
        root: The folder.
        sample_rate: In Hz; recordings at other rates are resampled.
        channels: 1 or 2; recordings with other numbers are converted.
        min_seconds: Shorter recordings are left out.
        split_fractions: Shares of val and of test where no folder decides.
        group_pattern: A regular expression searched in the relative path; its first group (or the whole match) is the
            recording's group, such as a speaker or a player, which no split shares with another. Without it, or where
            it finds nothing, a recording is its own group.
        cache_dir: Where decoded sound is kept; ``None`` takes ``FXSTYLE_CACHE`` or ``~/.cache/fxstyle``. It needs
            350 MB for an hour of mono at 24 kHz.
        split: Puts every recording into this one split instead; the others are then empty.

    Raises:
        InputError: The folder is missing or has no usable recording, a split would be empty, or an option is wrong.
    """

    def __init__(
        self,
        root: str | Path,
        sample_rate: int = 24000,
        channels: int = 1,
        min_seconds: float = 1.0,
        split_fractions: Sequence[float] = (0.1, 0.1),
        group_pattern: str | None = None,
        cache_dir: str | Path | None = None,
        split: Split | None = None,
    ) -> None:
        self.root = Path(root).expanduser()
        self.sample_rate = sample_rate
        self.channels = channels
        self.min_seconds = min_seconds
        self.cache_dir = Path(cache_dir).expanduser() if cache_dir else default_cache_dir()
        self._cache = DecodedCache(self.cache_dir, sample_rate, channels)
        if channels not in (1, 2):
            raise InputError(f"channels is {channels}: use 1 or 2.")
        if sample_rate < 1:
            raise InputError(f"sample_rate is {sample_rate}: use a positive rate in Hz.")
        if len(split_fractions) != 2 or not (min(split_fractions) > 0 and sum(split_fractions) < 1):
            raise InputError(
                f"audio.split_fractions is {list(split_fractions)}: use two positive shares, for val and test, that "
                "sum to less than 1."
            )
        fractions: dict[Split, float] = {"val": split_fractions[0], "test": split_fractions[1]}
        names = _audio_files(self.root)
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            decoded = dict(zip(names, pool.map(lambda name: self._cache.decode(self.root / name), names), strict=True))
        problems = {name: self._problem(facts) for name, facts in decoded.items()}
        self._left_out = {name: problem for name, problem in problems.items() if problem}
        usable = [name for name in names if not problems[name]]
        if not usable:
            raise InputError(f"No usable recording in {self.root}: {self._left_out_note()}")
        groups = {name: _group(name, group_pattern) for name in usable}
        self._moved = Counter[Split]()
        splits = dict.fromkeys(usable, split) if split else self._assign(groups, fractions)
        self._recordings: dict[Split, list[Recording]] = {
            part: [
                Recording(name, part, decoded[name].samples, groups[name]) for name in usable if splits[name] == part
            ]
            for part in SPLITS
        }

    def recordings(self, split: Split) -> Sequence[Recording]:
        """Recordings of a split, ordered by name."""
        return self._recordings[split]

    def weights(self, split: Split) -> NDArray[np.float64]:
        """Probability of each recording, ``(recordings,)``: in proportion to its duration, of which 30 s count."""
        longest = _LONGEST_WEIGHT_SECONDS * self.sample_rate
        lengths = np.array([min(recording.samples, longest) for recording in self._recordings[split]], np.float64)
        return lengths / lengths.sum() if len(lengths) else lengths

    def read(self, recording: Recording, start: int, length: int) -> NDArray[np.float32]:
        """Read ``(channels, length)`` samples from ``start``; what lies outside the recording is silence.

        Safe from several threads and processes at once.

        Raises:
            InputError: The file was removed or changed since the source was built.
        """
        first, last = max(start, 0), min(start + length, recording.samples)
        if last - first == length:
            return self._cache.read(self.path(recording), first, length)
        piece = np.zeros((self.channels, length), np.float32)
        if first < last:
            piece[:, first - start : last - start] = self._cache.read(self.path(recording), first, last - first)
        return piece

    def path(self, recording: Recording) -> Path:
        """The file a recording comes from."""
        return self.root / recording.name

    def notes(self) -> list[str]:
        """Files left out, splits taken from train, and groups that cross given splits."""
        notes = [self._left_out_note()] if self._left_out else []
        for split, count in self._moved.items():
            notes.append(f"{self.root} has no {split} folder: {count} of the train recordings were taken for {split}.")
        held: dict[str, set[Split]] = {}
        for split in SPLITS:
            for recording in self._recordings[split]:
                held.setdefault(recording.group, set()).add(split)
        crossing = sorted(group for group, splits in held.items() if len(splits) > 1)
        if crossing:
            notes.append(f"The given folders put {len(crossing)} groups into more than one split: {_listed(crossing)}.")
        return notes

    def _problem(self, decoded: Decoded) -> str:
        if decoded.problem:
            return decoded.problem
        if decoded.samples < self.min_seconds * self.sample_rate:
            return f"is shorter than {self.min_seconds:g} s"
        return "is silent" if to_db(decoded.peak) < SILENCE_DB else ""

    def _left_out_note(self) -> str:
        reasons = [f"{name} {problem}" for name, problem in self._left_out.items()]
        return f"{len(reasons)} files of {self.root} were left out: {_listed(reasons)}."

    def _assign(self, groups: dict[str, str], fractions: dict[Split, float]) -> dict[str, Split]:
        """The split of each usable recording."""
        given = {name: split for name in groups if (split := _given_split(name))}
        loose = [name for name in groups if name not in given]
        if not given:
            by_group = split_by_hash(list(groups.values()), fractions)
            return {name: by_group[group] for name, group in groups.items()}
        members: dict[Split, list[str]] = {part: [] for part in SPLITS}
        # Loose files beside given folders train, or follow the rest of their group.
        follow = {groups[name]: split for name, split in given.items()}
        splits = given | {name: follow.get(groups[name], "train") for name in loose}
        for name, part in splits.items():
            members[part].append(groups[name])
        try:
            moves = complete_given_splits(members, fractions)
        except InputError as error:
            raise InputError(f"{self.root} cannot be split. {error}") from error
        for name, part in splits.items():
            if part == "train" and groups[name] in moves:
                splits[name] = moves[groups[name]]
                self._moved[splits[name]] += 1
        return splits


def _audio_files(root: Path) -> list[str]:
    """Relative POSIX paths of every file with an audio extension, sorted; links are followed, loops are not.

    Raises:
        InputError: The folder is missing or holds no such file.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: set audio.root to a folder of recordings.")
    found, others, visited = [], Counter[str](), set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(folder, name)
            if name.startswith("."):
                continue
            if path.suffix.lower() in EXTENSIONS:
                found.append(path.relative_to(root).as_posix())
            else:
                others[path.suffix.lower() or "no extension"] += 1
    if not found:
        seen = f" (it holds {', '.join(sorted(others)[:_NAMED])})" if others else ""
        raise InputError(f"{root} has no audio file{seen}: put WAV, FLAC, AIFF, OGG or MP3 files into it.")
    return sorted(found)


def _given_split(name: str) -> Split | None:
    folders = [part.lower() for part in Path(name).parts[:-1]]
    return next((split for folder in folders for split in SPLITS if folder == split), None)


def _group(name: str, pattern: str | None) -> str:
    own = Path(name).with_suffix("").as_posix()
    if not pattern:
        return own
    try:
        match = re.search(pattern, name)
    except re.error as error:
        raise InputError(f"audio.group_pattern '{pattern}' is not a regular expression: {error}.") from error
    if not match:
        return own
    return (match.group(1) if match.re.groups else match.group(0)) or own


def _listed(items: Sequence[str]) -> str:
    """The first few of a list, then how many more there are."""
    more = f", and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    text = ", ".join(items[:_NAMED]) + more
    # Bytes of a name that are not UTF-8 cannot be printed.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
