"""The arms of the style benchmark that search."""

from __future__ import annotations

import time
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fxstyle.audio.source import Split
from fxstyle.effects.renderer import Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.losses.style import WEIGHTS
from fxstyle.run.style_arms import Answer
from fxstyle.run.style_controllers import Controllers
from fxstyle.run.style_pairs import Content, Pair, PairSource
from fxstyle.search.objectives import MatchedObjective, Objective, StyleObjective
from fxstyle.search.problem import Excerpt, Problem
from fxstyle.search.search import CONTROLLER_WEIGHT, search
from fxstyle.search.trace import SearchResult


class Search:
    """Search for the settings of each pair within a budget of renders, as ``fxstyle match`` does.

    The excerpt is the whole input with its pre-roll. Matched content is searched by spectra and, of the few best
    candidates, the one nearest by the multi-resolution STFT distance to the *reference* is taken; unmatched content is
    searched by style features, and a controller's proposal is what it stays near to.

    Args:
        name: What tables call it, without its budget.
        method: ``cma`` or ``hybrid``.
        budget: Renders allowed.
        source: Gives sample rate and renderer.
        split: Whose pairs it answers; part of its seeds.
        controller: Where it starts; ``None`` for a random start.
    """

    hears = True
    searches = True

    def __init__(
        self,
        name: str,
        method: Literal["cma", "hybrid"],
        budget: int,
        source: PairSource,
        split: Split,
        controller: Controllers | None = None,
    ) -> None:
        self.name = f"{name}@{budget}"
        self._method: Literal["cma", "hybrid"] = method
        self._budget = budget
        self._source = source
        self._split: Split = split
        self._controller = controller

    def covers(self, spec: EffectSpec) -> bool:
        """See :meth:`fxstyle.run.style_arms.Arm.covers`."""
        return self._controller is None or self._controller.covers(spec)

    def made_with(self, spec: EffectSpec) -> dict[str, Any]:
        """See :meth:`fxstyle.run.style_arms.Arm.made_with`."""
        start = None if self._controller is None else self._controller.made_with(spec)
        weights = dict(WEIGHTS)
        return {"method": self._method, "budget": self._budget, "start": start, "weights": [CONTROLLER_WEIGHT, weights]}

    def answer(self, spec: EffectSpec, pair: Pair, content: Content) -> Answer:
        """See :meth:`fxstyle.run.style_arms.Arm.answer`.

        Raises:
            KeyboardInterrupt: When the search was interrupted: half a search is no answer.
        """
        if self._controller is not None:
            self._controller.prepare(spec, pair)
        began = time.perf_counter()
        proposal = None if self._controller is None else self._controller.propose(spec, pair, content)
        rate, reference = self._source.source.sample_rate, pair.reference(content)
        excerpt = Excerpt(pair.warmed, self._source.preroll, reference if content == "same" else None)
        objective: Objective = MatchedObjective([reference]) if content == "same" else StyleObjective([reference], rate)
        problem = Problem(spec, [excerpt], rate, self._source.renderer, objective)
        seed = int(self._source.rng(spec, self._split, pair.index, 2 + (content == "other")).integers(2**31))
        prior = proposal if content == "other" else None
        result = search(problem, self._budget, self._method, proposal, prior, seed, prior_weight=CONTROLLER_WEIGHT)
        if result.stopped_by == "interrupted":
            raise KeyboardInterrupt
        best, identity, score = self._chosen(problem, result, pair, content)
        return Answer(
            positions=best,
            renders=result.renders,
            seconds=time.perf_counter() - began,
            identity=identity,
            score=score,
            stopped_by=result.stopped_by,
        )

    def _chosen(
        self, problem: Problem, result: SearchResult, pair: Pair, content: Content
    ) -> tuple[NDArray[np.float32], float, float]:
        """The settings to use, with the distances of input and settings to the reference that acceptance looks at."""
        if content == "other":
            return result.best.positions, problem.identity, result.best.score
        distance = MultiResolutionSTFT()
        positions = np.stack([candidate.positions for candidate in result.candidates])
        done = self._source.renderer.render(
            [problem.spec], pair.warmed[None], positions[None], problem.sample_rate, self._source.preroll
        )
        with torch.inference_mode():
            wanted = distance.spectra(torch.from_numpy(pair.reference(content)[None]))
            identity = float(distance(torch.from_numpy(pair.dry[None]), wanted)[0])
            scores = distance(torch.from_numpy(done.audio[0]), wanted).double().numpy()
        scores = np.where(np.isin(done.status[0], (Status.FAILED, Status.NOT_FINITE)), np.nan, scores)
        if np.isnan(scores).all():
            return positions[0], identity, float("nan")
        nearest = int(np.nanargmin(scores))
        return positions[nearest], identity, float(scores[nearest])
