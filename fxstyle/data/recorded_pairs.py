"""Pairs that somebody recorded: one dry and one wet file, or a table of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.files import read_audio, read_info
from fxstyle.audio.resample import resample
from fxstyle.audio.source import SPLITS
from fxstyle.data.conditions import Conditions, setting_conditions
from fxstyle.data.pair import Pair, PairSet
from fxstyle.data.pairs_table import PairRow, choose_rows, read_pairs_table
from fxstyle.data.time_split import FRACTIONS, LEAST_SECONDS, check_time_split, split_by_time
from fxstyle.errors import InputError


class PairFinding(Protocol):
    """Something that was found about a pair."""

    @property
    def code(self) -> str:
        """Short and always the same."""
        ...

    @property
    def severity(self) -> str:
        """``ok``, ``repaired``, ``warn``, or ``refuse`` where the pair is of no use."""
        ...

    @property
    def sentence(self) -> str:
        """What was found, with numbers, and what was done about it."""
        ...


class ExaminedPair(Protocol):
    """What was found about a pair.

    Unless a finding refuses it, ``dry`` and ``wet`` are ``(1, samples)`` at the dry file's sample rate, aligned and of
    one length.
    """

    @property
    def dry(self) -> NDArray[np.float32]:
        """The repaired recording."""
        ...

    @property
    def wet(self) -> NDArray[np.float32]:
        """What the device made of it, repaired."""
        ...

    @property
    def findings(self) -> Sequence[PairFinding]:
        """In the order of the examination."""
        ...


class Examine(Protocol):
    """The doctor, which repairs pairs: :func:`fxstyle.doctor.pair.examine_pair`."""

    def __call__(
        self,
        dry: NDArray[np.float32],
        wet: NDArray[np.float32],
        dry_rate: int,
        wet_rate: int,
        names: tuple[str, str],
        known_lag: int | None = None,
    ) -> ExaminedPair:
        """Examine ``(channels, samples)`` each, at rates in Hz; ``names`` are those of the files."""
        ...


class RecordedPairs:
    """Recordings of a device: its input and its output.

    A recording that no table gives a split is cut in time: its first part trains, the next validates, the last tests.
    Each part starts afresh (what precedes it belongs to another split), and its time since the reset counts from the
    start of the whole recording, so that an LFO's phase is right.

    Args:
        dry: The recording; with ``wet`` and without ``pairs``.
        wet: What the device made of it.
        sample_rate: In Hz; ``None`` for that of the files, which must then all have the same.
        fractions: Shares of train, val and test of a recording that is split by time.
        time_edges: Times in s at which val and test begin, in place of the shares.
        pairs: A table; see :func:`fxstyle.data.pairs_table.read_pairs_table`.
        root: The folder that the table's paths start from; ``None`` for its own.
        device: The device whose rows are taken; ``None`` where there is but one.
        settings: The settings whose rows are taken; ``None`` for all.
        knobs: Names of the numbers in a setting such as ``0.5_0.7``.
        lag: By how many samples the wet files are late: a number, or the table's column that says it; ``None`` has it
            measured.
        licence: Of the recordings; empty for the table's.

    Raises:
        InputError: Neither or both of the two forms are given, or an option is wrong.
    """

    def __init__(
        self,
        dry: str | None = None,
        wet: str | None = None,
        sample_rate: int | None = None,
        fractions: Sequence[float] = FRACTIONS,
        time_edges: Sequence[float] | None = None,
        pairs: str | None = None,
        root: str | None = None,
        device: str | None = None,
        settings: Sequence[str] | None = None,
        knobs: Sequence[str] | None = None,
        lag: int | str | None = None,
        licence: str = "",
    ) -> None:
        files = dry is not None and wet is not None
        if files == (pairs is not None) or (dry is None) != (wet is None):
            raise InputError("Give a recording as data.dry and data.wet, or a table of them as data.pairs.")
        if files and any(option is not None for option in (root, device, settings, knobs)):
            raise InputError("data.root, device, settings and knobs are for a table: use data.pairs or leave them out.")
        if files and isinstance(lag, str):
            raise InputError(f"data.lag={lag!r} names a column of a table: with data.dry and data.wet, use a number.")
        if sample_rate is not None and not 8000 <= sample_rate <= 384_000:
            raise InputError(f"data.sample_rate is {sample_rate} Hz: use 8000 to 384000, or null for the files' own.")
        check_time_split(fractions, time_edges)
        self.dry = dry
        self.wet = wet
        self.sample_rate = sample_rate
        self.fractions = tuple(fractions)
        self.time_edges = None if time_edges is None else tuple(time_edges)
        self.pairs = pairs
        self.root = root
        self.device = device
        self.settings = None if settings is None else [str(setting) for setting in settings]
        self.knobs = knobs
        self.lag = lag
        self.licence = licence

    def load(self, examine: Examine) -> PairSet:
        """Read all recordings, have the doctor look at each pair, and give them their splits and conditions.

        Raises:
            InputError: A file or the table cannot be used, the doctor refuses a pair, or a split has no recordings.
        """
        rows = self._rows()
        rate = self._rate(rows)
        conditions = setting_conditions(tuple(dict.fromkeys(row.setting for row in rows)), self.knobs)
        pairs: list[Pair] = []
        notes: list[str] = []
        for row in rows:
            dry, wet, found = self._read(row, rate, examine)
            pairs += self._cut(row, dry, wet, rate, conditions)
            notes += found
        name = rows[0].device or Path(self.pairs or rows[0].wet).stem
        _check_splits(name, pairs)
        notes += [*_untrained(name, pairs, conditions), *_shared(rows)]
        licences = dict.fromkeys(row.licence for row in rows if row.licence)
        return PairSet(
            name=name,
            sample_rate=rate,
            settings=conditions.settings,
            setting_conditions=conditions.values,
            condition_names=conditions.names,
            pairs=tuple(pairs),
            licence=self.licence or "; ".join(licences),
            notes=tuple(dict.fromkeys(notes)),
        )

    def _rows(self) -> list[PairRow]:
        if self.pairs is not None:
            rows = read_pairs_table(self.pairs, self.root, self.lag if isinstance(self.lag, str) else None)
            return choose_rows(rows, self.pairs, self.device, self.settings)
        assert self.dry is not None
        assert self.wet is not None
        dry, wet = Path(self.dry).expanduser(), Path(self.wet).expanduser()
        return [PairRow(str(dry), "", dry.stem, "", dry, wet, "all")]

    def _rate(self, rows: Sequence[PairRow]) -> int:
        """The rate of the set; every file is opened before the first one is examined."""
        rates: dict[int, str] = {}
        for row in rows:
            found = read_info(row.dry).sample_rate
            read_info(row.wet)
            if row.sample_rate not in (None, found):
                raise InputError(f"{row.place}: sr is {row.sample_rate} Hz, but {row.dry} has {found} Hz: correct one.")
            rates.setdefault(found, str(row.dry))
        if self.sample_rate is not None:
            return self.sample_rate
        if len(rates) > 1:
            listed = ", ".join(f"{file} has {rate} Hz" for rate, file in rates.items())
            raise InputError(f"The recordings have several sample rates ({listed}): set sample_rate to one of them.")
        return next(iter(rates))

    def _read(
        self, row: PairRow, rate: int, examine: Examine
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], list[str]]:
        """A repaired pair, ``(1, samples)`` each at the set's rate, and what a report must say of it."""
        (dry, dry_rate), (wet, wet_rate) = read_audio(row.dry), read_audio(row.wet)
        lag = self.lag if isinstance(self.lag, int) else row.lag
        examined = examine(dry, wet, dry_rate, wet_rate, (str(row.dry), str(row.wet)), known_lag=lag)
        refused = [finding.sentence for finding in examined.findings if finding.severity == "refuse"]
        if refused:
            raise InputError(refused[0])
        notes = [finding.sentence for finding in examined.findings if finding.severity != "ok"]
        for file in (row.dry, row.wet):
            # Reports are read elsewhere.
            notes = [note.replace(str(file), file.name) for note in notes]
        if dry_rate != rate:
            notes.append(f"Recordings at {dry_rate} Hz were resampled to {rate} Hz.")
        dry, wet = (resample(sound, dry_rate, rate) for sound in (examined.dry, examined.wet))
        return dry, wet, notes

    def _cut(
        self,
        row: PairRow,
        dry: NDArray[np.float32],
        wet: NDArray[np.float32],
        rate: int,
        conditions: Conditions,
    ) -> list[Pair]:
        setting = conditions.settings.index(row.setting)
        condition = conditions.values[setting]
        if row.split == "all":
            parts = split_by_time(str(row.dry), dry.shape[-1], rate, self.fractions, self.time_edges)
            return [
                Pair(
                    name=f"{row.name}/{part.split}",
                    recording=row.item,
                    split=part.split,
                    setting=setting,
                    dry=dry[:, part.start : part.stop],
                    wet=wet[:, part.start : part.stop],
                    condition=condition,
                    seconds=part.start / rate,
                )
                for part in parts
            ]
        if dry.shape[-1] < LEAST_SECONDS * rate:
            raise InputError(
                f"{row.dry} and {row.wet} are {dry.shape[-1] / rate:.2f} s long when aligned: use recordings of "
                f"{LEAST_SECONDS} s at least."
            )
        return [Pair(row.name, row.item, row.split, setting, dry, wet, condition)]


def _check_splits(name: str, pairs: Sequence[Pair]) -> None:
    for split in SPLITS:
        if not any(pair.split == split for pair in pairs):
            raise InputError(
                f"{name} has no recording for {split}: give a row the split {split}, or all of them 'all' to be split "
                "by time."
            )


def _untrained(name: str, pairs: Sequence[Pair], conditions: Conditions) -> list[str]:
    """What a report must say of settings that are not trained on.

    Raises:
        InputError: One of them is a preset.
    """
    trained = {pair.setting for pair in pairs if pair.split == "train"}
    unseen = [setting for place, setting in enumerate(conditions.settings) if place not in trained]
    if not unseen:
        return []
    if not conditions.between:
        raise InputError(
            f"{name}: setting {unseen[0]!r} has no train row, and nothing else says how it sounds: give it one, or "
            "leave the setting out of data.settings."
        )
    return [
        f"{len(trained)} of {len(conditions.settings)} knob settings are trained on; the scores of "
        f"{', '.join(unseen)} say how well the model carries over to knob positions it has not heard."
    ]


def _shared(rows: Sequence[PairRow]) -> list[str]:
    """What a report must say of recordings that several splits share; the parts of a split by time share none."""
    splits: dict[str, set[str]] = {}
    for row in rows:
        if row.split != "all":
            splits.setdefault(row.item, set()).add(row.split)
    shared = [item for item, held in splits.items() if len(held) > 1]
    return [f"The same dry recording is in several splits, at other settings: {', '.join(shared)}."] if shared else []
