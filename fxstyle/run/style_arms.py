"""The arms of the style benchmark that need no training and no search: trivial ones, rules and presets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fxstyle.audio.source import Split
from fxstyle.effects.spec import EffectSpec
from fxstyle.features.style_features import style_features
from fxstyle.losses.style import StyleDistance
from fxstyle.run.style_pairs import Content, Pair, PairSource, Sound
from fxstyle.run.style_rules import rule_based
from fxstyle.search.proposal import preset_prior

_PRESET_BATCH = 20


@dataclass(frozen=True)
class Answer:
    """What an arm gives for a pair: settings, or sound where it uses no plugin or leaves the input alone.

    Attributes:
        positions: Settings ``(parameters,)``, or ``None``.
        audio: Sound ``(channels, samples)`` where there are no settings.
        renders: Renders used to find them; the one that is scored is not counted.
        seconds: Time they took.
        identity: What the objective says of the untouched input; ``nan`` where there is no objective.
        score: What it says of the answer.
        stopped_by: Why a search ended; empty where there is none.
    """

    positions: NDArray[np.float32] | None = None
    audio: Sound | None = None
    renders: int = 0
    seconds: float = 0.0
    identity: float = float("nan")
    score: float = float("nan")
    stopped_by: str = ""


class Arm(Protocol):
    """One way to answer."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def hears(self) -> bool:
        """Whether the answer depends on the reference; else both contents share one."""
        ...

    @property
    def searches(self) -> bool:
        """Whether it renders candidates, so that it gets fewer pairs."""
        ...

    def covers(self, spec: EffectSpec) -> bool:
        """Whether it can answer for an effect."""
        ...

    def made_with(self, spec: EffectSpec) -> dict[str, Any]:
        """What its answers depend on beside the pairs, as plain values."""
        ...

    def answer(self, spec: EffectSpec, pair: Pair, content: Content) -> Answer:
        """Settings or sound for a pair, of which it knows the input and the reference."""
        ...


def training_mean(spec: EffectSpec) -> NDArray[np.float32]:
    """The mean of what training draws ``(parameters,)``: of the presets or, for uniform draws, the middle."""
    if spec.sampling == "presets":
        drawn = np.stack([spec.preset_positions(preset) for preset in spec.presets]).mean(axis=0)
    else:
        drawn = np.full(len(spec.parameters), 0.5)
    return np.where(spec.free, drawn, spec.defaults).astype(np.float32)


@dataclass(frozen=True)
class Blind:
    """An arm that does not listen to the reference: settings by a rule, or the input where it gives ``None``."""

    name: str
    rule: Callable[[EffectSpec, Pair], NDArray[np.float32] | None]
    hears: bool = False
    searches: bool = False

    def covers(self, spec: EffectSpec) -> bool:
        """See :meth:`Arm.covers`."""
        return True

    def made_with(self, spec: EffectSpec) -> dict[str, Any]:
        """See :meth:`Arm.made_with`."""
        return {}

    def answer(self, spec: EffectSpec, pair: Pair, content: Content) -> Answer:
        """See :meth:`Arm.answer`."""
        positions = self.rule(spec, pair)
        return Answer(audio=pair.dry) if positions is None else Answer(positions)


def blind_arms(source: PairSource, split: Split) -> dict[str, Blind]:
    """Identity, random, mid, mean preset (the middle where an effect has none) and oracle parameters, by name."""

    def mid(spec: EffectSpec, pair: Pair) -> NDArray[np.float32]:
        return np.where(spec.free, np.float32(0.5), spec.defaults).astype(np.float32)

    def mean_preset(spec: EffectSpec, pair: Pair) -> NDArray[np.float32]:
        return preset_prior(spec).best if spec.presets else training_mean(spec)

    arms = (
        Blind("identity", lambda spec, pair: None),
        Blind("random", lambda spec, pair: spec.sample(source.rng(spec, split, pair.index, 1))),
        Blind("mid", mid),
        Blind("mean_preset", mean_preset),
        Blind("oracle", lambda spec, pair: None if pair.bypassed else pair.parameters),
    )
    return {arm.name: arm for arm in arms}


@dataclass(frozen=True)
class RuleBased:
    """Match equaliser and loudness without a plugin: it gives sound and no settings."""

    sample_rate: int
    name: str = "rule_based"
    hears: bool = True
    searches: bool = False

    def covers(self, spec: EffectSpec) -> bool:
        """See :meth:`Arm.covers`."""
        return True

    def made_with(self, spec: EffectSpec) -> dict[str, Any]:
        """See :meth:`Arm.made_with`."""
        return {}

    def answer(self, spec: EffectSpec, pair: Pair, content: Content) -> Answer:
        """See :meth:`Arm.answer`."""
        began = time.perf_counter()
        audio = rule_based(pair.dry, pair.reference(content), self.sample_rate)
        return Answer(audio=audio, seconds=time.perf_counter() - began)


class NearestPreset:
    """Of 1,000 random settings, rendered once on training recordings, those whose sound is nearest in style.

    Args:
        source: Gives the training clips.
        count: How many settings.
    """

    name = "nearest_preset"
    hears = True
    searches = False

    def __init__(self, source: PairSource, count: int) -> None:
        self._source = source
        self._count = count
        self._of: EffectSpec | None = None
        self._positions = np.zeros((0, 0), np.float32)
        self._features = torch.zeros(0)
        self._distance = StyleDistance()

    def covers(self, spec: EffectSpec) -> bool:
        """See :meth:`Arm.covers`."""
        return True

    def made_with(self, spec: EffectSpec) -> dict[str, Any]:
        """See :meth:`Arm.made_with`."""
        return {"presets": self._count}

    def answer(self, spec: EffectSpec, pair: Pair, content: Content) -> Answer:
        """See :meth:`Arm.answer`; the database is made before the clock starts."""
        if self._of != spec:
            self._fill(spec)
        began = time.perf_counter()
        with torch.inference_mode():
            wanted = style_features(torch.from_numpy(pair.reference(content))[None], self._source.source.sample_rate)
            nearest = int(self._distance(self._features, wanted).argmin())
        return Answer(self._positions[nearest], seconds=time.perf_counter() - began)

    def _fill(self, spec: EffectSpec) -> None:
        dataset = self._source.dataset(spec, "train", self._source.samples)
        positions, features = [], []
        for first in range(0, self._count, _PRESET_BATCH):
            places = range(first, min(first + _PRESET_BATCH, self._count))
            batch = dataset.__getitems__([dataset.plan.key(0, index, 0) for index in places])
            positions.append(batch["parameters"].numpy()[:, : len(spec.parameters)])
            with torch.inference_mode():
                features.append(style_features(batch["wet"], self._source.source.sample_rate))
        self._of, self._positions, self._features = spec, np.concatenate(positions), torch.cat(features)
