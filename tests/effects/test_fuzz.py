"""Any sound at any setting: the renderer gives finite sound or says that it failed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.effects.renderer import Status, ThreadRenderer
from tests.effects.catalogue import built_in, effect

pytestmark = pytest.mark.system

SOUNDS = {
    "noise": lambda rng, shape: 0.2 * rng.standard_normal(shape),
    "silence": lambda rng, shape: np.zeros(shape),
    "full_scale": lambda rng, shape: np.sign(rng.standard_normal(shape)),
    "denormals": lambda rng, shape: 1e-40 * rng.standard_normal(shape),
    "dc": lambda rng, shape: np.full(shape, 0.7),
    "nan": lambda rng, shape: np.where(rng.random(shape) < 0.01, np.nan, 0.1),
}


@pytest.mark.parametrize("name", built_in())
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_sound_gives_finite_sound_or_a_failure(name: str, data: st.DataObject) -> None:
    channels = data.draw(st.sampled_from([1, 2]))
    rate = data.draw(st.sampled_from([8000, 24000, 44100, 48000, 96000, 192000]))
    samples = data.draw(st.integers(1, 9000))
    kind = data.draw(st.sampled_from(sorted(SOUNDS)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    audio = SOUNDS[kind](rng, (1, channels, samples)).astype(np.float32)
    positions = rng.random((1, 1, len(effect(name).parameters)), dtype=np.float32)
    renderer = ThreadRenderer(1)
    rendered = renderer.render([effect(name)], audio, positions, rate)
    assert rendered.audio.shape == (1, 1, channels, samples)
    assert np.isfinite(rendered.audio).all()
    assert (rendered.status[0, 0] == Status.FAILED) == bool(renderer.failures)
