"""What a plugin gets from ``malloc`` while it starts."""

from __future__ import annotations

import ctypes

import pytest

from fxstyle.effects import clean_memory
from fxstyle.effects.clean_memory import zeroed_memory

pytestmark = pytest.mark.unit


def left_by_others(size: int) -> None:
    """Fill and free as many pieces as a thread keeps."""
    pieces = [clean_memory._libc.malloc(size) for _ in range(9)]
    for piece in pieces:
        clean_memory._libc.memset(piece, 0xFF, size)
    for piece in pieces:
        clean_memory._libc.free(piece)


@pytest.mark.skipif(clean_memory._libc is None, reason="the C library is not glibc")
@pytest.mark.parametrize("size", [1024, 4096, 200_000])
def test_a_plugin_that_starts_gets_zeroes(size: int) -> None:
    for _ in range(20):
        left_by_others(size)
        with zeroed_memory():
            piece = clean_memory._libc.malloc(size)
        held = ctypes.string_at(piece, size)
        clean_memory._libc.free(piece)
        # The allocator keeps its own two words at the front of a free piece.
        assert held[16:] == bytes(size - 16)
