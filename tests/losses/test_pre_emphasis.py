from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from fxstyle.errors import InputError
from fxstyle.losses.pre_emphasis import PreEmphasis

pytestmark = pytest.mark.unit


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=5).filter(any), st.integers(1, 40), st.integers(0, 99))
def test_it_is_a_causal_filter(coefficients: list[float], samples: int, seed: int) -> None:
    audio = np.random.default_rng(seed).standard_normal((2, 2, samples)).astype(np.float32)
    found = PreEmphasis(coefficients)(torch.from_numpy(audio)).numpy()
    np.testing.assert_allclose(found, lfilter(coefficients, [1.0], audio), atol=1e-5)


@pytest.mark.parametrize("coefficients", [[], [0.0, 0.0], [1.0, float("nan")], [float("inf")]])
def test_filters_that_do_not_exist_are_refused(coefficients: list[float]) -> None:
    with pytest.raises(InputError, match=r"loss\.loss\.pre_emphasis"):
        PreEmphasis(coefficients)
