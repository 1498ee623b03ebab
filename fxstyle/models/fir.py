"""Reverb, or any linear effect, as one long impulse response."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import fft, ndimage
from torch import Tensor
from torch.nn.functional import conv1d

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError
from fxstyle.models.emulator import ConditionedValues, Emulator, State
from fxstyle.models.identification import by_setting, set_by_condition
from fxstyle.models.linear_identification import ENOUGH_SECONDS, excerpts, impulse_response

DIRECT_PRODUCTS = 1 << 22
"""Multiplications of a block up to which sums of products beat the FFT."""


def causal_convolve(past: Tensor, audio: Tensor, taps: Tensor) -> Tensor:
    """A block ``(batch, samples)`` through an impulse response of its item ``(batch, taps)``.

    Args:
        past: The ``taps - 1`` samples before the block ``(batch, taps - 1)``.
        audio: The block.
        taps: From the newest sample to the oldest.
    """
    samples, length = audio.shape[-1], taps.shape[-1]
    heard = torch.cat([past, audio], dim=-1)
    if torch.onnx.is_in_onnx_export():
        # Graphs know no FFT: every item through every item's response, of which its own is kept.
        crossed = conv1d(heard.unsqueeze(1), taps.flip(-1).unsqueeze(1))
        return (crossed * torch.eye(len(taps), device=taps.device).unsqueeze(-1)).sum(1)
    if samples * length <= DIRECT_PRODUCTS and samples <= 64:
        windows = heard.unfold(-1, length, 1)
        return (windows @ taps.flip(-1).unsqueeze(-1)).squeeze(-1)
    # The first samples wrap around, and only they.
    size = fft.next_fast_len(samples + length - 1, real=True)
    product = torch.fft.rfft(heard, size) * torch.fft.rfft(taps, size)
    return torch.fft.irfft(product, size)[..., length - 1 : length - 1 + samples]


class FIRReverb(Emulator):
    """A direct gain and an impulse response, each of the condition's own.

    A gradient step changes every tap by so much of ``envelope``, since one step for all would drown a faint tail.

    Args:
        conditions: Size of the condition.
        sample_rate: In Hz.
        seconds: Length of the impulse response.

    Raises:
        InputError: It is shorter than two samples.
    """

    envelope: Tensor

    def __init__(self, conditions: int = 0, sample_rate: int = 44100, seconds: float = 3.0) -> None:
        super().__init__()
        taps = round(seconds * sample_rate)
        if taps < 2:
            raise InputError(f"model.seconds must be at least two samples, not {seconds} s")
        self.conditions = conditions
        self.receptive_field = taps
        self.direct = ConditionedValues(torch.ones(1), conditions)
        self.tail = ConditionedValues(torch.zeros(taps - 1), conditions)
        # Down by 60 dB at the end.
        self.register_buffer("envelope", 0.01 * 10 ** (-3 * torch.arange(1, taps) / taps))

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """See :meth:`Emulator.initial_state`: the ``taps - 1`` samples before."""
        return (torch.zeros(batch, self.receptive_field - 1, device=self.device),)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        (past,) = state
        sound = audio[:, 0]
        wet = causal_convolve(past, sound, self.response(condition, len(sound)))
        return wet.unsqueeze(1), (torch.cat([past, sound], dim=-1)[:, sound.shape[-1] :],)

    def response(self, condition: Tensor | None, batch: int = 1) -> Tensor:
        """The impulse responses ``(batch, taps)``."""
        tail = self.tail(condition, batch) * self.envelope
        return torch.cat([self.direct(condition, batch), tail], dim=-1)

    @torch.no_grad()
    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Take each setting's impulse response by least squares from its pairs."""
        groups = list(by_setting(pairs))
        conditions = np.stack([condition for condition, _ in groups])
        responses = np.stack(
            [
                impulse_response(*excerpts(group, ENOUGH_SECONDS, sample_rate), self.receptive_field)
                for _, group in groups
            ]
        )
        # RMS over 10 ms of the loudest setting, never wholly silent.
        power = ndimage.uniform_filter1d(responses[:, 1:] ** 2, round(0.01 * sample_rate) | 1, axis=1).max(axis=0)
        envelope = np.sqrt(power.clip(1e-6 * power.max() + 1e-20))
        self.envelope.copy_(torch.from_numpy(envelope))
        set_by_condition(self.direct, conditions, torch.from_numpy(responses[:, :1]))
        set_by_condition(self.tail, conditions, torch.from_numpy(responses[:, 1:] / envelope))
