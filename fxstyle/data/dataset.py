"""The stateless dataset: keys in, rendered batches out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from fxstyle.audio.levels import Level
from fxstyle.audio.source import Source
from fxstyle.data.keys import ClipKey, ClipPlan
from fxstyle.effects.renderer import Renderer, Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

log = logging.getLogger(__name__)

RETRIES = 20
"""Attempts to replace a clip that is silent, clipped to death or not finite."""


class Batch(TypedDict):
    """What training, validation and evaluation receive.

    ``dry`` and ``wet`` are ``(batch, channels, samples)`` float32, and ``before`` is the dry sound that precedes them,
    ``(batch, channels, preroll)``; ``bypassed (batch,)`` says where the wet sound is the dry one; ``effect``,
    ``recording``, ``start``, ``index`` and ``rejected`` are ``(batch,)`` int64; ``parameters`` is
    ``(batch, max_parameters)`` float32 in 0..1 and ``parameter_mask`` says which of them exist and may move.
    """

    before: Tensor
    dry: Tensor
    wet: Tensor
    bypassed: Tensor
    effect: Tensor
    parameters: Tensor
    parameter_mask: Tensor
    recording: Tensor
    start: Tensor
    index: Tensor
    rejected: Tensor


@dataclass(frozen=True)
class Clip:
    """One clip before it is batched: dry sound with pre-roll, its effect and its settings."""

    key: ClipKey
    spec: EffectSpec
    parameters: NDArray[np.float32]


class EffectDataset(Dataset[Batch]):
    """Renders the batch that a list of keys names.

    Holds no counter and no random state, so that workers, ranks and resumed runs agree to the bit.

    Args:
        source: Dry recordings.
        plan: Where clips that replace rejected ones are drawn from.
        effects: All effects, in the order of the keys' effect index.
        renderer: Renders them; serial inside data loader workers.
        level: Level of the dry sound, applied once and before the effect.
        preroll: Samples rendered before each clip and cropped, so that effects with memory are warm.
        wet_probability: Share of the clips that go through their effect; the others stay dry.
    """

    def __init__(
        self,
        source: Source,
        plan: ClipPlan,
        effects: Sequence[EffectSpec],
        renderer: Renderer,
        level: Level,
        preroll: int,
        wet_probability: float = 1.0,
    ) -> None:
        self.source = source
        self.plan = plan
        self.effects = tuple(effects)
        self.renderer = renderer
        self.level = level
        self.preroll = preroll
        self.wet_probability = wet_probability
        self.max_parameters = max(1, *(len(spec.parameters) for spec in self.effects))

    def __getitem__(self, key: ClipKey) -> Batch:
        """A batch of one."""
        return self.__getitems__([key])

    def __getitems__(self, keys: list[ClipKey]) -> Batch:
        """The batch of these keys.

        Raises:
            InputError: When a clip stays unusable after all retries, naming the effect and the recording.
        """
        channels, samples = self.source.channels, keys[0].length
        dry = np.empty((len(keys), channels, self.preroll + samples), dtype=np.float32)
        wet = np.empty((len(keys), channels, samples), dtype=np.float32)
        positions = np.zeros((len(keys), self.max_parameters), dtype=np.float32)
        mask = np.zeros((len(keys), self.max_parameters), dtype=bool)
        bypassed = np.zeros(len(keys), dtype=bool)
        rejected = np.zeros(len(keys), dtype=np.int64)
        used = list(keys)
        open_places = list(range(len(keys)))
        for attempt in range(RETRIES + 1):
            for place in open_places:
                key, spec = keys[place], self.effects[keys[place].effect]
                if attempt:
                    used[place] = self.plan.key(key.epoch, key.index, key.effect, attempt)
                rng = key.rng(attempt)
                parameters = spec.sample(rng)
                positions[place, : len(parameters)] = parameters
                mask[place, : len(parameters)] = spec.free
                self.read(used[place], rng, dry[place])
                if self.wet_probability < 1:
                    bypassed[place] = rng.random() >= self.wet_probability
            whole = len(open_places) == len(keys)
            rendered = self.renderer.render(
                [self.effects[keys[place].effect] for place in open_places],
                dry if whole else dry[open_places],
                (positions if whole else positions[open_places])[:, None],
                self.source.sample_rate,
                self.preroll,
            )
            if whole:
                wet = rendered.audio[:, 0]
            else:
                wet[open_places] = rendered.audio[:, 0]
            bad = [(p, s) for p, s in zip(open_places, rendered.status[:, 0], strict=True) if s != Status.OK]
            open_places = [place for place, _ in bad]
            if not open_places:
                break
            rejected[open_places] += 1
        else:
            self._give_up(used[bad[0][0]], positions[bad[0][0]], Status(bad[0][1]))
        wet[bypassed] = dry[bypassed, :, self.preroll :]
        return {
            "before": torch.from_numpy(dry[:, :, : self.preroll]),
            "dry": torch.from_numpy(dry[:, :, self.preroll :]),
            "wet": torch.from_numpy(wet),
            "bypassed": torch.from_numpy(bypassed),
            "effect": torch.tensor([key.effect for key in keys]),
            "parameters": torch.from_numpy(positions),
            "parameter_mask": torch.from_numpy(mask),
            "recording": torch.tensor([key.recording for key in used]),
            "start": torch.tensor([key.start for key in used]),
            "index": torch.tensor([key.index for key in used]),
            "rejected": torch.from_numpy(rejected),
        }

    def read(self, key: ClipKey, rng: np.random.Generator, out: NDArray[np.float32]) -> None:
        """Read the dry sound of a key with its pre-roll, at its level, into ``(channels, preroll + samples)``."""
        recording = self.plan.recordings[key.recording]
        audio = self.source.read(recording, key.start - self.preroll, self.preroll + key.length)
        gain = self.level.gain(audio[:, self.preroll :], self.source.sample_rate, rng)
        np.multiply(audio, np.float32(gain), out=out)

    def _give_up(self, key: ClipKey, positions: NDArray[np.float32], status: Status) -> None:
        spec = self.effects[key.effect]
        failures = [str(failure) for failure in self.renderer.failures if failure.effect == spec.name]
        if status is Status.FAILED and failures:
            raise InputError(
                f"effect {spec.name!r}: {RETRIES + 1} clips in a row gave no sound, the last since {failures[-1]}; "
                f"look at it with: fxstyle doctor plugin {spec.plugin or spec.name}"
            )
        raise InputError(
            f"effect {spec.name!r}: {RETRIES + 1} clips in a row came out silent, clipped or not finite, the last from "
            f"recording {self.plan.recordings[key.recording].name!r} with {spec.text(positions) or 'no settings'}; "
            f"narrow the ranges under effects.{spec.name}.parameters or leave the effect out"
        )


def already_batched(batch: Any) -> Any:
    """What ``__getitems__`` of our datasets gives is a batch; here, since workers import the module this is in."""
    return batch
