"""Calls a plugin block after block as machine code, so that short blocks cost no more than in a C host."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.extending import intrinsic
from numpy.typing import NDArray

from fxstyle.effects.dsp.compiling import compiled

_WORD = ir.IntType(64)
_INDEX = ir.IntType(32)


def _call(builder: Any, kinds: list[Any], values: Any) -> Any:
    """Call the function at the first address with the others as arguments."""
    function = builder.inttoptr(values[0], ir.FunctionType(ir.VoidType(), kinds).as_pointer())
    builder.call(function, values[1:])
    return ir.Constant(_INDEX, 0)


def _connect_port(context: Any, function: Any, handle: Any, port: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, [_WORD, _INDEX, _WORD], values)

    return numba.int32(numba.int64, numba.int64, numba.uint32, numba.int64), generate


def _run(context: Any, function: Any, handle: Any, samples: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, [_WORD, _INDEX], values)

    return numba.int32(numba.int64, numba.int64, numba.uint32), generate


_connect_now: Any = intrinsic(_connect_port)
_run_now: Any = intrinsic(_run)


@compiled("void(int64, int64, int64, uint32[::1], int64[::1], uint32[:, ::1], uint32[::1], int64, int64)")
def run_blocks(
    run: int,
    connect: int,
    handle: int,
    ports: NDArray[np.uint32],
    addresses: NDArray[np.int64],
    events: NDArray[np.uint32],
    room: NDArray[np.uint32],
    samples: int,
    block: int,
) -> None:
    """Run a plugin over its audio, a block at a time; the last one may be shorter.

    Args:
        run: Address of its ``run``.
        connect: Address of its ``connect_port``.
        handle: The instance.
        ports: Audio ports that move along, ``(ports,)``.
        addresses: Where their sound begins, ``(ports,)``.
        events: Buffers of its event outputs, ``(outputs, words)``.
        room: The two words that begin an empty event buffer.
        samples: How many there are.
        block: Samples of a call.
    """
    for first in range(0, samples, block):
        for place in range(len(ports)):
            _connect_now(connect, handle, ports[place], addresses[place] + 4 * first)
        for output in range(len(events)):
            events[output, 0] = room[0]
            events[output, 1] = room[1]
        _run_now(run, handle, numba.uint32(min(block, samples - first)))
