"""File names made from data, which stay in their folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_LONGEST_NAME = 80
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def safe_name(text: str) -> str:
    """Make a file name of ``[A-Za-z0-9._-]`` from any text: no separators, no leading dot, at most 80 characters.

    A text that had to be changed gets part of its digest, so that two different texts never share a file.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")[:_LONGEST_NAME]
    name = re.sub(r"\.{2,}", ".", name)
    if name and name == text:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{name[: _LONGEST_NAME - 11] or 'x'}-{digest}"


def inside(folder: Path, relative: str) -> Path:
    """Resolve a POSIX path that a page refers to, refusing one that could lead out of the folder or to another scheme.

    Raises:
        ValueError: A part of the path is not a safe name, or nothing is there.
    """
    parts = relative.split("/")
    if not all(_SAFE_NAME.fullmatch(part) for part in parts):
        raise ValueError(f"{relative!r} is not a relative path of safe names")
    path = folder.joinpath(*parts)
    if not path.is_file():
        raise ValueError(f"{relative} is not in {folder}; save it there before the report is written")
    return path
