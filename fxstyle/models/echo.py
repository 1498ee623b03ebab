"""Echoes: a delay line whose feedback passes a filter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError
from fxstyle.models.emulator import ConditionedValues, Emulator, State
from fxstyle.models.identification import by_setting, set_by_condition
from fxstyle.models.linear_identification import excerpts, impulse_response

Floats = NDArray[np.float64]
PEAK_SECONDS = 40.0
"""Audio of a setting in which the delay is looked for."""
CANDIDATES = 6
"""Peaks of the response that are tried: echoes of echoes, and what music repeats, make some too."""
REGRESSION_SECONDS = 90.0
"""Audio of a setting from which levels and filter are fitted."""


class Echo(Emulator):
    """``dry x + wet d`` with ``d = filter * (x + feedback d)`` a delay ago; all values are the condition's own.

    The delay is in fractions of samples, read by cubic interpolation (Lagrange). The filter's gain is 1 at most and the
    feedback below 1, so that no setting runs away.

    Args:
        conditions: Size of the condition.
        sample_rate: In Hz.
        shortest_seconds: Shortest delay; sound is processed in blocks of this length.
        longest_seconds: Longest delay.
        filter_taps: Taps of the filter.

    Raises:
        InputError: The delays leave no room for the filter, or no filter is left.
    """

    def __init__(
        self,
        conditions: int = 0,
        sample_rate: int = 44100,
        shortest_seconds: float = 0.02,
        longest_seconds: float = 1.0,
        filter_taps: int = 9,
    ) -> None:
        super().__init__()
        # Samples from the newest to the nominal delay: the middle of the filter, one of the interpolation.
        self._early = filter_taps // 2 + 1
        self._shortest = round(shortest_seconds * sample_rate)
        self._longest = round(longest_seconds * sample_rate)
        if filter_taps < 1:
            raise InputError(f"model.filter_taps must be at least 1, not {filter_taps}")
        if not self._early < self._shortest < self._longest:
            raise InputError(
                f"model.shortest_seconds must lie above {self._early} samples and below model.longest_seconds, not "
                f"{shortest_seconds} s"
            )
        self.conditions = conditions
        self.receptive_field = 3 * self._longest
        self.delay = ConditionedValues(torch.full((1,), 0.5 * (self._shortest + self._longest)), conditions)
        self.dry = ConditionedValues(torch.ones(1), conditions)
        self.wet = ConditionedValues(torch.full((1,), 0.3), conditions)
        self.feedback = ConditionedValues(torch.full((1,), 0.3), conditions)
        self.filter = ConditionedValues(functional.one_hot(torch.tensor(filter_taps // 2), filter_taps), conditions)

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """See :meth:`Emulator.initial_state`: what the delay line took, oldest first."""
        return (torch.zeros(batch, self._longest + self._early + 4, device=self.device),)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        (line,) = state
        sound = audio[:, 0]
        dry, wet, feedback = (v(condition, len(sound)) for v in (self.dry, self.wet, self.feedback))
        whole, kernel = self._read(condition, len(sound))
        reach = kernel.shape[-1] - 1
        outputs = []
        # Nothing that a block puts into the line is read in it.
        for block in sound.split(self._shortest - self._early, dim=-1):
            first = line.shape[-1] - whole - (reach - self._early)
            places = first + torch.arange(block.shape[-1] + reach, device=line.device)
            taken = line.gather(-1, places).unfold(-1, reach + 1, 1)
            delayed = (taken @ kernel.flip(-1).unsqueeze(-1)).squeeze(-1)
            outputs.append(dry * block + wet * delayed)
            line = torch.cat([line, block + feedback.tanh() * delayed], dim=-1)[:, block.shape[-1] :]
        return torch.cat(outputs, dim=-1).unsqueeze(1), (line,)

    def _read(self, condition: Tensor | None, batch: int) -> tuple[Tensor, Tensor]:
        """Whole samples of delay ``(batch, 1)``, and the filter with the rest of it ``(batch, taps + 3)``."""
        delay = self.delay(condition, batch).clamp(self._shortest, self._longest)
        whole = delay.detach().floor().long()
        part = delay - whole
        lagrange = torch.cat(
            [
                -part * (part - 1) * (part - 2) / 6,
                (part + 1) * (part - 1) * (part - 2) / 2,
                -(part + 1) * part * (part - 2) / 2,
                (part + 1) * part * (part - 1) / 6,
            ],
            dim=-1,
        )
        taps = self.filter(condition, batch)
        taps = taps / taps.abs().sum(dim=-1, keepdim=True).clamp_min(1e-6)
        kernel = sum(functional.pad(taps * lagrange[:, place : place + 1], (place, 3 - place)) for place in range(4))
        return whole, kernel  # type: ignore[return-value]

    @torch.no_grad()
    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Read each setting's delay from the peak of its impulse response, and fit the rest by least squares."""
        groups = list(by_setting(pairs))
        conditions = np.stack([condition for condition, _ in groups])
        found = np.stack([self._fit(group, sample_rate) for _, group in groups])
        parts = (self.delay, self.dry, self.wet, self.feedback, self.filter)
        for part, values in zip(parts, np.split(found, [1, 2, 3, 4], axis=1), strict=True):
            set_by_condition(part, conditions, torch.from_numpy(values))

    def _fit(self, pairs: Sequence[Pair], sample_rate: int) -> Floats:
        """Delay, dry and wet level, feedback before its bound and filter of one setting, ``(4 + taps,)``."""
        dry, wet = excerpts(pairs, PEAK_SECONDS, sample_rate)
        size = np.abs(impulse_response(dry, wet, self._longest + 1, steps=6))
        size[: self._shortest] = 0.0
        taps = self.filter.base.numel()
        candidates = []
        for _ in range(CANDIDATES):
            delay = int(size.argmax())
            size[max(0, delay - taps) : delay + taps] = 0.0
            candidates.append((regress(dry, wet, delay, taps)[1], delay))
        delay = min(candidates)[1]
        dry, wet = excerpts(pairs, REGRESSION_SECONDS, sample_rate)
        return np.array([delay, *regress(dry, wet, delay, taps)[0]])


def regress(dry: Sequence[Floats], wet: Sequence[Floats], delay: int, filter_taps: int) -> tuple[Floats, float]:
    """The values of an echo of known delay and the energy that they leave over.

    The values are dry level, wet level, inverse hyperbolic tangent of the feedback, and filter, ``(3 + taps,)``.

    An echo fulfils ``y = dry x + filter * ((wet - feedback dry) x + feedback y)``, the part behind the filter a delay
    ago. It is linear in ``dry`` and in the taps before ``x`` and before ``y``, which are one filter at two gains.

    Args:
        dry: Recordings before the echo, each ``(samples,)``.
        wet: The same after it.
        delay: In samples.
        filter_taps: Taps of the filter, the middle one at the delay.
    """
    lags = delay - filter_taps // 2 + np.arange(filter_taps)
    columns = 1 + 2 * filter_taps
    products, towards, energy = np.zeros((columns, columns)), np.zeros(columns), 0.0
    for before, after in zip(dry, wet, strict=True):
        rows = np.zeros((columns, len(before)))
        rows[0] = before
        for place, lag in enumerate(lags[lags < len(before)]):
            rows[1 + place, lag:] = before[: len(before) - lag]
            rows[1 + filter_taps + place, lag:] = after[: len(after) - lag]
        products += rows @ rows.T
        towards += rows @ after
        energy += float(after @ after)
    # So that frequencies that do not sound, and echoes that do not come back, have no say.
    ridge = 1e-10 * np.trace(products) / columns
    solution = np.linalg.solve(products + ridge * np.eye(columns), towards)
    gains, sizes, shapes = np.linalg.svd(solution[1:].reshape(2, filter_taps), full_matrices=False)
    shape = shapes[0] * np.sign(shapes[0][np.abs(shapes[0]).argmax()])
    ahead, back = gains[:, 0] * sizes[0] * np.sign(shapes[0] @ shape)
    scale = np.abs(shape).sum()
    feedback = np.clip(back * scale, -0.98, 0.98)
    wet_level = ahead * scale + feedback * solution[0]
    left = energy - 2 * float(solution @ towards) + float(solution @ products @ solution)
    return np.array([solution[0], wet_level, np.arctanh(feedback), *shape / scale]), left
