"""Reads an offline W&B run back from its ``.wandb`` file: a log of protobuf records in blocks, as LevelDB writes it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK = 32768
FILE_HEADER = 7
RECORD_HEADER = struct.Struct("<IHB")  # checksum, length, kind
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class OfflineRun:
    """What a run logged.

    Attributes:
        identity: Its id.
        name: Its display name.
        project: Its project.
        config: Top-level keys of its config.
        history: One mapping for each time it logged; nested keys are joined with dots.
        files: Files it holds, relative to ``files/``.
        exit_code: ``None`` where it was not finished.
    """

    identity: str = ""
    name: str = ""
    project: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    exit_code: int | None = None

    def values(self, name: str) -> list[Any]:
        """What was logged under a name, in order."""
        return [row[name] for row in self.history if name in row]


def read_run(folder: Path) -> OfflineRun:
    """Read the run in an ``offline-run-...`` folder."""
    (file,) = folder.glob("*.wandb")
    run = OfflineRun()
    for content in _records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.identity, run.name, run.project = record.run.run_id, record.run.display_name, record.run.project
            run.config |= _values(record.run.config.update)
        elif kind == "config":
            run.config |= _values(record.config.update)
        elif kind == "history":
            run.history.append(_values(record.history.item))
        elif kind == "files":
            run.files += [entry.path for entry in record.files.files]
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def _values(items: Any) -> dict[str, Any]:
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def _records(data: bytes) -> Iterator[bytes]:
    """Records of a file; the last may be cut off."""
    assert data[:4] == b":W&B"
    position, parts = FILE_HEADER, b""
    while position + RECORD_HEADER.size <= len(data):
        left = BLOCK - position % BLOCK
        if left < RECORD_HEADER.size:  # padding
            position += left
            continue
        _, length, kind = RECORD_HEADER.unpack_from(data, position)
        start = position + RECORD_HEADER.size
        position = start + length
        if kind not in (WHOLE, FIRST, MIDDLE, LAST) or position > len(data):
            return
        parts = data[start:position] if kind in (WHOLE, FIRST) else parts + data[start:position]
        if kind in (WHOLE, LAST):
            yield parts
            parts = b""
