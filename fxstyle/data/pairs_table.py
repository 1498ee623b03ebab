"""A table of paired recordings, whose splits and settings are data."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Literal

from fxstyle.audio.source import Split
from fxstyle.errors import InputError

RowSplit = Split | Literal["all"]
_SPLITS = ("train", "val", "test", "all")
_NEEDED = ("dry", "wet")


@dataclass(frozen=True)
class PairRow:
    """One row: a dry file, a wet file and what is known of them.

    Attributes:
        place: File and line, for messages.
        device: The device; empty where the table has no such column.
        item: The recording; the dry file's name where the table has no such column.
        setting: Preset or knob positions, such as ``crunch`` or ``0.5_0.7``; empty where there is but one.
        dry: The recording.
        wet: What the device made of it.
        split: Its split, or ``all`` for a recording that is split by time.
        sample_rate: In Hz, where the table says it.
        lag: By how many samples the wet file is late, where the table says it.
        licence: Empty where the table has none.
    """

    place: str
    device: str
    item: str
    setting: str
    dry: Path
    wet: Path
    split: RowSplit
    sample_rate: int | None = None
    lag: int | None = None
    licence: str = ""

    @property
    def name(self) -> str:
        """Unique within its device."""
        return f"{self.item}/{self.setting}" if self.setting else self.item


def read_pairs_table(path: str | Path, root: str | Path | None = None, lag_column: str | None = None) -> list[PairRow]:
    """Read a CSV file with one row for each pair.

    Columns: ``dry`` and ``wet`` (paths below ``root``), and where they exist ``device``, ``item``, ``setting``,
    ``split`` (``train``, ``val``, ``test``, or ``all`` for a split by time, which is also what a table without this
    column means), ``sr`` and ``licence``; others are not looked at.

    Args:
        path: The table.
        root: The folder that its paths start from; ``None`` for the table's own.
        lag_column: The column that says by how many samples each wet file is late.

    Raises:
        InputError: The table cannot be read, a column, a value or the folder is missing, a path leads out of the
            folder, or a pair is given twice.
    """
    path = Path(path).expanduser()
    folder = path.parent if root is None else Path(root).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: set data.root to the folder that the paths of {path} start from.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_columns(path, reader.fieldnames or [], lag_column)
            rows = [_row(f"{path}, line {reader.line_num}", cells, folder, lag_column) for cells in reader]
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: save the table as CSV in UTF-8.") from error
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV table ({error}): correct it or save it as CSV again.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give the path of a pairs.csv.") from error
    if not rows:
        raise InputError(f"{path} has no rows: give each pair of recordings one.")
    _refuse_twice(rows)
    return rows


def choose_rows(
    rows: Sequence[PairRow], path: str | Path, device: str | None = None, settings: Sequence[str] | None = None
) -> list[PairRow]:
    """The rows of one device, of all its settings or of those named, in the table's order.

    Raises:
        InputError: The device or a setting is not in the table, or no device is named where there are several.
    """
    devices = list(dict.fromkeys(row.device for row in rows))
    if device is None and len(devices) > 1:
        raise InputError(f"{path} has several devices: set data.device to one of {', '.join(devices)}.")
    if device is not None and device not in devices:
        known = ", ".join(filter(None, devices)) or "no device"
        raise InputError(f"{path} has no device {device!r}: set data.device to one that it has ({known}).")
    chosen = [row for row in rows if device in (None, row.device)]
    if settings is None:
        return chosen
    known_settings = dict.fromkeys(row.setting for row in chosen)
    for setting in settings:
        if setting not in known_settings:
            listed = ", ".join(map(repr, known_settings))
            raise InputError(f"{path} has no setting {setting!r}: choose data.settings from {listed}.")
    if not settings:
        raise InputError("data.settings is empty: name settings, or set it to null for all of them.")
    return [row for row in chosen if row.setting in settings]


def _check_columns(path: Path, columns: Sequence[str], lag_column: str | None) -> None:
    names = [column.strip() for column in columns]
    wanted = _NEEDED if lag_column is None else (*_NEEDED, lag_column)
    for column in wanted:
        if column not in names:
            seen = ", ".join(names) or "nothing"
            raise InputError(
                f"{path} has no column {column!r} (its first line: {seen}): name the columns in the first line, "
                "separated by commas."
            )
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{path} has two columns {twice[0]!r}: rename one.")


def _row(place: str, cells: Mapping[str | None, str | None], folder: Path, lag_column: str | None) -> PairRow:
    if None in cells or None in cells.values():
        raise InputError(f"{place} does not have as many values as there are columns: correct the row.")
    values = {str(column).strip(): str(value).strip() for column, value in cells.items()}
    split = values.get("split", "all")
    if split not in _SPLITS:
        raise InputError(f"{place}: split is {split!r}; use train, val, test, or all for a split by time.")
    dry, wet = (_inside(folder, values[column], f"{place}: {column}") for column in _NEEDED)
    sample_rate = _whole(place, "sr", values.get("sr") or None)
    return PairRow(
        place=place,
        device=values.get("device", ""),
        item=values.get("item") or Path(values["dry"]).with_suffix("").as_posix(),
        setting=values.get("setting", ""),
        dry=dry,
        wet=wet,
        split=split,  # type: ignore[arg-type]
        sample_rate=sample_rate,
        lag=_whole(place, lag_column, values[lag_column]) if lag_column else None,
        licence=values.get("licence", ""),
    )


def _whole(place: str, column: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{place}: {column} is {text!r}; use a whole number.") from None


def _inside(folder: Path, text: str, where: str) -> Path:
    """A path that stays in its folder by its words; links in it may lead anywhere, since their owner made them."""
    given = Path(os.path.normpath(text)) if text else Path()
    foreign = PureWindowsPath(text)
    if given.is_absolute() or foreign.is_absolute() or foreign.drive or given.parts[:1] == ("..",) or "\0" in text:
        raise InputError(f"{where} {text!r} leads out of {folder}: use paths below that folder, or set data.root.")
    if not given.parts:
        raise InputError(f"{where} is empty: give the path of a sound file.")
    return folder / given


def _refuse_twice(rows: Sequence[PairRow]) -> None:
    pairs: dict[tuple[str, str, str], PairRow] = {}
    outputs: dict[Path, PairRow] = {}
    for row in rows:
        first = pairs.setdefault((row.device, row.item, row.setting), row)
        if first is not row:
            raise InputError(
                f"{row.place} gives {row.name!r} again, after {first.place}: remove one, or give it another item."
            )
        first = outputs.setdefault(row.wet, row)
        if first is not row:
            raise InputError(f"{row.place} gives the wet file of {first.place} again: correct one of the two.")
