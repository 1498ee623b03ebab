from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fxstyle.audio.levels import loudness_lufs
from fxstyle.effects.hosts import HOSTS, build, discover, host, match_loudness, open_stream
from fxstyle.effects.renderer import Status, ThreadRenderer
from fxstyle.effects.spec import EffectSpec, chain
from fxstyle.errors import InputError
from tests.effects.catalogue import RATE, built_in, effect, noise

pytestmark = pytest.mark.unit


def test_every_host_has_its_functions() -> None:
    for name in HOSTS:
        module = host(name)
        for function in ("check", "build", "open_stream"):
            assert callable(getattr(module, function)), (name, function)


def test_only_some_hosts_name_a_plugin_s_controls() -> None:
    with pytest.raises(InputError, match="needs 'parameters'; only lv2 and vst3 plugins name their own"):
        discover("pedalboard", "drive", "Distortion", {})


@pytest.mark.parametrize("gain_db", [-20.0, 0.0, 15.0])
def test_matched_loudness_takes_an_output_gain_out(gain_db: float) -> None:
    """Whatever the output level is set to, the result is the same, and as loud as the dry sound."""
    drive = effect("distortion")
    level = effect("gain")
    matched = replace(chain("matched", (drive, level)), loudness_match=True)
    audio = noise(1, RATE)
    values = np.array([20.0, gain_db, 0.0, 0.0])
    wet = build(matched)(audio, values, RATE)
    assert loudness_lufs(wet, RATE) == pytest.approx(loudness_lufs(audio, RATE), abs=0.01)
    without = build(matched)(audio, np.array([20.0, 0.0, 0.0, 0.0]), RATE)
    np.testing.assert_allclose(wet, without, rtol=0, atol=1e-5)


def test_a_matched_effect_does_not_stream_but_gives_the_same() -> None:
    spec = replace(effect("distortion"), loudness_match=True)
    audio, values = noise(2, RATE), np.array([30.0])
    stream = open_stream(spec, values, RATE, 2)
    pieces = [stream.process(audio[:, :5000]), stream.process(audio[:, 5000:]), stream.finish()]
    assert [piece.shape[1] for piece in pieces] == [0, 0, RATE]
    np.testing.assert_array_equal(pieces[2], build(spec)(audio, values, RATE))
    assert not chain("holds one", (spec, effect("gain"))).streams


def test_silence_and_nan_are_not_matched() -> None:
    silent, loud = np.zeros((1, RATE), np.float32), noise(1, RATE)
    assert match_loudness(silent, loud, RATE) is silent
    assert match_loudness(loud, silent, RATE) is loud
    broken = loud.copy()
    broken[0, 5] = np.nan
    assert match_loudness(broken, loud, RATE) is broken


def test_bypassed_links_pass_their_input_on() -> None:
    both = chain("both", (effect("distortion"), effect("delay")), bypassable=("distortion", "delay"))
    audio = noise(1)
    values = both.to_units(both.defaults)
    count = len(both.parameters)
    for skipped, link in ((count - 2, effect("delay")), (count - 1, effect("distortion"))):
        part = values.copy()
        part[skipped] = 1.0
        expected = build(link)(audio, link.to_units(link.defaults), RATE)
        np.testing.assert_array_equal(build(both)(audio, part, RATE), expected)
    values[-2:] = 1.0
    np.testing.assert_array_equal(build(both)(audio, values, RATE), audio)
    np.testing.assert_array_equal(open_stream(both, values, RATE, 1).process(audio), audio)


@pytest.mark.parametrize("name", built_in())
def test_no_host_changes_its_input(name: str) -> None:
    spec: EffectSpec = effect(name)
    audio = noise(2, 3000)
    before = audio.copy()
    build(spec)(audio, spec.to_units(spec.defaults), RATE)
    np.testing.assert_array_equal(audio, before)


def test_a_rate_that_an_effect_is_not_made_for_is_refused() -> None:
    spec = replace(effect("gain"), highest_rate=96_000)
    audio, values = noise(1, 500), spec.to_units(spec.defaults)
    open_stream(spec, values, 96_000, 1)
    with pytest.raises(InputError, match="'gain' is made for sample rates up to 96000 Hz, not 192000 Hz: resample"):
        open_stream(spec, values, 192_000, 1)
    rendered = ThreadRenderer(1).render([spec], audio[None], spec.defaults[None, None], 192_000)
    assert rendered.status.tolist() == [[Status.FAILED]]
    assert chain("both", (effect("delay"), spec)).highest_rate == 96_000
    assert chain("one", (effect("delay"),)).highest_rate is None
    with pytest.raises(InputError, match="highest_rate must be a number above 0"):
        replace(spec, highest_rate=-1)
