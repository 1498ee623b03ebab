"""The arms of the style benchmark that answer at once: trivial ones, rules, presets and controllers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from fxstyle.audio.source import Split
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.features.style_features import style_features
from fxstyle.losses.style import StyleDistance
from fxstyle.run import folder
from fxstyle.run.style_pairs import Content, Pair, PairSource, Sound
from fxstyle.run.style_rules import rule_based
from fxstyle.search.proposal import Proposal, preset_prior

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
    """One way to answer.

    Attributes:
        name: What tables call it.
        hears: Whether the answer depends on the reference; else both contents share one.
        searches: Whether it renders candidates, so that it gets fewer pairs.
    """

    name: str
    hears: bool
    searches: bool

    def covers(self, spec: EffectSpec) -> bool:
        """Whether it can answer for an effect."""
        ...

    def made_with(self, spec: EffectSpec) -> dict[str, Any]:
        """What its answers depend on beside the pairs, as plain values."""
        ...

    def answer(self, spec: EffectSpec, pair: Pair, content: Content) -> Answer:
        """Settings or sound for a pair, of which it knows the input and the reference."""
        ...


class LoadedController(Protocol):
    """A trained run that proposes settings; see :mod:`fxstyle.run.controllers`."""

    def check(self, spec: EffectSpec) -> None:
        """Refuse an effect that the run cannot set, with :class:`InputError`."""
        ...

    def propose(
        self, spec: EffectSpec, dry: NDArray[np.float32], reference: NDArray[np.float32], sample_rate: int
    ) -> Proposal:
        """Settings with their spread."""
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


class Controllers:
    """A trained controller: one run, or a folder of runs of which each covers other effects.

    Args:
        name: What tables call it.
        runs: A run folder, a checkpoint, or a folder of run folders.
        sample_rate: Of the pairs, in Hz.
        load: Loads a run.
    """

    hears = True
    searches = False

    def __init__(self, name: str, runs: str | Path, sample_rate: int, load: Callable[[Path], LoadedController]) -> None:
        self.name = name
        self._rate = sample_rate
        self._load = load
        self._loaded: dict[Path, LoadedController] = {}
        self._chosen: dict[EffectSpec, Path | None] = {}
        self._ready: set[EffectSpec] = set()
        path = Path(runs)
        if path.is_file() or (path / folder.CONFIG).is_file():
            self._runs: list[Path] = [path]
        else:
            self._runs = sorted(part.parent for part in path.glob(f"*/{folder.CONFIG}"))
        if not self._runs:
            raise InputError(f"controllers.{name}={runs}: no run there; give a run folder, or a folder of run folders")
        self._trained = {run: _trained_effects(run) for run in self._runs}

    @property
    def folders(self) -> list[Path]:
        """Folders of the runs."""
        return [folder.read_run(run)[0] for run in self._runs]

    def covers(self, spec: EffectSpec) -> bool:
        """See :meth:`Arm.covers`."""
        return self._run(spec) is not None

    def made_with(self, spec: EffectSpec) -> dict[str, Any]:
        """See :meth:`Arm.made_with`."""
        run = self._run(spec)
        assert run is not None
        checkpoint = folder.read_run(run)[2]
        return {"checkpoint": hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:16]}

    def prepare(self, spec: EffectSpec, pair: Pair) -> LoadedController:
        """Load the run of an effect and let it look at the effect, which is not part of the time of a pair."""
        run = self._run(spec)
        assert run is not None
        loaded = self._controller(run)
        if spec not in self._ready:
            loaded.propose(spec, pair.dry, pair.dry, self._rate)
            self._ready.add(spec)
        return loaded

    def propose(self, spec: EffectSpec, pair: Pair, content: Content) -> Proposal:
        """What the controller says of a pair."""
        return self.prepare(spec, pair).propose(spec, pair.dry, pair.reference(content), self._rate)

    def answer(self, spec: EffectSpec, pair: Pair, content: Content) -> Answer:
        """See :meth:`Arm.answer`."""
        self.prepare(spec, pair)
        began = time.perf_counter()
        best = self.propose(spec, pair, content).best
        return Answer(best, seconds=time.perf_counter() - began)

    def _run(self, spec: EffectSpec) -> Path | None:
        """The run that was trained on an effect, or else the first one that takes it."""
        if spec not in self._chosen:
            named = [run for run, effects in self._trained.items() if spec.name in effects]
            self._chosen[spec] = next(
                (run for run in named or self._trained if _takes(self._controller(run), spec)), None
            )
        return self._chosen[spec]

    def _controller(self, run: Path) -> LoadedController:
        if run not in self._loaded:
            self._loaded[run] = self._load(run)
        return self._loaded[run]


def _takes(controller: LoadedController, spec: EffectSpec) -> bool:
    try:
        controller.check(spec)
    except InputError:
        return False
    return True


def _trained_effects(run: Path) -> tuple[str, ...]:
    """Names of the effects that a run was trained on."""
    effects = OmegaConf.to_container(folder.read_run(run)[1].effects)
    assert isinstance(effects, dict)
    if isinstance(effects.get("host"), str):
        return (str(effects.get("name") or effects["host"]),)
    return tuple(str(name) for name in {**(effects.get("train") or {}), **effects} if name not in ("train", "unseen"))
