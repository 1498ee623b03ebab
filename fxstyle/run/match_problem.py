"""What a match makes small, and the distance by which its candidates are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fxstyle.audio.resample import to_channels
from fxstyle.effects.renderer import Renderer, Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.run.match_sounds import Sounds
from fxstyle.search.excerpts import choose_excerpts
from fxstyle.search.objectives import MatchedObjective, Objective, StyleObjective
from fxstyle.search.problem import Excerpt, Problem
from fxstyle.search.trace import Candidate


def build_problem(spec: EffectSpec, sounds: Sounds, renderer: Renderer) -> Problem:
    """What is searched: excerpts of the dry sound, and the distance of spectra or of styles to the reference.

    Args:
        spec: The effect, for the channels of the dry sound.
        sounds: What is listened to.
        renderer: Renders the excerpts.
    """
    rate = sounds.sample_rate
    if sounds.same:
        excerpts = choose_excerpts(sounds.dry, rate, to_channels(sounds.reference, sounds.channels))
        objective: Objective = MatchedObjective(
            [_wanted(item, sounds) for item in excerpts], bandwidth=_bandwidth(sounds)
        )
        if _folds(sounds):
            objective = _Folded(objective)
        return Problem(spec, excerpts, rate, renderer, objective)
    wanted = [item.dry[:, item.preroll :] for item in choose_excerpts(sounds.reference, rate)]
    style = StyleObjective(wanted, rate, min(rate, sounds.reference_rate) / 2)
    return Problem(spec, choose_excerpts(sounds.dry, rate), rate, renderer, style)


def judge_candidates(
    problem: Problem, sounds: Sounds, renderer: Renderer, candidates: Sequence[Candidate]
) -> tuple[float, tuple[Candidate, ...]]:
    """Scores of the dry sound and of the candidates, best first, by the distance that decides.

    For the same performance that is the multi-resolution STFT distance at all its sizes, of which the search made a
    cheap part small; else it is the style distance itself. Candidates that cannot be rendered are left out.
    """
    positions = problem.settle(np.stack([candidate.positions for candidate in candidates]))
    if sounds.same:
        identity, scores = _full_distance(problem, sounds, renderer, positions)
    else:
        identity, scores = problem.identity, problem.evaluate(positions)
    order = [place for place in np.argsort(scores, kind="stable") if np.isfinite(scores[place])]
    return identity, tuple(Candidate(positions[place], float(scores[place])) for place in order)


@dataclass(frozen=True)
class _Folded:
    """Compares stereo sound with a mono reference as its mono mix."""

    objective: Objective

    def __call__(self, wet: NDArray[np.float32], excerpt: int) -> NDArray[np.float64]:
        return self.objective(_mono_mix(wet), excerpt)

    def differences(self, wet: NDArray[np.float32], excerpt: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        return self.objective.differences(_mono_mix(wet), excerpt)


def _mono_mix(wet: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean over the channels of ``(batch, channels, samples)``."""
    return wet.mean(axis=1, keepdims=True)


def _folds(sounds: Sounds) -> bool:
    return len(sounds.reference) < sounds.channels


def _wanted(excerpt: Excerpt, sounds: Sounds) -> NDArray[np.float32]:
    """The reference's side of an excerpt, with as many channels as the reference has."""
    assert excerpt.reference is not None
    return excerpt.reference[: len(sounds.reference)]


def _bandwidth(sounds: Sounds) -> float:
    """Share of the frequencies that a reference of a lower rate has; the last tenth is its own filter's."""
    return min(1.0, 0.9 * sounds.reference_rate / sounds.sample_rate)


def _full_distance(
    problem: Problem, sounds: Sounds, renderer: Renderer, positions: NDArray[np.float32]
) -> tuple[float, NDArray[np.float64]]:
    distance = MultiResolutionSTFT(bandwidth=_bandwidth(sounds))
    identity, scores = 0.0, np.zeros(len(positions))
    count = len(problem.excerpts)
    fold = _mono_mix if _folds(sounds) else np.ascontiguousarray
    with torch.inference_mode():
        for excerpt in problem.excerpts:
            wanted = distance.spectra(torch.from_numpy(np.ascontiguousarray(_wanted(excerpt, sounds)[None])))
            dry = fold(excerpt.dry[None, :, excerpt.preroll :])
            identity += float(distance(torch.from_numpy(dry), wanted)[0]) / count
            done = renderer.render(
                [problem.spec], excerpt.dry[None], positions[None], sounds.sample_rate, excerpt.preroll
            )
            found = distance(torch.from_numpy(fold(done.audio[0])), wanted).double().numpy() / count
            broken = np.isin(done.status[0], (Status.FAILED, Status.NOT_FINITE))
            scores += np.where(broken, np.inf, found)
    return identity, scores
