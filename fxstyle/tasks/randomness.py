"""Randomness of the model, keyed so that resumed runs equal straight ones."""

from __future__ import annotations

import numpy as np
import torch


def step_generator(device: torch.device, *key: int) -> torch.Generator:
    """A generator on a device that is a pure function of the key (seed, epoch, batch, rank)."""
    state = np.random.SeedSequence(key).generate_state(2, np.uint32)
    generator = torch.Generator(device=device)
    generator.manual_seed(int(state[0]) << 31 ^ int(state[1]))
    return generator
