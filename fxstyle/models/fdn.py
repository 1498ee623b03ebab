"""Reverb of few values: a feedback delay network."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import hadamard
from torch import Tensor

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError
from fxstyle.features.reverberation import OCTAVES_HZ, octave_band, octave_times
from fxstyle.models.band_filter import band_cepstra, minimum_phase
from fxstyle.models.emulator import ConditionedValues, Emulator, State
from fxstyle.models.fir import causal_convolve
from fxstyle.models.identification import by_setting, set_by_condition
from fxstyle.models.linear_identification import ENOUGH_SECONDS, excerpts, impulse_response

Floats = NDArray[np.float64]
LINES = 16
DELAY_SECONDS = (0.008, 0.06)
"""Shortest and longest delay line."""
LOSS_TAPS, TONE_TAPS = 128, 2048
TONE_HZ = (63.0, *OCTAVES_HZ, 16000.0)
CORRECTIONS = 6
"""Times that the network is measured and its bands are set right."""


def prime_delays(lines: int, sample_rate: int) -> list[int]:
    """Delays in samples over :data:`DELAY_SECONDS` in equal ratios: primes, so that their echoes do not coincide."""
    delays: list[int] = []
    for wanted in np.geomspace(*DELAY_SECONDS, lines) * sample_rate:
        delay = max(2, round(wanted))
        while delay in delays or any(delay % divisor == 0 for divisor in range(2, int(delay**0.5) + 1)):
            delay += 1
        delays.append(delay)
    return delays


class FDN(Emulator):
    """A direct sound, a few early taps, and delay lines that feed each other through an orthogonal matrix.

    Each line loses what its length makes of one RT60 per octave band (125 Hz to 8 kHz), by a short minimum-phase
    filter; the sound that enters passes a tone filter of gains by octave. Delays and matrix (Hadamard) are fixed. All
    other values are the condition's own: 177 with the default early taps.

    Args:
        conditions: Size of the condition.
        sample_rate: In Hz, at least 24 kHz.
        early_taps: Samples of the early response, the direct sound included.
        seconds: What a loss should let it hear before, and the length of the response it is identified from.

    Raises:
        InputError: The early response leaves nothing or reaches beyond the shortest delay.

    Source: Jot and Chaigne 1991, "Digital delay networks for designing artificial reverberators".
    """

    matrix: Tensor
    loss_cepstra: Tensor
    tone_cepstra: Tensor
    delays: Tensor

    def __init__(
        self, conditions: int = 0, sample_rate: int = 44100, early_taps: int = 128, seconds: float = 3.0
    ) -> None:
        super().__init__()
        delays = prime_delays(LINES, sample_rate)
        if not 0 < early_taps <= delays[0]:
            raise InputError(f"model.early_taps must be 1 to {delays[0]}, the shortest delay, not {early_taps}")
        self.conditions = conditions
        self.sample_rate = sample_rate
        self.receptive_field = round(seconds * sample_rate)
        self._shortest = delays[0]
        self._line = delays[-1] + LOSS_TAPS - 1
        early = torch.zeros(early_taps)
        early[0] = 1.0
        signs = torch.where(torch.randn(2, LINES, generator=torch.Generator().manual_seed(0)) > 0, 0.25, -0.25)
        self.early = ConditionedValues(early, conditions)
        self.inputs = ConditionedValues(signs[0], conditions)
        self.outputs = ConditionedValues(signs[1], conditions)
        self.log_seconds = ConditionedValues(torch.zeros(len(OCTAVES_HZ)), conditions)
        self.log_tone = ConditionedValues(torch.full((len(TONE_HZ),), log(0.3)), conditions)
        self.register_buffer("delays", torch.tensor(delays))
        self.register_buffer("matrix", torch.from_numpy(hadamard(LINES)).float() / LINES**0.5, persistent=False)
        self.register_buffer("loss_cepstra", band_cepstra(OCTAVES_HZ, sample_rate, LOSS_TAPS), persistent=False)
        self.register_buffer("tone_cepstra", band_cepstra(TONE_HZ, sample_rate, TONE_TAPS), persistent=False)

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """See :meth:`Emulator.initial_state`: the past input, and what the lines took."""
        device = self.device
        return torch.zeros(batch, TONE_TAPS - 1, device=device), torch.zeros(batch, LINES, self._line, device=device)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        past, lines = state
        sound = audio[:, 0]
        batch, samples = sound.shape
        inputs, outputs = (values(condition, batch).unsqueeze(-1) for values in (self.inputs, self.outputs))
        early = self.early(condition, batch)
        direct = causal_convolve(past[:, TONE_TAPS - early.shape[-1] :], sound, early)
        toned = causal_convolve(past, sound, minimum_phase(self.log_tone(condition, batch), self.tone_cepstra))
        losses = self._losses(condition, batch).flip(-1).unsqueeze(-1)
        tails = []
        for block in toned.split(self._shortest, dim=-1):
            length = block.shape[-1]
            reads = self._line - self.delays - (LOSS_TAPS - 1)
            places = reads[:, None] + torch.arange(length + LOSS_TAPS - 1, device=lines.device)
            heard = lines.gather(-1, places.expand(batch, -1, -1)).unfold(-1, LOSS_TAPS, 1)
            back = (heard @ losses).squeeze(-1)
            tails.append((outputs * back).sum(1))
            lines = torch.cat([lines, self.matrix @ back + inputs * block.unsqueeze(1)], dim=-1)[..., length:]
        past = torch.cat([past, sound], dim=-1)[:, samples:]
        return (direct + torch.cat(tails, dim=-1)).unsqueeze(1), (past, lines)

    def _losses(self, condition: Tensor | None, batch: int) -> Tensor:
        """Each line's filter ``(batch, lines, taps)``."""
        # 60 dB are a factor of 1000. Below 10 ms and above 100 s is no reverb.
        times = self.log_seconds(condition, batch).clamp(log(0.01), log(100.0)).exp()
        gains = -log(1000.0) * self.delays[:, None] / (self.sample_rate * times[:, None, :])
        return minimum_phase(gains, self.loss_cepstra)

    @torch.no_grad()
    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Match RT60 and energy by octave band to each setting's impulse response; early taps are copied from it.

        The lines' own echoes cannot be those of a room or plate, so a loss of samples has nothing to say about them.
        """
        groups = list(by_setting(pairs))
        parts = (self.early, self.log_seconds, self.log_tone)
        responses = [
            impulse_response(*excerpts(group, ENOUGH_SECONDS, sample_rate), self.receptive_field) for _, group in groups
        ]
        conditions = np.stack([condition for condition, _ in groups])
        taps = self.early.base.numel()
        early = np.stack([response[:taps] for response in responses])
        wanted = np.stack([self._measure(response) for response in responses])
        bands = len(OCTAVES_HZ)
        values = wanted.copy()
        values[:, bands:] = log(0.3)
        for correction in range(CORRECTIONS + 1):
            found = [torch.from_numpy(value) for value in (early, values[:, :bands], values[:, bands:])]
            for part, value in zip(parts, found, strict=True):
                set_by_condition(part, conditions, value)
            if correction < CORRECTIONS:
                values += wanted - self._measured(conditions)

    def _measured(self, conditions: NDArray[np.float32]) -> Floats:
        given = torch.from_numpy(conditions).to(self.device) if self.conditions else None
        impulse = torch.zeros(len(conditions), 1, self.receptive_field, device=self.device)
        impulse[:, :, 0] = 1.0
        return np.stack([self._measure(response[0]) for response in self(impulse, given).double().cpu().numpy()])

    def _measure(self, response: Floats) -> Floats:
        """Logarithms of RT60 by octave band, and of the amplitude behind the early taps by band of the tone filter.

        An identified response carries noise; what that costs is the same for a network's own, to which it is compared.
        """
        for bottom_db in (-25.0, -15.0):
            times = np.array(list(octave_times(response, self.sample_rate, -5.0, bottom_db, noisy=True).values()))
            if np.isfinite(times).all():
                break
        if not np.isfinite(times).any():
            raise InputError("no octave of the identified response dies away by 15 dB: give longer training recordings")
        times = np.where(np.isfinite(times), times, np.nanmean(times))
        late = np.square([octave_band(response, hz, self.sample_rate) for hz in TONE_HZ])[:, self.early.base.numel() :]
        noise = late[:, -late.shape[1] // 10 :].mean(axis=1, keepdims=True)
        energy = np.maximum((late - noise).sum(axis=1), 1e-12)
        return np.concatenate([np.log(times), 0.5 * np.log(energy)])
