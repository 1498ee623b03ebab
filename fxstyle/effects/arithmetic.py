"""The same arithmetic for every plugin, and no trace of a plugin's own in the rest of the program."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_STATE_BYTES = 256
_DEFAULT = ctypes.c_void_p(-1)
"""C's ``FE_DFL_ENV`` in the C libraries of Linux."""


def _functions() -> tuple[Any, Any] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.PyDLL("libm.so.6")
        return library.fegetenv, library.fesetenv
    except (OSError, AttributeError):
        return None


_environment = _functions()


@contextmanager
def default_arithmetic() -> Iterator[None]:
    """Round and keep tiny numbers as C does by itself, and put back afterwards what held before.

    A library built with fast mathematics (those of zam-plugins are) makes the thread that loads it take tiny numbers
    for zero from then on: the same settings would give other last bits in another thread, and other effects would too.
    """
    if _environment is None:
        yield
        return
    get, put = _environment
    before = ctypes.create_string_buffer(_STATE_BYTES)
    get(before)
    put(_DEFAULT)
    try:
        yield
    finally:
        put(before)
