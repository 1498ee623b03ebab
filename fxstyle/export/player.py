"""Whatever plays a sound block by block, whichever program computes it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fxstyle.models.emulator import Emulator, State


class Player(Protocol):
    """A model at one setting, with the memory of what it has played.

    Attributes:
        sample_rate: In Hz.
        latency: Samples that the output comes late.
    """

    sample_rate: int
    latency: int

    def play(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next block, ``(channels, samples)`` of the same shape; each channel for itself."""


class TorchPlayer:
    """A model in torch.

    Args:
        model: In eval mode.
        sample_rate: In Hz.
        condition: ``(conditions,)``.
        latency: In samples.
    """

    def __init__(self, model: Emulator, sample_rate: int, condition: tuple[float, ...] = (), latency: int = 0) -> None:
        self.sample_rate = sample_rate
        self.latency = latency
        self._model = model
        self._condition = condition
        self._state: State | None = None

    @torch.inference_mode()
    def play(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`Player.play`."""
        audio = torch.from_numpy(np.ascontiguousarray(block, dtype=np.float32)).to(self._model.device)[:, None]
        if self._state is None:
            self._state = self._model.initial_state(len(audio))
        condition = None
        if self._model.conditions:
            condition = torch.tensor(self._condition, device=audio.device).expand(len(audio), -1)
        output, self._state = self._model.stream(audio, self._state, condition)
        return output[:, 0].cpu().numpy()
