"""Results as lines of JSON that are on disk as soon as they exist, so that a run can be broken off anywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fxstyle.errors import InputError


class Lines:
    """A file of JSON lines whose first one says what they were made with.

    Lines are only ever appended; one that was cut off is removed when the file is opened again.

    Args:
        path: The file; it is made with its first line.
        header: What the results depend on; plain values.

    Attributes:
        records: What the file holds, in order.

    Raises:
        InputError: When the file was made with something else, naming the key.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.records: list[dict[str, Any]] = []
        # As it will be read back: tuples become lists.
        wanted = json.loads(_line(header))
        if path.is_file():
            whole = path.read_bytes()
            kept = whole.rfind(b"\n") + 1
            if kept < len(whole):
                with path.open("r+b") as file:
                    file.truncate(kept)
            try:
                lines = [json.loads(line) for line in whole[:kept].splitlines()]
            except ValueError as error:
                raise InputError(f"{path} is damaged ({error}): remove it, and it is made again") from error
            if lines:
                _refuse_other(path, lines[0], wanted)
                self.records = lines[1:]
                return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(wanted)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record; numbers that are not finite become null."""
        self._write(record)
        self.records.append(dict(record))

    def _write(self, record: Mapping[str, Any]) -> None:
        # Unbuffered: a line is written by one call, or not at all.
        with self.path.open("ab", buffering=0) as file:
            file.write(_line(record))


def _line(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(_finite(record), allow_nan=False) + "\n").encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _refuse_other(path: Path, found: Any, wanted: Mapping[str, Any]) -> None:
    if not isinstance(found, dict):
        raise InputError(f"{path} does not begin with what it was made with: give another out")
    for key in dict.fromkeys([*wanted, *found]):
        if found.get(key) != wanted.get(key):
            raise InputError(
                f"{path} was made with another {key} ({_short(found.get(key))}, now {_short(wanted.get(key))}): repeat "
                "its command to go on, or give another out"
            )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
