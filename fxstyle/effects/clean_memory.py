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


_KEPT_BYTES, _KEPT_PIECES = 1024, 7
"""The largest pieces that a thread keeps for itself, and how many; a buffer of 256 numbers is one."""


def _c_library() -> Any:
    """The C library where it is glibc; others have a ``mallopt`` that does nothing."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.PyDLL(None)
        libc.gnu_get_libc_version  # noqa: B018 - asked whether it is there
    except (OSError, AttributeError):
        return None
    libc.mallopt.argtypes, libc.mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    libc.memset.argtypes, libc.memset.restype = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t], ctypes.c_void_p
    libc.free.argtypes, libc.free.restype = [ctypes.c_void_p], None
    return libc


_libc = _c_library()


def _clear_kept() -> None:
    """Take what this thread keeps of the largest size, clear it, and give it back."""
    pieces = [_libc.malloc(_KEPT_BYTES) for _ in range(_KEPT_PIECES)]
    for piece in pieces:
        if piece:
            _libc.memset(piece, 0, _KEPT_BYTES)
    for piece in pieces:
        _libc.free(piece)


@contextmanager
def zeroed_memory() -> Iterator[None]:
    """Hand out zeroes from ``malloc`` for as long as this lasts; one thread at a time may ask for it.

    A delay that reads its buffer before it has written it (mda's Delay, at its longest times) then gives silence, as in
    a process that has just started, and not what another sound left there. Of the pieces of up to 1,032 bytes that a
    thread keeps for itself, only those of 1,024 are cleared, from their third word on: mda's Leslie reads one number of
    such a buffer that it never wrote.
    """
    if _libc is None:
        yield
        return
    _clear_kept()
    _libc.mallopt(_PERTURB, _TO_ZERO)
    try:
        yield
    finally:
        _libc.mallopt(_PERTURB, 0)
