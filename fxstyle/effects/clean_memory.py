"""Zeroed memory for plugins while they start, since some read what they never wrote."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PERTURB = -6
_TO_ZERO = 0xFF
"""glibc fills what it hands out with the complement of this byte."""


def _mallopt() -> Any:
    """The C library's ``mallopt``, or nothing where the C library is another one."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.PyDLL(None)
        libc.gnu_get_libc_version  # noqa: B018 - other C libraries have a mallopt that does nothing
        found = libc.mallopt
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return found


_set = _mallopt()


@contextmanager
def zeroed_memory() -> Iterator[None]:
    """Hand out zeroes from ``malloc`` for as long as this lasts; one thread at a time may ask for it.

    A delay that reads its buffer before it has written it (mda's Delay, at its longest times) then gives silence, as in
    a process that has just started, and not what another sound left there. Pieces of up to 1,032 bytes that a thread
    keeps for itself are not cleared.
    """
    if _set is None:
        yield
        return
    _set(_PERTURB, _TO_ZERO)
    try:
        yield
    finally:
        _set(_PERTURB, 0)
