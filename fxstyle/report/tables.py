"""The long results table: one row per value, with its interval and what it was measured on."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fxstyle.errors import InputError
from fxstyle.plots.numbers import short_number
from fxstyle.writing import replacing

if TYPE_CHECKING:
    import rich.table

MODEL = "model"
MACRO = "macro"
Key = Literal["run", "task", "split", "dataset", "arm", "effect", "preset", "metric"]


@dataclass(frozen=True)
class Result:
    """One measured value.

    Attributes:
        run: Name of the run.
        task: ``representation``, ``style_transfer`` or ``emulation``.
        split: ``train``, ``val`` or ``test``.
        dataset: Name of the dry sound it was measured on.
        arm: ``model`` for the run's own model, else the baseline's name.
        effect: Name of the effect, or ``macro`` for the mean over effects.
        preset: Name of the preset; empty where there is none.
        seen: Whether the effect was trained on; ``None`` where both or neither are meant.
        budget: Renders allowed in a search; ``None`` where there is no search.
        metric: Name of the metric in lower case.
        value: The value; ``nan`` where it could not be computed.
        ci_low: Lower end of the interval, ``nan`` where there is none.
        ci_high: Upper end of the interval, ``nan`` where there is none.
        n: Items that entered.
        recordings: Recordings that those items come from, which the interval is clustered by.
    """

    run: str
    task: str
    split: str
    dataset: str
    arm: str
    effect: str
    preset: str
    seen: bool | None
    budget: int | None
    metric: str
    value: float
    ci_low: float
    ci_high: float
    n: int
    recordings: int


COLUMNS = tuple(field.name for field in fields(Result))
_TEXTS = ("run", "task", "split", "dataset", "arm", "effect", "preset", "metric")
_NUMBERS = ("value", "ci_low", "ci_high")
_COUNTS = ("n", "recordings")
_SEEN = {"": None, "true": True, "false": False}


def write_table(path: Path, results: Iterable[Result]) -> None:
    """Write results as CSV, whole or not at all; floats keep every digit and ``nan`` is written as such."""
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        plain = csv.writer(file, lineterminator="\n")
        # Below Python 3.13 a lone carriage return is not quoted by itself and would end the row for a reader.
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow(COLUMNS)
        for result in results:
            cells = {name: str(getattr(result, name)) for name in (*_TEXTS, *_COUNTS)}
            cells |= {name: repr(float(getattr(result, name))) for name in _NUMBERS}
            cells["seen"] = "" if result.seen is None else str(bool(result.seen)).lower()
            cells["budget"] = "" if result.budget is None else str(int(result.budget))
            row = [cells[name] for name in COLUMNS]
            (quoted if any("\r" in cell for cell in row) else plain).writerow(row)


def read_table(path: Path) -> list[Result]:
    """Read what :func:`write_table` wrote.

    Raises:
        InputError: The file is missing, is not such a table, or a cell cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path} lacks the columns {', '.join(missing)}; give a table.csv of an evaluation.")
            return [_read_row(row, f"{path}, line {reader.line_num}") for row in reader]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give the table.csv of an evaluation.") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a CSV table ({error}); give the table.csv of an evaluation.") from error


def _read_row(row: dict[str, str], where: str) -> Result:
    try:
        return Result(
            run=row["run"],
            task=row["task"],
            split=row["split"],
            dataset=row["dataset"],
            arm=row["arm"],
            effect=row["effect"],
            preset=row["preset"],
            seen=_SEEN[row["seen"]],
            budget=int(row["budget"]) if row["budget"] else None,
            metric=row["metric"],
            value=float(row["value"]),
            ci_low=float(row["ci_low"]),
            ci_high=float(row["ci_high"]),
            n=int(row["n"]),
            recordings=int(row["recordings"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{where}: a cell is missing or is not what its column holds ({error}); correct it."
        ) from error


def metrics_json(results: Iterable[Result]) -> dict[str, float | None]:
    """Give the model's values by ``<split>/<metric>/<effect or macro>``; what is not finite is ``None`` (null).

    A mean over the seen or the unseen effects alone is ``macro_seen`` or ``macro_unseen``.

    Raises:
        ValueError: Two values share a key: choose one preset, data set and budget first.
    """
    metrics: dict[str, float | None] = {}
    for result in results:
        if result.arm != MODEL:
            continue
        effect = result.effect
        if effect == MACRO and result.seen is not None:
            effect = "macro_seen" if result.seen else "macro_unseen"
        key = f"{result.split}/{result.metric}/{effect}"
        if key in metrics:
            raise ValueError(f"two results for {key}: choose one preset, data set and budget first")
        metrics[key] = float(result.value) if math.isfinite(result.value) else None
    return metrics


@dataclass(frozen=True)
class Cell:
    """One cell: a value and, smaller, its interval."""

    text: str
    interval: str = ""


@dataclass(frozen=True)
class Table:
    """A table to be shown; the first cell of each row names the row.

    Attributes:
        caption: What the table says, and what its intervals are.
        header: Column headings, one for the rows' names included.
        rows: Cells, as many as headings.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError(f"table {self.caption!r}: every row needs {len(self.header)} cells")


def plain_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Make a table of texts and numbers; numbers get three significant digits."""
    return Table(caption, tuple(header), tuple(tuple(_cell(value) for value in row) for row in rows))


def _cell(value: object) -> Cell:
    return Cell(short_number(value) if isinstance(value, float) else str(value))


def pivot(results: Iterable[Result], caption: str, rows: Key = "metric", columns: Key = "arm") -> Table:
    """Set results side by side, each with its interval; the model's column comes first and absent values are ``–``.

    Args:
        results: Results of one split and, but for ``rows`` and ``columns``, of one kind.
        caption: Caption of the table.
        rows: What a row is.
        columns: What a column is.

    Raises:
        ValueError: Two results belong in the same cell.
    """
    cells: dict[tuple[str, str], Cell] = {}
    for result in results:
        place = (str(getattr(result, rows)), str(getattr(result, columns)))
        if place in cells:
            raise ValueError(f"two results for {place[0]} and {place[1]}: choose among them before the pivot")
        interval = ""
        if math.isfinite(result.ci_low) and math.isfinite(result.ci_high):
            interval = f"[{short_number(result.ci_low)}, {short_number(result.ci_high)}]"
        cells[place] = Cell(short_number(result.value), interval)
    heads = sorted(dict.fromkeys(column for _, column in cells), key=lambda head: head != MODEL)
    body = tuple(
        (Cell(name), *(cells.get((name, head), Cell("–")) for head in heads))
        for name in dict.fromkeys(row for row, _ in cells)
    )
    return Table(caption, (rows, *heads), body)


def terminal_table(table: Table) -> rich.table.Table:
    """Make the same table for a terminal; nothing in it is read as markup."""
    import rich.table
    from rich.text import Text

    shown = rich.table.Table(title=Text(table.caption), title_justify="left")
    for place, head in enumerate(table.header):
        shown.add_column(Text(head), justify="left" if place == 0 else "right", no_wrap=place == 0)
    for row in table.rows:
        shown.add_row(*(Text(f"{cell.text}\n{cell.interval}".rstrip()) for cell in row))
    return shown
