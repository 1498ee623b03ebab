from __future__ import annotations

import numpy as np
import pytest

from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.gradients.candidates import movable
from fxstyle.gradients.estimator import Estimator
from fxstyle.gradients.lab import LEVELS, Bench, Study, effects, errors
from fxstyle.gradients.progress import gain_of

pytestmark = pytest.mark.unit


def test_errors_of_known_estimates() -> None:
    rng = np.random.default_rng(0)
    exact = rng.standard_normal((50, 4))
    shift, noise = 0.5 * rng.standard_normal((50, 4)), rng.standard_normal((400, 50, 4))
    cosine, bias, variance, batch = errors(exact + shift + 2 * noise, exact)
    scale = (exact**2).sum()
    assert bias == pytest.approx(np.sqrt((shift**2).sum() / scale), rel=0.03)
    assert variance == pytest.approx(4 * 50 * 4 / scale, rel=0.03)
    assert batch == pytest.approx(4 * 4 / 50 / (exact.mean(axis=0) ** 2).sum(), rel=0.15)
    assert 0.3 < cosine < 0.6


def test_errors_of_perfect_and_opposite_estimates() -> None:
    exact = np.random.default_rng(0).standard_normal((5, 3))
    assert errors(exact[None], exact) == pytest.approx((1, 0, 0, 0))
    assert errors(-exact[None], exact) == pytest.approx((-1, 2, 0, 0))
    assert errors(np.zeros((2, 5, 3)), exact)[0] == 0


def test_central_differences_find_the_exact_gradient_and_spsa_costs_what_it_says() -> None:
    assert [len(movable(spec)) for spec in effects()] == [1, 2, 3, 8]
    delay = effects()[1]
    bench = Bench(delay, ThreadRenderer(1), Study(settings=2, repeats=2))
    for level in LEVELS:
        central = bench.quality(Estimator("central", epsilon=0.003), level)
        assert central.cosine > 0.99
        assert (central.renders, central.controls, central.variance) == (4, 2, 0.0)
    spsa = bench.quality(Estimator("spsa", 1, 0.003), "loss")
    several = bench.quality(Estimator("spsa", 3, 0.003), "loss", "independent")
    assert (spsa.renders, several.renders) == (2, 6)
    assert 0 < several.variance < spsa.variance


@pytest.mark.parametrize("level", LEVELS)
def test_a_step_against_the_gradient_gains_and_one_along_it_loses(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(effects()[0], ThreadRenderer(1), Study(settings=2))
    gain = gain_of(bench, Estimator("central"), level, (0,))
    estimate = Bench.estimate
    monkeypatch.setattr(Bench, "estimate", lambda *arguments: -estimate(*arguments))
    assert gain > 0.02
    assert gain_of(bench, Estimator("central"), level, (0,)) < -0.02
