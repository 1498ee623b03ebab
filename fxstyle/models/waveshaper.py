"""Distortion as its circuit has it: filter, bent curve, filter, between capacitors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError
from fxstyle.models.coupling_capacitor import CouplingCapacitor
from fxstyle.models.emulator import ConditionedValues, Emulator, State
from fxstyle.models.fir import causal_convolve
from fxstyle.models.identification import by_setting, set_by_condition
from fxstyle.models.linear_identification import excerpts

SPAN = 8.0
"""The curve's table reaches to ``+-sinh(SPAN)``, some +-1,500, and stays level beyond."""
GAINS_DB = tuple(range(0, 66, 6))
IDENTIFICATION_SECONDS = 30.0


class Waveshaper(Emulator):
    """``output(post * curve(gain pre * input(x)) + clean * input(x))``: Wiener and Hammerstein, beside a clean path.

    ``input`` and ``output`` are coupling capacitors, ``pre``, ``post`` and ``clean`` short impulse responses. The curve
    is a table over the inverse hyperbolic sine of its input, which resolves faint and loud sound alike, read by cubic
    interpolation (Catmull-Rom). All but the capacitors' currents is the condition's own. Silence gives silence, since
    the curve counts from its value at rest.

    Args:
        conditions: Size of the condition.
        sample_rate: In Hz.
        taps: Samples of each impulse response.
        knots: Places of the curve's table.
        input_hz: Corner frequency of the input's capacitor before training.
        output_hz: Corner frequency of the output's capacitor before training.

    Raises:
        InputError: There are too few taps or knots.
    """

    def __init__(
        self,
        conditions: int = 0,
        sample_rate: int = 44100,
        taps: int = 64,
        knots: int = 65,
        input_hz: float = 10.0,
        output_hz: float = 10.0,
    ) -> None:
        super().__init__()
        if taps < 2:
            raise InputError(f"model.taps must be at least 2, not {taps}")
        if knots < 4:
            raise InputError(f"model.knots must be at least 4, not {knots}")
        self.conditions = conditions
        self.receptive_field = round(0.1 * sample_rate) + 2 * taps
        self.input = CouplingCapacitor(input_hz, sample_rate, conditions)
        self.output = CouplingCapacitor(output_hz, sample_rate, conducts=False)
        impulse = torch.zeros(taps)
        impulse[0] = 1.0
        self.log_gain = ConditionedValues(torch.tensor([np.log(10.0)]), conditions)
        self.pre = ConditionedValues(impulse, conditions)
        self.post = ConditionedValues(0.3 * impulse, conditions)
        self.clean = ConditionedValues(torch.zeros(taps), conditions)
        self.curve = ConditionedValues(torch.linspace(-SPAN, SPAN, knots).sinh().tanh(), conditions)

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """See :meth:`Emulator.initial_state`: two charges, and the past before ``pre`` and before ``post``."""
        device = self.device
        charge = torch.zeros(batch, 1, dtype=torch.float64, device=device)
        past = torch.zeros(batch, self.pre.base.numel() - 1, device=device)
        return charge, charge.clone(), past, past.clone()

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        into, out, before_pre, before_post = state
        sound = audio[:, 0]
        batch, samples = sound.shape
        sound, into = self.input(sound, into, condition)
        driven = causal_convolve(before_pre, sound, self.pre(condition, batch))
        bent = self.shape(driven * self.log_gain(condition, batch).exp(), condition)
        wet = causal_convolve(before_post, bent, self.post(condition, batch))
        wet = wet + causal_convolve(before_pre, sound, self.clean(condition, batch))
        wet, out = self.output(wet, out, condition)
        before_pre, before_post = (
            torch.cat([past, block], dim=-1)[:, samples:] for past, block in ((before_pre, sound), (before_post, bent))
        )
        return wet.unsqueeze(1), (into, out, before_pre, before_post)

    def shape(self, driven: Tensor, condition: Tensor | None) -> Tensor:
        """The curve, less its value at rest, of ``(batch, samples)``."""
        table = self.curve(condition, len(driven))
        knots = table.shape[-1]
        step = 2 * SPAN / (knots - 1)
        # Level beyond its ends: the first and last knot count once more.
        table = torch.cat([table[:, :1], table, table[:, -1:]], dim=-1)
        heard = torch.cat([driven.new_zeros(len(driven), 1), driven], dim=-1)
        place = ((heard.asinh() + SPAN) / step).clamp(0.0, knots - 1.001)
        below = place.detach().floor()
        part = place - below
        index = below.long()
        a, b, c, d = (table.gather(-1, index + offset) for offset in range(4))
        bent = b + 0.5 * part * (c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)))
        return bent[:, 1:] - bent[:, :1]

    @torch.no_grad()
    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Start from the gain before a saturation that, with both paths by least squares, leaves the least over."""
        taps = self.pre.base.numel()
        groups = list(by_setting(pairs))
        found = []
        for _, group in groups:
            dry, wet = excerpts(group, IDENTIFICATION_SECONDS, sample_rate)
            fits = []
            for decibels in GAINS_DB:
                gain = 10 ** (decibels / 20)
                left, responses = two_path_fit(dry, [np.tanh(gain * sound) for sound in dry], wet, taps)
                fits.append((left, np.array([np.log(gain), *responses])))
            found.append(min(fits, key=lambda fit: fit[0])[1])
        conditions = np.stack([condition for condition, _ in groups])
        parts = torch.from_numpy(np.stack(found)).tensor_split((1, 1 + taps), dim=1)
        for part, values in zip((self.log_gain, self.clean, self.post), parts, strict=True):
            set_by_condition(part, conditions, values)


def two_path_fit(
    clean: Sequence[NDArray[np.float64]],
    bent: Sequence[NDArray[np.float64]],
    wet: Sequence[NDArray[np.float64]],
    taps: int,
) -> tuple[float, NDArray[np.float64]]:
    """Two impulse responses that together bring two sounds nearest to a third, by least squares.

    Args:
        clean: Recordings ``(samples,)`` for the first response.
        bent: The same for the second.
        wet: What is wanted.
        taps: Samples of each response.

    Returns:
        The energy left over, and both responses one after the other ``(2 taps,)``.
    """
    products, towards, energy = np.zeros((2 * taps, 2 * taps)), np.zeros(2 * taps), 0.0
    lags = np.arange(taps)
    for sounds in zip(clean, bent, wet, strict=True):
        size = fft.next_fast_len(len(sounds[0]) + taps, real=True)
        spectra = [fft.rfft(sound, size) for sound in sounds]
        energy += float(sounds[2] @ sounds[2])
        for row in range(2):
            towards[row * taps : (row + 1) * taps] += fft.irfft(spectra[row].conj() * spectra[2], size)[:taps]
            for column in range(2):
                # What a recording's last taps lack of a whole convolution does not count.
                shared = fft.irfft(spectra[row].conj() * spectra[column], size)
                products[row * taps : (row + 1) * taps, column * taps : (column + 1) * taps] += shared[
                    lags[:, None] - lags
                ]
    ridge = 1e-7 * np.diag(np.repeat(np.diag(products)[[0, taps]], taps) + 1e-12)
    responses = np.linalg.solve(products + ridge, towards)
    return energy - 2 * float(towards @ responses) + float(responses @ products @ responses), responses  # type: ignore[return-value]
