"""Models of known parts, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import signature
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError
from fxstyle.models.emulator import Emulator, State


class GreyChain(Emulator):
    """Emulators in series, each with the same condition.

    Args:
        blocks: What makes each block; it is given those of the other arguments that it takes.
        conditions: Size of the condition.
        sample_rate: In Hz.
        lfo_hz: Rates by condition, where the LFO is given.

    Raises:
        InputError: There is no block, or one is no emulator.
    """

    def __init__(
        self,
        blocks: Sequence[Callable[..., Emulator]],
        conditions: int = 0,
        sample_rate: int = 44100,
        lfo_hz: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if not blocks:
            raise InputError("grey_box is empty: list the blocks of the chain, each with _target_ and _partial_: true")
        given = {"conditions": conditions, "sample_rate": sample_rate, "lfo_hz": lfo_hz}
        made = []
        for number, block in enumerate(blocks):
            if not callable(block) or isinstance(block, nn.Module):
                raise InputError(f"grey_box[{number}] is not a block that can still be made: add _partial_: true to it")
            taken = signature(block).parameters
            made.append(block(**{name: value for name, value in given.items() if name in taken}))
            if not isinstance(made[-1], Emulator):
                raise InputError(
                    f"grey_box[{number}] makes a {type(made[-1]).__name__}, which is not an emulation model"
                )
        self.blocks = nn.ModuleList(made)
        self.conditions = conditions
        self.receptive_field = 1 + sum(block.receptive_field - 1 for block in made)
        ends = [0]
        for block in made:
            ends.append(ends[-1] + len(block.initial_state(1)))
        self._states = [slice(*bounds) for bounds in pairwise(ends)]

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """See :meth:`Emulator.initial_state`: the blocks' states, one after the other."""
        return tuple(part for block in self._emulators() for part in block.initial_state(batch, seconds))

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        after: list[Tensor] = []
        for block, part in zip(self._emulators(), self._states, strict=True):
            audio, own = block.stream(audio, state[part], condition if block.conditions else None)
            after.extend(own)
        return audio, tuple(after)

    @torch.no_grad()
    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Identify each block in turn as if it were the last, on what the blocks before it make of the dry sound.

        Every block so explains what those before it leave. Put first what explains most.
        """
        for number, block in enumerate(self._emulators()):
            block.identify(pairs, sample_rate)
            if number + 1 < len(self.blocks):
                pairs = [replace(pair, dry=_through(block, pair)) for pair in pairs]

    def _emulators(self) -> list[Emulator]:
        return [block for block in self.blocks if isinstance(block, Emulator)]


def _through(block: Emulator, pair: Pair) -> NDArray[np.float32]:
    condition = torch.from_numpy(pair.condition)[None].to(block.device) if block.conditions else None
    seconds = torch.tensor([pair.seconds], dtype=torch.float64, device=block.device)
    return block(torch.from_numpy(pair.dry)[None].to(block.device), condition, seconds)[0].cpu().numpy()
