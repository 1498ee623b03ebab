from __future__ import annotations

import numpy as np
import pytest

from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.search import problem as problem_module
from fxstyle.search.objectives import MatchedObjective
from fxstyle.search.problem import Excerpt, Problem
from tests.effects.catalogue import effect
from tests.search.problems import PREROLL, RATE, Renders, matched, sound

pytestmark = pytest.mark.unit
COMPRESSOR = effect("compressor")


def test_the_truth_scores_nothing_and_the_dry_sound_is_the_identity() -> None:
    truth = COMPRESSOR.sample(np.random.default_rng(0))
    problem = matched(COMPRESSOR, truth)
    scores = problem.evaluate(np.stack([truth, COMPRESSOR.defaults]))
    assert scores[0] == pytest.approx(0.0, abs=1e-6)
    assert scores[1] > 0.0
    dry = problem.excerpts[0].dry[None, :, PREROLL:]
    wet = problem.excerpts[0].reference
    assert wet is not None
    assert problem.identity == pytest.approx(float(MatchedObjective([wet])(dry, 0)[0]))


def test_scores_are_means_over_excerpts_and_each_is_rendered_at_once() -> None:
    truth, other = COMPRESSOR.defaults, np.full(4, 0.2, np.float32)
    pieces = []
    for seed, preroll in ((0, 2048), (1, 0)):
        dry = sound(8192 + preroll, channels=2, seed=seed)
        wet = ThreadRenderer(1).render([COMPRESSOR], dry[None], truth[None, None], RATE, preroll).audio[0, 0]
        pieces.append(Excerpt(dry, preroll, wet))
    references = [piece.reference for piece in pieces if piece.reference is not None]
    renderer = Renders()
    both = Problem(COMPRESSOR, pieces, RATE, renderer, MatchedObjective(references))
    alone = [
        Problem(COMPRESSOR, [piece], RATE, Renders(), MatchedObjective([wet]))
        for piece, wet in zip(pieces, references, strict=True)
    ]
    positions = np.stack([truth, other, other])
    expected = np.mean([single.evaluate(positions) for single in alone], axis=0)
    np.testing.assert_allclose(both.evaluate(positions), expected, atol=1e-6)
    assert (renderer.calls, both.renders) == ([3, 3], 3)


def test_a_population_is_split_to_bound_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = COMPRESSOR.defaults
    renderer = Renders()
    problem = matched(COMPRESSOR, truth, renderer)
    positions = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    whole = problem.evaluate(positions)
    _, differences = problem.examine(positions)
    monkeypatch.setattr(problem_module, "_BYTES_AT_ONCE", 2 * problem.excerpts[0].dry.nbytes)
    np.testing.assert_array_equal(problem.evaluate(positions), whole)
    np.testing.assert_array_equal(problem.examine(positions)[1], differences)
    assert renderer.calls == [5, 5, 2, 2, 1, 2, 2, 1]


def test_failed_renders_score_infinity() -> None:
    problem = matched(COMPRESSOR, COMPRESSOR.defaults, Renders(fails_above=0.5))
    positions = np.tile(COMPRESSOR.defaults, (2, 1))
    positions[:, 0] = 0.4, 0.6
    scores = problem.evaluate(positions)
    assert np.isfinite(scores[0])
    assert scores[1] == np.inf
    assert (problem.failed, problem.renders) == (1, 2)


def test_settled_positions_are_inside_and_held_ones_held() -> None:
    ladder = effect("ladder")
    problem = matched(ladder, ladder.defaults)
    settled = problem.settle(np.array([[-1.0] * len(ladder.parameters), [2.0] * len(ladder.parameters)]))
    for column, parameter in enumerate(ladder.parameters):
        edge = 0.5 / parameter.steps if parameter.kind == "stepped" else 0.0
        np.testing.assert_allclose(settled[:, column], [edge, 1 - edge], rtol=1e-6)
    np.testing.assert_array_equal(ladder.to_units(settled), ladder.to_units(np.clip(settled, 0, 1)))
