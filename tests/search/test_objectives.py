from __future__ import annotations

import numpy as np
import pytest
import torch

from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.errors import InputError
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.search.objectives import LONGEST_SAMPLES, MatchedObjective, Objective, StyleObjective
from fxstyle.search.rank_agreement import rank_agreement
from tests.effects.catalogue import effect, with_plugins
from tests.search.problems import RATE, sound


@pytest.mark.unit
def test_the_matched_objective_is_the_distance_at_its_sizes() -> None:
    reference, wet = sound(9000, channels=2), np.stack([sound(9000, channels=2, seed=s) for s in (1, 2)])
    scores = MatchedObjective([reference], fft_sizes=(256, 2048))(wet, 0)
    expected = MultiResolutionSTFT((256, 2048))(torch.from_numpy(wet), torch.from_numpy(reference[None]))
    np.testing.assert_allclose(scores, expected.numpy(), rtol=1e-5)


@pytest.mark.unit
def test_only_the_loudest_part_of_a_long_excerpt_counts() -> None:
    quiet, loud = 0.01 * sound(40_000), sound(LONGEST_SAMPLES)
    reference = np.concatenate((quiet, loud), axis=1)
    changed = reference.copy()
    changed[:, :30_000] = 0.0
    objective = MatchedObjective([reference])
    scores = objective(np.stack([changed, 0.5 * reference]), 0)
    assert scores[0] == pytest.approx(0.0, abs=1e-6)
    assert scores[1] > 0.1


@pytest.mark.unit
@pytest.mark.parametrize("kind", ["matched", "style"])
def test_differences_sum_to_about_the_distance(kind: str) -> None:
    reference = sound(40_000)
    wet = np.stack([sound(40_000), 0.3 * sound(40_000), sound(40_000, seed=4)])
    objective: Objective = MatchedObjective([reference]) if kind == "matched" else StyleObjective([reference], RATE)
    scores, differences = objective.differences(wet, 0)
    np.testing.assert_allclose(scores, objective(wet, 0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.abs(differences).sum(axis=1), scores, rtol=0.05, atol=1e-5)
    assert scores[0] < 1e-5 < scores[1]


@pytest.mark.unit
def test_the_style_of_several_references_is_their_mean_and_mono_ignores_width() -> None:
    parts = [sound(20_000, seed=seed) for seed in (1, 2)]
    wet = np.stack([sound(20_000, channels=2)])
    both = StyleObjective(parts, RATE)
    middle = np.mean([StyleObjective([part], RATE).differences(wet, 0)[1] for part in parts], axis=0)
    np.testing.assert_allclose(both.differences(wet, 0)[1], middle, atol=1e-5)
    np.testing.assert_allclose(both(wet.mean(axis=1, keepdims=True), 0), both(wet, 0), rtol=1e-5)
    with pytest.raises(InputError, match="at least one excerpt"):
        StyleObjective([], RATE)


@pytest.mark.unit
@pytest.mark.parametrize("name", ["compressor", "distortion", "peak", "reverb"])
def test_the_cheap_distance_ranks_settings_like_the_full_one(name: str) -> None:
    found = rank_agreement(effect(name), ThreadRenderer(1), sound(32_768 + 2048), 2048, RATE, settings=24)
    assert found.correlation >= 0.9


@pytest.mark.slow
def test_the_median_rank_correlation_over_the_mda_set_is_high() -> None:
    names = [name for name in with_plugins() if name.startswith("mda_")]
    agreements = [
        rank_agreement(effect(name).for_channels(1), ThreadRenderer(1), sound(LONGEST_SAMPLES), 0, RATE)
        for name in names
    ]
    assert len(agreements) >= 9
    assert np.median([found.correlation for found in agreements]) >= 0.9
