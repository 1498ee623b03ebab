from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fxstyle.doctor.fingerprint import RESPONSE, response_fingerprint
from fxstyle.effects.renderer import Rendered, Status, ThreadRenderer
from fxstyle.features.style_features import FEATURES, GROUPS
from tests.effects.catalogue import effect

pytestmark = pytest.mark.unit

RATE = 16000


def test_a_gain_raises_levels_in_both_halves() -> None:
    spec = effect("gain")
    found = response_fingerprint(spec, ThreadRenderer(1), RATE, 1)
    assert found.shape == (len(spec.parameters), RESPONSE)
    place = [parameter.name for parameter in spec.parameters].index("gain_db")
    lower, upper = found[place, :FEATURES], found[place, FEATURES : 2 * FEATURES]
    level = sum(count for _, count in GROUPS[:2])
    assert lower[level] > 2
    assert upper[level] > 2
    # Levels of bands change as much; the echoes do not.
    groups = dict(zip((name for name, _ in GROUPS), found[place, 2 * FEATURES :], strict=True))
    assert groups["spectrum"] > 2 > 0.5 > groups["echo"]


def test_it_is_a_function_of_the_effect_alone() -> None:
    spec = effect("distortion")
    one, other = (response_fingerprint(spec, ThreadRenderer(cores), RATE, 1) for cores in (1, 2))
    assert np.array_equal(one, other)


def test_held_controls_have_none() -> None:
    spec = effect("distortion")
    held = replace(spec, parameters=tuple(replace(parameter, held=True) for parameter in spec.parameters))
    assert not response_fingerprint(held, ThreadRenderer(1), RATE, 1).any()


class Failing(ThreadRenderer):
    """Fails at the highest place of a control."""

    def render(self, effects, audio, parameters, sample_rate, preroll=0):  # type: ignore[no-untyped-def]
        done = super().render(effects, audio, parameters, sample_rate, preroll)
        done.status[0, 2::3] = Status.FAILED
        done.audio[0, 2::3] = 0
        return Rendered(done.audio, done.status)


def test_failed_renders_are_left_out() -> None:
    whole = response_fingerprint(effect("gain"), ThreadRenderer(1), RATE, 1)
    part = response_fingerprint(effect("gain"), Failing(1), RATE, 1)
    assert np.allclose(part[:, :FEATURES], whole[:, :FEATURES])
    assert not part[:, FEATURES : 2 * FEATURES].any()
    assert np.isfinite(part).all()
