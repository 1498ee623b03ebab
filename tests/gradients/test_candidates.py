from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fxstyle.effects.spec import EffectSpec
from fxstyle.gradients.candidates import candidates, movable
from fxstyle.gradients.estimator import Estimator
from tests.effects.catalogue import effect

pytestmark = pytest.mark.unit

KEY = (0, 3, 7, 0)


def wide() -> EffectSpec:
    """An effect of five parameters, whose second is held and whose fourth is a switch."""
    return replace(
        effect("reverb"),
        parameters=tuple(
            replace(p, held=place == 1, steps=2 if place == 3 else 0)
            for place, p in enumerate(effect("reverb").parameters[:5])
        ),
    )


def settings(batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 0.8, (batch, 6)).astype(np.float32)


def test_only_continuous_controls_that_are_not_held_move() -> None:
    assert movable(wide()).tolist() == [0, 2, 4]
    for kind in ("spsa", "central", "one_sided"):
        plan = candidates(Estimator(kind), [wide()] * 2, settings(2), KEY)
        assert (plan.positions[..., [1, 3, 5]] == settings(2)[:, None, [1, 3, 5]]).all()
        assert plan.steps[..., [0, 2, 4]].any(axis=1).all()
        np.testing.assert_array_equal(plan.positions[:, 0], settings(2))


def test_numbers_of_renders() -> None:
    def renders(spec: EffectSpec, **options: object) -> int:
        return candidates(Estimator(**options), [spec], settings(1), KEY).positions.shape[1] - 1  # type: ignore[arg-type]

    assert renders(wide(), kind="central") == 6
    assert renders(wide(), kind="one_sided") == 3
    assert [renders(wide(), kind="spsa", draws=draws) for draws in (1, 2, 4, 16)] == [2, 4, 8, 8]
    assert renders(effect("gain"), kind="spsa", draws=8) == 2


def test_pairs_lie_on_both_sides_and_steps_are_those_really_taken() -> None:
    start = settings(1)
    start[0, :3] = 0.0, 0.5, 0.996
    plan = candidates(Estimator("spsa", draws=4, epsilon=0.01), [effect("peak")], start, KEY)
    ahead, behind = plan.positions[:, plan.ahead], plan.positions[:, plan.behind]
    np.testing.assert_array_equal(plan.steps, ahead - behind)
    np.testing.assert_allclose(np.abs(plan.steps[0, :, :3]), [[0.01, 0.02, 0.014]] * 4, rtol=1e-4)
    assert plan.positions.min() >= 0
    assert plan.positions.max() <= 1


def test_one_sided_steps_turn_back_at_the_end() -> None:
    start = settings(1)
    start[0, :3] = 0.0, 0.5, 1.0
    plan = candidates(Estimator("one_sided", epsilon=0.01), [effect("peak")], start, KEY)
    np.testing.assert_allclose(np.diagonal(plan.steps[0, :, :3]), [0.01, 0.01, -0.01], rtol=1e-4)


@pytest.mark.parametrize("kind", ["spsa", "central", "one_sided"])
@pytest.mark.parametrize("place", [0.0, 0.004, 0.5, 1.0])
def test_gradient_of_a_linear_function_is_exact_wherever_it_is_taken(kind: str, place: float) -> None:
    slope = np.array([1.0, -2.0, 0.5])
    start = settings(1)
    start[0, :3] = 0.4, place, 0.7
    plan = candidates(Estimator(kind, draws=4), [effect("peak")], start, KEY)  # type: ignore[arg-type]
    values = plan.positions[..., :3].astype(np.float64) @ slope
    found = plan.gradient(values[:, plan.ahead] - values[:, plan.behind], np.ones((1, len(plan.ahead)), dtype=bool))
    np.testing.assert_allclose(found[0], [*slope, 0, 0, 0], rtol=2e-4)


def test_directions_are_signs_without_a_preference() -> None:
    spec = effect("reverb")
    count = len(movable(spec))
    drawn = np.concatenate(
        [
            np.sign(
                candidates(Estimator("spsa", draws=2), [spec], np.full((1, 6), 0.5, np.float32), (9, key)).steps[
                    0, :, :count
                ]
            )
            for key in range(500)
        ]
    )
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    # 1,000 signs: four standard errors. The products of different controls average out too.
    assert np.abs(drawn.mean(axis=0)).max() < 4 / np.sqrt(1000)
    assert np.abs(drawn.T @ drawn / 1000 - np.eye(count)).max() < 4 / np.sqrt(1000)


def test_directions_depend_on_the_key_alone() -> None:
    estimator, specs = Estimator("spsa", draws=3), [effect("peak"), effect("reverb")]
    plan = candidates(estimator, specs, settings(2), KEY)
    again = candidates(estimator, specs, settings(2), KEY)
    alone = candidates(estimator, specs[:1], settings(2)[:1], KEY)
    other = candidates(estimator, specs, settings(2), (0, 3, 8, 0))
    np.testing.assert_array_equal(plan.positions, again.positions)
    np.testing.assert_array_equal(plan.steps[:1], alone.steps)
    assert (plan.steps != other.steps).any()


def test_items_share_their_directions_only_when_asked() -> None:
    def steps(shared: bool) -> np.ndarray:
        estimator = Estimator("spsa", draws=2, shared_directions=shared)
        return candidates(estimator, [effect("reverb")] * 8, np.full((8, 6), 0.5, np.float32), KEY).steps

    assert (steps(True) == steps(True)[:1]).all()
    assert len(np.unique(steps(False), axis=0)) > 4


def test_unusable_pairs_are_left_out_and_without_any_the_gradient_is_zero() -> None:
    plan = candidates(Estimator("spsa", draws=4), [effect("peak")] * 2, settings(2), KEY)
    values = plan.positions[..., :3].sum(axis=-1).astype(np.float64)
    differences = values[:, plan.ahead] - values[:, plan.behind]
    differences[0, 1] = np.nan
    usable = np.array([[True, False, True, True], [False] * 4])
    found = plan.gradient(differences, usable)
    kept = np.mean([differences[0, pair] / plan.steps[0, pair, :3] for pair in (0, 2, 3)], axis=0)
    np.testing.assert_allclose(found[0, :3], kept, rtol=1e-5)
    assert not found[1].any()


def test_effect_without_anything_to_move() -> None:
    held = replace(effect("gain"), parameters=tuple(replace(p, held=True) for p in effect("gain").parameters))
    for kind in ("spsa", "central", "one_sided"):
        plan = candidates(Estimator(kind), [held, effect("gain")], settings(2), KEY)  # type: ignore[arg-type]
        assert not plan.steps[0].any()
        assert plan.steps[1].any()
