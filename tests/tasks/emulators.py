"""A small emulator and pairs for the tests of the task."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from fxstyle.data.pair import Pair, PairSet
from fxstyle.models.emulator import ConditionedValues, Emulator, State

RATE = 8000


class Leaky(Emulator):
    """``y[n] = gain * x[n] + leak * y[n - 1]``: a gain by setting, and a memory that does not end."""

    receptive_field = 33

    def __init__(self, conditions: int = 0, leak: float = 0.0) -> None:
        super().__init__()
        self.conditions = conditions
        self.gain = ConditionedValues(torch.zeros(1), conditions)
        self.leak = nn.Parameter(torch.tensor(float(leak)))

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        return (torch.zeros(batch, 1, 1),)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        gain = self.gain(condition, len(audio))[:, :, None]
        last, made = state[0], []
        for sample in audio.split(1, dim=2):
            last = gain * sample + self.leak * last
            made.append(last)
        return torch.cat(made, dim=2), (last,)


def gain_pairs(samples: int = 400, gains: tuple[float, ...] = (0.5, -2.0), leak: float = 0.0) -> PairSet:
    """Noise through a :class:`Leaky` at some gains, one setting each."""
    pairs = []
    for place, split in enumerate(("train", "val", "test")):
        dry = np.random.default_rng(place).standard_normal((1, samples)).astype(np.float32) * 0.1
        for setting, gain in enumerate(gains):
            model = Leaky(leak=leak)
            model.gain.assign(torch.tensor([gain]))
            with torch.no_grad():
                wet = model(torch.from_numpy(dry)[None])[0].numpy()
            condition = np.eye(len(gains), dtype=np.float32)[setting] if len(gains) > 1 else np.zeros(0, np.float32)
            pairs.append(Pair(f"{split}/{setting}", split, split, setting, dry, wet, condition))  # type: ignore[arg-type]
    names = tuple(f"g{setting}" for setting in range(len(gains))) if len(gains) > 1 else ("",)
    conditions = np.eye(len(gains), dtype=np.float32) if len(gains) > 1 else np.zeros((1, 0), np.float32)
    return PairSet("leaky", RATE, names, conditions, names if len(gains) > 1 else (), tuple(pairs))
