"""Small models, as if they had been trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from fxstyle.export.emulation import TrainedEmulator
from fxstyle.models.emulator import Emulator, State
from fxstyle.models.recurrent import Recurrent
from fxstyle.models.wavenet import WaveNet

RATE = 8000
DILATIONS = [[1, 2, 8], [4, 1]]


def lively(model: Emulator, seed: int = 0) -> Emulator:
    """Random weights large enough that a misplaced one is heard."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


def trained(model: Emulator, name: str = "drive", **others: object) -> TrainedEmulator:
    """A model with presets ``a``, ``b`` and so on where it has conditions."""
    count = model.conditions
    names = tuple("abcdef"[:count])
    emulation = TrainedEmulator(
        model=model,
        name=name,
        sample_rate=RATE,
        settings=names or ("",),
        setting_conditions=tuple(tuple(float(one == other) for other in names) for one in names) or ((),),
        condition_names=names,
        lfo_hz=None,
        latency=0,
        scores={"val/esr/macro": 0.25},
        licence="CC0",
    )
    return replace(emulation, **others)  # type: ignore[arg-type]


def wavenet(conditions: int = 0, **others: object) -> WaveNet:
    model = WaveNet([3, 2], DILATIONS, head_scale=0.5, conditions=conditions, **others)  # type: ignore[arg-type]
    lively(model)
    return model


def lstm(conditions: int = 0, layers: int = 1, **others: object) -> Recurrent:
    model = Recurrent(hidden=4, layers=layers, conditions=conditions, **others)  # type: ignore[arg-type]
    lively(model)
    return model


class Clock(Emulator):
    """A gain that swings with the time in a float64 state, beside a counter in int64."""

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        return torch.zeros(batch, dtype=torch.float64), torch.zeros(batch, dtype=torch.int64)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        seconds, count = state
        samples = audio.shape[-1]
        times = seconds[:, None] + torch.arange(samples, dtype=torch.float64) / RATE
        swing = torch.sin(2 * torch.pi * 3 * times).float()
        return audio * swing[:, None], (seconds + samples / RATE, count + samples)


class Loop(Emulator):
    """A one-pole filter, sample after sample in Python."""

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        return (torch.zeros(batch),)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        (last,) = state
        outputs = []
        for sample in audio[:, 0].unbind(-1):
            last = 0.5 * last + sample
            outputs.append(last)
        return torch.stack(outputs, -1)[:, None], (last,)


class _Outside(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, audio: Tensor) -> Tensor:
        return torch.from_numpy(audio.numpy() * 2)


class Outside(Emulator):
    """Computes in NumPy, as the recursions in machine code do."""

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        return (torch.zeros(batch),)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        return _Outside.apply(audio), state


class Forgetful(Emulator):
    """Adds how long the block is: what it plays depends on the blocks."""

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        return (torch.zeros(batch),)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        return audio + 1e-3 * int(audio.shape[-1]), state


def knobs(**positions: tuple[float, ...]) -> Mapping[str, object]:
    """What a device with knobs has instead of presets: positions of each setting by knob."""
    rows = tuple(zip(*positions.values(), strict=True))
    return {
        "condition_names": tuple(positions),
        "setting_conditions": rows,
        "settings": tuple(f"setting{number}" for number in range(len(rows))),
    }
