"""Recurrent nets from dry to wet sound, told of the setting, of an LFO, and of past input that they cannot keep."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from fxstyle.data.pair import Pair
from fxstyle.errors import InputError
from fxstyle.models.emulator import Emulator, State
from fxstyle.models.lfo import LowFrequencyOscillator
from fxstyle.models.tap_mixer import TapMixer, delayed

Cell = Literal["lstm", "gru"]
LFO = Literal["none", "given"]


class Recurrent(Emulator):
    """Stacked LSTM or GRU layers and a linear layer after them.

    After Wright et al., "Real-time guitar amplifier emulation with deep learning", 2020.

    Inputs of the first layer, in this order: the dry sound; delayed copies of it, or one mix of them; sine and cosine
    of the LFO; the condition. Modules: ``core`` is a ``torch.nn.LSTM`` or ``torch.nn.GRU`` with ``batch_first``,
    ``head`` a ``torch.nn.Linear``; ``initial_hidden`` and ``initial_cell`` are ``(layers, hidden)``.

    The LFO is one whose rate the data knows, to half a percent, and whose phase is 0 at the reset. A delay that it
    moves is out of reach of a recurrent net, which would have to hold hundreds of samples: ``taps`` brings them as
    inputs, and ``harmonics`` mixes them by the LFO first (see :class:`~fxstyle.models.tap_mixer.TapMixer`). The mix is
    also added to the output, so that the net learns what is left.

    Args:
        cell: ``lstm`` or ``gru``.
        hidden: Size of a layer's state.
        layers: Layers in series.
        skip: Whether the dry sound is added to the output.
        learned_state: Whether the state before the first sample is learned; else it is 0.
        forget_bias: What is added to the bias that lets a layer keep its state, before anything is learned.
        warm_up: Samples that it hears before its output counts in a loss.
        taps: Copies of past input that are inputs too.
        tap_spacing: Samples between them.
        lfo: ``given``, or ``none``.
        harmonics: Harmonics of the LFO by which the copies are mixed; 0 gives them to the first layer as they are.
        conditions: Size of the condition.
        sample_rate: In Hz.
        lfo_hz: Rate of the LFO in Hz by condition.

    Raises:
        InputError: An option that makes no net, or an LFO whose rate the data does not know.
    """

    def __init__(
        self,
        cell: Cell = "lstm",
        hidden: int = 32,
        layers: int = 1,
        skip: bool = False,
        learned_state: bool = True,
        forget_bias: float = 1.0,
        warm_up: int = 2048,
        taps: int = 0,
        tap_spacing: int = 22,
        lfo: LFO = "none",
        harmonics: int = 0,
        conditions: int = 0,
        sample_rate: int = 44100,
        lfo_hz: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        _check(cell, lfo, taps, tap_spacing, harmonics)
        if lfo == "given" and not lfo_hz:
            raise InputError("model.lfo is given, and the data knows no LFO's rate: take lfo=none, or another model.")
        self.conditions = conditions
        self.cell = cell
        self.skip = skip
        self.taps = taps
        self.tap_spacing = tap_spacing
        self.sample_rate = sample_rate
        self.receptive_field = max(warm_up, 1) + taps * tap_spacing
        self.lfo = LowFrequencyOscillator(sample_rate, conditions, lfo_hz, tolerance=0.005) if lfo == "given" else None
        if self.lfo is not None:
            # It starts at the reset, which is known.
            self.lfo.phase.requires_grad_(False)
        self.mixer = TapMixer(taps, harmonics, conditions) if harmonics else None
        copies = 1 if self.mixer else taps
        inputs = 1 + copies + (2 if self.lfo else 0) + conditions
        self.core: nn.LSTM | nn.GRU = (nn.LSTM if cell == "lstm" else nn.GRU)(inputs, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        self.initial_hidden = nn.Parameter(torch.zeros(layers, hidden), requires_grad=learned_state)
        self.initial_cell = nn.Parameter(torch.zeros(layers, hidden), requires_grad=learned_state and cell == "lstm")
        # In LSTMs the second quarter of a layer's rows is the forget gate; in GRUs the second third is the update gate.
        for layer in range(layers):
            self.core.get_parameter(f"bias_ih_l{layer}").data[hidden : 2 * hidden] += forget_bias

    def initial_state(self, batch: int, seconds: Tensor | None = None) -> State:
        """Hidden state ``(batch, layers, hidden)``, for LSTMs the cell's too, then past input and the LFO's seconds."""
        state = [self.initial_hidden.expand(batch, -1, -1)]
        if self.cell == "lstm":
            state.append(self.initial_cell.expand(batch, -1, -1))
        if self.taps:
            state.append(torch.zeros(batch, 1, self.taps * self.tap_spacing, device=self.device))
        if self.lfo is not None:
            clock = torch.zeros(batch, device=self.device) if seconds is None else seconds.to(self.device)
            state.append(clock.double())
        return tuple(state)

    def stream(self, audio: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """See :meth:`Emulator.stream`."""
        samples = audio.shape[-1]
        remembered = list(state)
        hidden = [remembered.pop(0) for _ in range(2 if self.cell == "lstm" else 1)]
        after: list[Tensor] = []
        features, mix = [audio], None
        copies = None
        if self.taps:
            joined = torch.cat((remembered.pop(0), audio), dim=-1)
            copies = delayed(joined, self.taps, self.tap_spacing)
            after.append(joined[..., samples:])
            if self.mixer is None:
                features.append(copies[:, 1:])
        if self.lfo is not None:
            seconds = remembered.pop(0)
            angles = self.lfo.angles(seconds, samples, condition)
            after.append(seconds + samples / self.sample_rate)
            if self.mixer is not None and copies is not None:
                mix = self.mixer(copies, angles, condition)
                features.append(mix)
            features += [angles.sin()[:, None], angles.cos()[:, None]]
        if condition is not None and self.conditions:
            features.append(condition[..., None].expand(-1, -1, samples))
        output, hidden = self._run(torch.cat(features, dim=1).transpose(1, 2), hidden)
        wet = self.head(output).transpose(1, 2)
        if mix is not None:
            wet = wet + mix
        return (wet + audio if self.skip else wet), (*hidden, *after)

    def identify(self, pairs: Sequence[Pair], sample_rate: int) -> None:
        """Solve for the mix of delayed copies of each setting; the net learns what is left."""
        if self.mixer is None or self.lfo is None:
            return
        found = torch.stack(
            [
                self.mixer.solve(
                    self._copies(pair) for pair in pairs if not self.conditions or pair.condition[at] > 0.5
                )
                for at in range(max(self.conditions, 1))
            ]
        )
        self.mixer.weights.assign(found if self.conditions else found[0])

    @torch.no_grad()
    def fold(self, condition: Tensor) -> Recurrent:
        """The net at one setting: what ``condition`` ``(conditions,)`` adds becomes bias of the first layer.

        Raises:
            InputError: The net has an LFO, whose rate and mix are part of the condition.
        """
        if self.lfo is not None:
            raise InputError("A model with an LFO cannot be reduced to one setting.")
        folded = copy.deepcopy(self)
        if self.conditions:
            weight = self.core.get_parameter("weight_ih_l0")
            folded.conditions = 0
            folded.core.get_parameter("bias_ih_l0").add_(weight[:, -self.conditions :] @ condition.to(weight))
            folded.core.weight_ih_l0 = nn.Parameter(weight[:, : -self.conditions].clone())
            folded.core.input_size -= self.conditions
        return folded

    def _run(self, features: Tensor, hidden: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        layers_first = [part.transpose(0, 1).contiguous() for part in hidden]
        if self.cell == "lstm":
            output, after = self.core(features, (layers_first[0], layers_first[1]))
            return output, [part.transpose(0, 1) for part in after]
        output, last = self.core(features, layers_first[0])
        return output, [last.transpose(0, 1)]

    @torch.no_grad()
    def _copies(self, pair: Pair) -> tuple[Tensor, Tensor, Tensor]:
        """Delayed copies of a pair's dry sound, the phase at each sample, and its wet sound."""
        assert self.lfo is not None
        reach = self.taps * self.tap_spacing
        dry = torch.from_numpy(np.pad(pair.dry, ((0, 0), (reach, 0)))).to(self.device)
        seconds = torch.tensor([pair.seconds], dtype=torch.float64, device=self.device)
        condition = torch.from_numpy(pair.condition)[None].to(self.device)
        angles = self.lfo.angles(seconds, pair.samples, condition if self.conditions else None)
        return delayed(dry[None], self.taps, self.tap_spacing)[0], angles[0], torch.from_numpy(pair.wet[0]).to(dry)


def _check(cell: str, lfo: str, taps: int, tap_spacing: int, harmonics: int) -> None:
    if cell not in get_args(Cell):
        raise InputError(f"model.cell is {cell!r}; choose lstm or gru.")
    if lfo not in get_args(LFO):
        raise InputError(f"model.lfo is {lfo!r}; choose none or given.")
    if taps < 0 or tap_spacing < 1:
        raise InputError("model.taps cannot be below 0, nor model.tap_spacing below 1.")
    if harmonics and (lfo == "none" or not taps):
        raise InputError("model.harmonics mixes delayed copies by an LFO: set model.lfo=given and model.taps.")
