"""The arms of the style benchmark that were trained."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.run import folder
from fxstyle.run.style_arms import Answer
from fxstyle.run.style_pairs import Content, Pair
from fxstyle.search.proposal import Proposal


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
