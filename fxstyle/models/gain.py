"""A compressor: a gain that follows the level of its input."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fxstyle.data.pair import Pair
from fxstyle.models.ballistics import ballistics, pole
from fxstyle.models.emulator import ConditionedValues, Emulator, State
from fxstyle.models.identification import Excerpt, by_setting, excerpts_of, refine, search, set_by_condition

QUIETEST = 1e-8
REFINEMENTS = 100
_RIDGE = 1e-7

# First values and the bounds of the search. Times, levels and factors are natural logarithms (s, amplitude).
_CURVE = {
    "attack": (log(5e-3), log(1e-5), log(0.3)),
    "release": (log(5e-2), log(1e-3), log(2.0)),
    "threshold": (log(0.03), log(1e-3), log(0.7)),
    # The logit of 1 - 1 / ratio.
    "slope": (1.0, -2.0, 5.0),
    # Half the width of the knee, in nepers.
    "knee": (log(0.3), log(0.01), log(4.0)),
}
_SLOW = {
    "slow_attack": (log(0.1), log(1e-3), log(1.0)),
    "slow_release": (log(0.5), log(0.1), log(5.0)),
    # The logit of the slow level's share.
    "slow_share": (-2.0, -4.0, 4.0),
}
_LOWPASS = {"lowpass_seconds": (log(0.02), log(2e-3), log(0.1))}


class CompressorGain(Emulator):
    """A compressor of one level detector, a curve with a soft knee and a short filter.

    The detector smooths the magnitude with an attack and a release. Above the threshold the gain falls in dB by
    ``1 - 1 / ratio`` times the excess (a parabola over the knee). What the gain leaves goes through a short FIR filter,
    from which a slow one-pole low-pass may be subtracted, as transformers and coupling capacitors do: a gain that moves
    makes offsets, and the device's output has none.

    Source: Giannoulis, Massberg, Reiss 2012, "Digital dynamic range compressor design", equation 4 (the curve).

    Args:
        sample_rate: In Hz.
        conditions: Size of the condition.
        taps: Of the FIR filter after the gain; 1 for a factor only.
        highpass: Whether the output loses offsets.
        slow: Whether a second, slower stage is mixed into the level, as in optical compressors, whose release depends
            on what was played before.
        memory_seconds: What the model needs to hear before a loss, in s.
        search_seconds: Training sound of each setting that the search hears, in s.
        evaluations: Candidates of the search for each setting; 0 leaves all of it to training.
    """

    def __init__(
        self,
        sample_rate: int,
        conditions: int = 0,
        taps: int = 8,
        highpass: bool = True,
        slow: bool = False,
        memory_seconds: float = 1.0,
        search_seconds: float = 10.0,
        evaluations: int = 200,
    ) -> None:
        super().__init__()
        self.sample_rate, self.conditions = sample_rate, conditions
        self.receptive_field = round(memory_seconds * sample_rate)
        self.taps, self.highpass, self.slow = taps, highpass, slow
        self.search_seconds, self.evaluations = search_seconds, evaluations
        self.searched = {**_CURVE, **(_SLOW if slow else {}), **(_LOWPASS if highpass else {})}
        self.names = (*self.searched, *(["lowpass"] if highpass else []), "gain")
        first = [value for value, _, _ in self.searched.values()]
        impulse = functional.one_hot(torch.tensor(0), taps)
        self.values = ConditionedValues(
            torch.cat([torch.tensor([*first, *[0.0] * highpass, 0.0]), impulse]), conditions
        )

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """Levels, and the filters' memory, all 0."""
        widths = [(), *[()] * self.slow, *[()] * self.highpass, *[(self.taps - 1,)] * (self.taps > 1)]
        return tuple(torch.zeros(batch, *width, dtype=torch.float64, device=self.device) for width in widths)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """The next block and the state after it; see :meth:`Emulator.stream`."""
        values = self.values(condition, len(audio))
        kept = list(state)
        loud, low, after = self._squeezed(audio[:, 0], kept, values)
        if self.taps > 1:
            loud = torch.cat([kept[-1].to(loud), loud], -1)
            after.append(loud[:, 1 - self.taps :].double())
        weights = values[:, len(self.names) :].flip(-1).to(loud)
        wet = functional.conv1d(loud[None], weights[:, None], groups=len(audio))[0]
        if self.highpass:
            wet = wet - self._named(values, "lowpass").to(wet) * low
        return wet[:, None], tuple(after)

    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Search the detector and the curve of each setting by CMA-ES, and solve for gain and filter."""
        if not self.evaluations:
            return
        conditions, found = [], []
        for condition, group in by_setting(pairs):
            excerpts = excerpts_of(group, sample_rate, self.search_seconds)
            if excerpts:
                conditions.append(condition)
                found.append(self._identified(excerpts))
        if found:
            set_by_condition(self.values, np.stack(conditions), torch.stack(found))

    def _named(self, values: Tensor, name: str) -> Tensor:
        """One value of each item ``(batch, 1)``."""
        place = self.names.index(name)
        return values[:, place : place + 1]

    def _squeezed(self, audio: Tensor, state: list[Tensor], values: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Sound after the gain and its slow low-pass, both ``(batch, samples)``, and the states after it."""

        def poles(*names: str) -> list[Tensor]:
            return [pole(self._named(values, name)[:, 0], self.sample_rate) for name in names]

        after = []
        level, last = ballistics(audio.abs(), state[0], *poles("attack", "release"))
        after.append(last)
        if self.slow:
            slower, last = ballistics(level, state[1], *poles("slow_attack", "slow_release"))
            after.append(last)
            level = level + torch.sigmoid(self._named(values, "slow_share")).double() * (slower - level)
        half = self._named(values, "knee").exp()
        excess = level.to(values).clamp_min(QUIETEST).log() - self._named(values, "threshold")
        over = (excess + half).clamp_min(0.0).minimum(2 * half).square() / (4 * half) + (excess - half).clamp_min(0.0)
        slope = torch.sigmoid(self._named(values, "slope"))
        loud = audio * torch.exp(self._named(values, "gain") - slope * over)
        if not self.highpass:
            return loud, loud, after
        low, last = ballistics(loud, state[1 + self.slow], *poles("lowpass_seconds") * 2)
        after.append(last)
        return loud, low.to(loud), after

    def _identified(self, excerpts: Sequence[Excerpt]) -> Tensor:
        """Values ``(values,)`` of one setting."""
        neutral = self.values.base.detach().cpu().clone()
        neutral[len(self.searched) :] = 0.0
        targets = [excerpt.wet[0, 0, excerpt.lead :] for excerpt in excerpts]
        energies = [target.square().sum() for target in targets]

        def heard(searched: Tensor, taps: int) -> list[Tensor]:
            """What the output is a sum of, ``(parts, samples)`` of each excerpt."""
            values = torch.cat([searched.to(neutral), neutral[len(searched) :]])[None]
            parts = []
            for excerpt in excerpts:
                silence = [torch.zeros(1, dtype=torch.float64) for _ in range(3)]
                loud, low, _ = self._squeezed(excerpt.dry[:, 0], silence, values)
                delayed = functional.pad(loud, (taps - 1, 0))[0].unfold(0, taps, 1).flip(-1).T
                parts.append(torch.cat([delayed, -low])[: taps + self.highpass, excerpt.lead :])
            return parts

        def solved(parts: Sequence[Tensor]) -> Tensor:
            """Weights of the parts for the least error, each excerpt counting alike."""
            left, right = torch.zeros(len(parts[0]), len(parts[0])), torch.zeros(len(parts[0]))
            for part, target, energy in zip(parts, targets, energies, strict=True):
                left, right = left + part @ part.T / energy, right + part @ target / energy
            ridge = _RIDGE * left.diagonal().mean() + QUIETEST**2
            return torch.linalg.solve(left.double() + ridge * torch.eye(len(left)), right.double()).float()

        def error(searched: Tensor) -> Tensor:
            parts = heard(searched, 1)
            with torch.no_grad():
                weights = solved(parts)
            ratios = [
                (weights @ part - target).square().sum() / energy
                for part, target, energy in zip(parts, targets, energies, strict=True)
            ]
            return torch.log(torch.stack(ratios).mean() + QUIETEST)

        _, low, high = zip(*self.searched.values(), strict=True)
        with torch.no_grad():
            best = search(error, low, high, self.evaluations, np.random.default_rng(0))
        best = refine(error, best, low, high, REFINEMENTS)
        with torch.no_grad():
            weights = solved(heard(best, self.taps))
        # What is left for the filter is near one impulse.
        gain = weights[: self.taps].sum().abs().clamp_min(1e-6)
        values = [best, *[weights[self.taps :] / gain] * self.highpass, gain.log()[None], weights[: self.taps] / gain]
        return torch.cat([value.to(self.values.base) for value in values])
