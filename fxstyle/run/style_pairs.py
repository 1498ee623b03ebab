"""Pairs for style transfer: a dry input, a reference with other content, and the hidden target."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import Level
from fxstyle.audio.source import SPLITS, Source, Split
from fxstyle.data.dataset import RETRIES, EffectDataset
from fxstyle.data.keys import ClipPlan
from fxstyle.effects.renderer import Renderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

Content = Literal["same", "other"]
CONTENTS: tuple[Content, ...] = ("same", "other")
Sound = NDArray[np.float32]
LEAST_POWER = 1e-5
"""Mean power below which a half counts as silent and another clip is drawn."""


@dataclass(frozen=True)
class Pair:
    """One question: which settings make ``dry`` sound like the reference?

    Attributes:
        index: Its place among the pairs of its effect.
        recording: Name of the recording that both halves come from.
        bypassed: Whether the effect was left out: target and reference are dry.
        parameters: Positions that made target and reference ``(parameters,)``.
        before: Dry sound just before the input ``(channels, preroll)``.
        dry: The input, half A ``(channels, samples)``.
        target: Half A through the effect: what an answer is scored against, and the reference of matched content.
        other: Half B through the effect: the reference of unmatched content.
    """

    index: int
    recording: str
    bypassed: bool
    parameters: NDArray[np.float32]
    before: Sound
    dry: Sound
    target: Sound
    other: Sound

    def reference(self, content: Content) -> Sound:
        """What an arm may hear beside the input."""
        return self.target if content == "same" else self.other

    @property
    def warmed(self) -> Sound:
        """The input with its pre-roll ``(channels, preroll + samples)``."""
        return np.concatenate([self.before, self.dry], axis=1)


@dataclass(frozen=True)
class PairSource:
    """Makes pairs, each a pure function of seed, split, effect and index.

    A clip of twice the length is rendered at random settings and cut in two. Where one of the sounds is silent
    (mean power below 1e-5), another clip is drawn.

    Attributes:
        source: Dry recordings.
        renderer: Renders them.
        level: Level of the dry sound, for both halves together.
        preroll: Samples rendered before each clip and cropped.
        samples: Length of a half.
        wet_probability: Share of the pairs that go through the effect.
        seed: Seeds recordings, starts and settings.

    Source: Grant 2023 (pairs, power limit).
    """

    source: Source
    renderer: Renderer
    level: Level
    preroll: int
    samples: int
    wet_probability: float
    seed: int

    def effect_seed(self, spec: EffectSpec) -> int:
        """A seed of the effect's own, so that its pairs do not depend on the set that it is in."""
        return (self.seed << 32) + zlib.crc32(spec.name.encode())

    def rng(self, spec: EffectSpec, split: Split, index: int, use: int) -> np.random.Generator:
        """The generator of what an arm draws for a pair."""
        return np.random.default_rng([self.effect_seed(spec), SPLITS.index(split), index, use])

    def dataset(self, spec: EffectSpec, split: Split, samples: int, wet_probability: float = 1.0) -> EffectDataset:
        """Clips of one effect."""
        recordings, weights = self.source.recordings(split), self.source.weights(split)
        plan = ClipPlan(split, recordings, weights, samples, self.effect_seed(spec))
        return EffectDataset(self.source, plan, (spec,), self.renderer, self.level, self.preroll, wet_probability)

    def pairs(self, spec: EffectSpec, split: Split, indices: Sequence[int]) -> list[Pair]:
        """The pairs of these places.

        Raises:
            InputError: When recordings of the split hold too little sound for both halves.
        """
        dataset = self.dataset(spec, split, 2 * self.samples, self.wet_probability)
        found: dict[int, Pair] = {}
        for attempt in range(RETRIES + 1):
            missing = [index for index in indices if index not in found]
            if not missing:
                return [found[index] for index in indices]
            batch = dataset.__getitems__([dataset.plan.key(attempt, index, 0) for index in missing])
            for place, index in enumerate(missing):
                dry, wet = batch["dry"][place].numpy(), batch["wet"][place].numpy()
                pair = Pair(
                    index=index,
                    recording=dataset.plan.recordings[int(batch["recording"][place])].name,
                    bypassed=bool(batch["bypassed"][place]),
                    parameters=batch["parameters"][place].numpy()[: len(spec.parameters)].copy(),
                    before=batch["before"][place].numpy().copy(),
                    dry=dry[:, : self.samples].copy(),
                    target=wet[:, : self.samples].copy(),
                    other=wet[:, self.samples :].copy(),
                )
                if min(float(np.mean(np.square(x))) for x in (pair.dry, pair.target, pair.other)) >= LEAST_POWER:
                    found[index] = pair
        raise InputError(
            f"effect {spec.name!r}: {RETRIES + 1} clips in a row are silent in one half of "
            f"{self.samples / self.source.sample_rate:.2f} s: give longer recordings, or a smaller clip_samples"
        )
