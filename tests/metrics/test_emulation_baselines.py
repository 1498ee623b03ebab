from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import toeplitz
from scipy.signal import lfilter

from fxstyle.data.pair import Pair
from fxstyle.metrics.emulation import error_to_signal_ratio
from fxstyle.metrics.emulation_baselines import ARMS, LinearBaselines, apply_fir, fit_fir

pytestmark = pytest.mark.unit

Floats = NDArray[np.floating]


def pair_of(dry: Floats, wet: Floats, setting: int = 0) -> Pair:
    sounds = {"dry": np.atleast_2d(dry).astype(np.float32), "wet": np.atleast_2d(wet).astype(np.float32)}
    return Pair(
        name="p", recording="r", split="train", setting=setting, condition=np.zeros(0, np.float32), seconds=0, **sounds
    )


def noise(samples: int, seed: int) -> Floats:
    return 0.1 * np.random.default_rng([5, seed]).standard_normal(samples)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=3), st.integers(1, 12), st.integers(0, 99))
def test_the_fit_is_that_of_least_squares(lengths: list[int], taps: int, seed: int) -> None:
    if sum(lengths) < 3 * taps:
        lengths = [*lengths, 40]
    pairs = [pair_of(noise(n, seed + i), noise(n, seed + 50 + i)) for i, n in enumerate(lengths)]
    rows = np.concatenate([toeplitz(p.dry[0].astype(float), np.append(p.dry[0, 0], np.zeros(taps - 1))) for p in pairs])
    expected = np.linalg.lstsq(rows, np.concatenate([p.wet[0] for p in pairs]), rcond=None)[0]
    np.testing.assert_allclose(fit_fir(pairs, taps), expected, atol=1e-4)


def test_a_filter_is_found_and_applied() -> None:
    fir = np.zeros(512)
    fir[[0, 17, 511]] = [0.5, -0.3, 0.2]
    dry = noise(20_000, 0)
    wet = lfilter(fir, [1], dry)
    found = fit_fir([pair_of(dry, wet)])
    np.testing.assert_allclose(found, fir, atol=1e-5)
    assert error_to_signal_ratio(apply_fir(np.float32(dry)[None], found), np.float32(wet)[None]) < 1e-9


def test_sound_without_treble_has_a_filter_too() -> None:
    time = np.arange(8000) / 8000
    dry = np.sin(2 * np.pi * np.outer([100, 250, 333], time)).sum(axis=0)
    wet = lfilter([0.2, 0.8], [1], dry)
    assert error_to_signal_ratio(apply_fir(np.float32(dry)[None], fit_fir([pair_of(dry, wet)])), wet[None]) < 1e-5


def test_what_a_sound_does_not_tell_stays_small() -> None:
    dry = np.zeros(100)
    dry[-1] = 1
    np.testing.assert_allclose(fit_fir([pair_of(dry, 0.5 * dry)], 8), [0.5, *np.zeros(7)], atol=1e-6)


def test_arms_in_their_order() -> None:
    dry = noise(3000, 1)
    wet = np.tanh(20 * lfilter([0.5, 0.4, -0.2], [1], dry))
    other = noise(3000, 2)
    train = [pair_of(other, np.tanh(20 * lfilter([0.5, 0.4, -0.2], [1], other))), pair_of(other, -other, setting=1)]
    baselines = LinearBaselines(train, taps=32)
    scored = pair_of(dry, wet)
    outputs = baselines.outputs(scored)
    assert list(outputs) == list(ARMS)
    esr = {arm: error_to_signal_ratio(output, scored.wet) for arm, output in outputs.items()}
    assert esr["fir_oracle"] < esr["fir"] < esr["gain_oracle"] < esr["gain"] < esr["identity"]
    np.testing.assert_allclose(baselines.outputs(pair_of(dry, wet, setting=1))["gain"], -scored.dry, rtol=1e-6)
    assert list(baselines.outputs(pair_of(dry, wet, setting=2))) == ["identity", "gain_oracle", "fir_oracle"]


def test_silence() -> None:
    silent = pair_of(np.zeros(100), noise(100, 3))
    assert not fit_fir([silent], 8).any()
    assert not LinearBaselines([silent], 8).outputs(silent)["fir"].any()
