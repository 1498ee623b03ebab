"""Checks that every emulator must pass, shared by the tests of all of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fxstyle.models.emulator import Emulator, State

pytestmark = pytest.mark.unit

BLOCKS = (1, 16, 64, 127, 4096)
RATE = 44100


def conditions_of(model: Emulator, batch: int) -> Tensor | None:
    """A condition per item ``(batch, conditions)``: one preset each, as far as there are some."""
    if not model.conditions:
        return None
    return torch.nn.functional.one_hot(torch.arange(batch) % model.conditions, model.conditions).float()


@torch.no_grad()
def streamed(
    model: Emulator, audio: Tensor, block: int, state: State, condition: Tensor | None = None
) -> tuple[Tensor, State]:
    """A sound in blocks, and the state after it."""
    parts: list[Tensor] = []
    for part in audio.split(block, dim=-1):
        output, state = model.stream(part, state, condition)
        assert output.shape == part.shape
        assert all(isinstance(kept, Tensor) and len(kept) == len(audio) for kept in state)
        parts.append(output)
    return torch.cat(parts, dim=-1), state


@torch.no_grad()
def check_streaming(model: Emulator, seconds: float = 0.2, samples: int = 4500, tolerance: float = 1e-5) -> None:
    """A sound in blocks of any size is the sound in one, from reset and from ``seconds`` after it.

    Blocks of one sample are slow, so that only the last 600 samples are compared, after one long block that fills the
    model's memory.
    """
    model.eval()
    generator = torch.Generator().manual_seed(0)
    audio = 0.3 * torch.randn(2, 1, samples, generator=generator)
    audio[1, :, : samples // 4] = 0.0
    condition = conditions_of(model, 2)
    for since_reset in (None, torch.tensor([seconds, seconds + 61.7], dtype=torch.float64)):
        whole = model(audio, condition, since_reset)
        assert whole.shape == audio.shape
        assert whole.dtype == torch.float32
        for block in BLOCKS:
            few = audio[..., -600:] if block == 1 else audio
            state = model.initial_state(2, since_reset)
            if block == 1:
                _, state = model.stream(audio[..., :-600], state, condition)
            output, _ = streamed(model, few, block, state, condition)
            difference = (output - whole[..., -few.shape[-1] :]).abs().max()
            assert float(difference) <= tolerance, f"blocks of {block}: {float(difference)}"
    # Later input is not heard before, and an item does not hear another.
    changed = audio.clone()
    changed[0, :, samples // 2 :] = 0.7
    output, before = model(changed, condition), model(audio, condition)
    assert torch.allclose(output[0, :, : samples // 2], before[0, :, : samples // 2], atol=tolerance)
    assert torch.allclose(output[1], before[1], atol=tolerance)


@torch.no_grad()
def check_finite(model: Emulator, samples: int = 44100) -> None:
    """Sounds that a model never heard in training leave it finite: 12 dB too loud, silence, DC and impulses."""
    model.eval()
    time = torch.arange(samples) / RATE
    loud = 10 ** (12 / 20) * torch.sin(2 * math.pi * 110.0 * time)
    impulses = torch.zeros(samples)
    impulses[::5000] = 1.0
    impulses[2500::5000] = -4.0
    audio = torch.stack((loud, torch.zeros(samples), torch.ones(samples), impulses))[:, None]
    output = model(audio, conditions_of(model, len(audio)))
    assert bool(torch.isfinite(output).all())
    # What comes back does not grow: the last third is no louder than 12 dB over the loudest before it.
    first, last = output[..., : -samples // 3].abs().amax(-1), output[..., -samples // 3 :].abs().amax(-1)
    assert bool((last <= 4.0 * first + 1e-3).all())


class _Average(Emulator):
    """The mean of a sample and the one before; ``forgets`` drops the one before at block ends."""

    receptive_field = 2

    def __init__(self, forgets: bool = False) -> None:
        super().__init__()
        self.forgets = forgets

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        return (torch.zeros(batch, 1, 1),)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        joined = torch.cat((state[0], audio), dim=-1)
        after = torch.zeros_like(state[0]) if self.forgets else joined[..., -1:]
        return (joined[..., 1:] + joined[..., :-1]) / 2, (after,)


def test_checks_pass_for_a_model_that_remembers() -> None:
    check_streaming(_Average())
    check_finite(_Average())


def test_checks_find_a_model_that_forgets() -> None:
    with pytest.raises(AssertionError, match="blocks of 1"):
        check_streaming(_Average(forgets=True))
