"""How much a model file that somebody sent may ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from fxstyle.errors import InputError

LARGEST_STATE = 50_000_000
"""Numbers that a model keeps between blocks for each channel."""

_LOWEST_RATE, _HIGHEST_RATE = 8_000, 384_000


def read_bytes(path: Path, largest: int) -> bytes:
    """Read a file.

    Raises:
        InputError: It is missing, unreadable or larger than ``largest`` bytes.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: give a run folder, a .ckpt, .onnx, .nam or Proteus .json file")
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    if len(data) > largest:
        raise InputError(f"{path} is larger than {largest / 1e6:g} MB, which no such model is: give another file")
    return data


def read_json(path: Path, largest: int) -> dict[str, Any]:
    """Read a file that holds one JSON object of finite numbers.

    Raises:
        InputError: It is missing, too large, damaged or something else.
    """
    try:
        content = json.loads(read_bytes(path, largest), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged or no JSON file: get it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no model: give a .nam file or a Proteus .json file")
    return content


def check_rate(rate: int, path: Path) -> None:
    """Refuse a sample rate that no sound has.

    Raises:
        InputError: It is below 8 or above 384 kHz.
    """
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise InputError(f"{path} is for {rate} Hz: use a model of {_LOWEST_RATE} to {_HIGHEST_RATE} Hz")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
