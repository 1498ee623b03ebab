"""Sample loops as machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., None])


def compiled(signature: str) -> Callable[[Loop], Loop]:
    """Compile a loop for one signature when its module is imported, and keep the code on disk where there is a place.

    The loop runs without the interpreter lock. Sums keep their order, so that results do not depend on how a sound is
    cut. Loops call no other loop: the kept code would not follow a change in another module.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": False, "error_model": "numpy"}

    def compile_loop(loop: Loop) -> Loop:
        try:
            return cast(Loop, numba.njit(signature, cache=True, **options)(loop))
        except RuntimeError:
            # Neither the package's folder nor the user's cache can be written.
            return cast(Loop, numba.njit(signature, **options)(loop))

    return compile_loop
