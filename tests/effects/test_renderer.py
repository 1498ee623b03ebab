from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from fxstyle.effects.hosts import build
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.renderer import Limits, Status, ThreadRenderer, judge
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from tests.effects.catalogue import RATE, built_in, effect, noise

pytestmark = pytest.mark.unit

GAIN = EffectSpec("gain", "pedalboard", "Gain", (Parameter("gain_db", -100, 100, 0, unit="dB"),))


def everything(candidates: int = 2, channels: int = 1):
    """All effects of the catalogue in one batch."""
    effects = [effect(name) for name in built_in()]
    widest = max(len(spec.parameters) for spec in effects)
    audio = np.stack([noise(channels, 4096, seed) for seed in range(len(effects))])
    parameters = np.random.default_rng(0).random((len(effects), candidates, widest), dtype=np.float32)
    return effects, audio, parameters


def gains(*gain_db: float) -> np.ndarray:
    """One item of as many candidates."""
    return np.array([GAIN.parameters[0].to_position(value) for value in gain_db], np.float32).reshape(1, -1, 1)


@pytest.mark.parametrize("channels", [1, 2])
def test_threads_equal_one_core_to_the_bit(channels: int) -> None:
    batch = everything(2, channels)
    alone = ThreadRenderer(1).render(*batch, RATE, preroll=500)
    assert alone.audio.shape == (len(batch[0]), 2, channels, 3596)
    assert (alone.status == Status.OK).all()
    threads = ThreadRenderer(4)
    for _ in range(2):
        together = threads.render(*batch, RATE, preroll=500)
        np.testing.assert_array_equal(together.audio, alone.audio)
        np.testing.assert_array_equal(together.status, alone.status)
    threads.close()


def test_items_and_candidates_do_not_touch_each_other() -> None:
    effects, audio, parameters = everything(3)
    before = audio.copy()
    renderer = ThreadRenderer(1)
    whole = renderer.render(effects, audio, parameters, RATE)
    np.testing.assert_array_equal(audio, before)
    for item in (0, 5, len(effects) - 1):
        for candidate in range(3):
            single = renderer.render(
                [effects[item]], audio[item : item + 1], parameters[item : item + 1, candidate : candidate + 1], RATE
            )
            np.testing.assert_array_equal(single.audio[0, 0], whole.audio[item, candidate])


def test_each_item_is_what_its_host_makes_of_it() -> None:
    effects, audio, parameters = everything(1)
    whole = ThreadRenderer(2).render(effects, audio, parameters, RATE)
    for item, spec in enumerate(effects):
        wet = build(spec)(audio[item], spec.to_units(parameters[item, 0]), RATE)
        np.testing.assert_array_equal(whole.audio[item, 0], wet)


def test_preroll_is_rendered_and_cropped() -> None:
    effects, audio, parameters = everything(1, 2)
    renderer = ThreadRenderer(2)
    whole = renderer.render(effects, audio, parameters, RATE)
    cropped = renderer.render(effects, audio, parameters, RATE, preroll=1000)
    np.testing.assert_array_equal(cropped.audio, whole.audio[..., 1000:])


def test_preroll_warms_the_effect_up() -> None:
    """An echo of what came before the clip is in the clip."""
    delay = effect("delay")
    audio = np.zeros((1, 1, 8000), np.float32)
    audio[..., 100:110] = 0.5
    positions = np.array([p.to_position(v) for p, v in zip(delay.parameters, (0.2, 0.0, 0.5), strict=True)], np.float32)
    wet = ThreadRenderer(1).render([delay], audio, positions[None, None], 20000, preroll=2000)
    assert wet.status.tolist() == [[Status.OK]]
    assert np.flatnonzero(np.abs(wet.audio[0, 0, 0]) > 0.1).tolist() == list(range(2100, 2110))


def test_a_chain_is_its_links_in_series() -> None:
    amp = effect("amp")
    audio = noise(2)
    positions = amp.sample(np.random.default_rng(1))
    by_hand = audio
    for index, link in enumerate(amp.links):
        by_hand = build(link)(by_hand, link.to_units(positions[index : index + 1]), RATE)
    wet = ThreadRenderer(1).render([amp], audio[None], positions[None, None], RATE)
    np.testing.assert_array_equal(wet.audio[0, 0], by_hand)
    assert not np.allclose(by_hand, audio)


def test_unusable_results_are_told_apart() -> None:
    audio = np.full((1, 1, 1000), 0.5, np.float32)
    audio[..., ::2] *= -1
    wet = ThreadRenderer(2).render([GAIN], audio, gains(0, -80, 20, 60), RATE)
    assert wet.status.tolist() == [[Status.OK, Status.SILENT, Status.CLIPPED, Status.NOT_FINITE]]
    np.testing.assert_allclose(np.abs(wet.audio[0, 2]), 5.0, rtol=1e-4)
    assert not wet.audio[0, 3].any()


def test_a_result_that_is_not_finite_becomes_silence() -> None:
    audio = np.stack([noise(), noise(seed=1)])
    audio[0, 0, 100] = np.nan
    wet = ThreadRenderer(1).render([GAIN, GAIN], audio, np.repeat(gains(0), 2, axis=0), RATE)
    assert wet.status.tolist() == [[Status.NOT_FINITE], [Status.OK]]
    assert not wet.audio[0].any()
    assert np.isfinite(wet.audio).all()


def test_what_fails_does_not_stop_the_batch(caplog: pytest.LogCaptureFixture) -> None:
    """MP3 knows no sample rate of 7,000 Hz."""
    mp3 = effect("mp3")
    audio = np.stack([noise(), noise()])
    wet = ThreadRenderer(2).render([mp3, GAIN], audio, np.full((2, 1, 1), 0.5, np.float32), 7000)
    assert wet.status.tolist() == [[Status.FAILED], [Status.OK]]
    assert not wet.audio[0].any()
    assert "mp3 failed: " in caplog.text
    assert "(settings: vbr_quality 4.95)" in caplog.text


def test_positions_that_are_no_numbers_never_reach_a_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some plugins crash the whole process on them, others swallow them."""
    received = []

    def build_fake(spec: EffectSpec):
        def process(audio, values, sample_rate):
            received.append(values)
            return audio

        return process

    monkeypatch.setattr("fxstyle.effects.renderer.build", build_fake)
    effects = [effect("ladder"), effect("amp"), effect("gain")]
    parameters = np.full((3, 2, 6), 0.5, np.float32)
    parameters[0, 0, 0] = np.nan
    parameters[1, 0, 2] = np.nan
    # Beyond the one control of the gain: padding of the batch, which nobody reads.
    parameters[2, 0, 1] = np.nan
    wet = ThreadRenderer(1).render(effects, np.stack([noise()] * 3), parameters, RATE)
    assert wet.status.tolist() == [[Status.FAILED, Status.OK], [Status.FAILED, Status.OK], [Status.OK, Status.OK]]
    assert np.isfinite(received[0]).all()
    assert len(received) == 4
    assert not wet.audio[:2, 0].any()


@pytest.mark.parametrize(
    ("audio", "status"),
    [
        (np.zeros((2, 100)), Status.SILENT),
        (np.full((2, 100), 1.1e-3), Status.OK),
        (np.full((2, 100), 0.9e-3), Status.SILENT),
        (np.repeat([[0.5], [1.0]], 100, axis=1), Status.CLIPPED),
        (np.concatenate([np.full((1, 51), 0.5), np.ones((1, 49))], axis=1), Status.OK),
        (np.full((1, 100), np.inf), Status.NOT_FINITE),
        (np.full((1, 100), -101.0), Status.NOT_FINITE),
        (np.array([[0.1] * 99 + [-101.0]]), Status.NOT_FINITE),
        (np.array([[0.1] * 99 + [99.0]]), Status.OK),
    ],
)
def test_the_lines_between_usable_and_not(audio: np.ndarray, status: Status) -> None:
    assert judge(audio.astype(np.float32), Limits()) is status


def test_limits_are_settings() -> None:
    audio = np.full((1, 100), 1.0, np.float32)
    assert judge(audio, Limits(clipped_fraction=1.1)) is Status.OK
    assert judge(audio * 0.01, Limits(silence_db=-30)) is Status.SILENT
    assert judge(audio * 3, Limits(runaway_db=9)) is Status.NOT_FINITE


def test_renderers_pickle_without_their_threads() -> None:
    batch = everything(1)
    renderer = ThreadRenderer(3, Limits(silence_db=-50))
    expected = renderer.render(*batch, RATE)
    again = pickle.loads(pickle.dumps(renderer))
    assert (again.cores, again.limits) == (3, Limits(silence_db=-50))
    np.testing.assert_array_equal(again.render(*batch, RATE).audio, expected.audio)
    serial = renderer.serial()
    assert (serial.cores, serial.limits) == (1, renderer.limits)


def test_closed_renderers_render_again() -> None:
    batch = everything(1)
    renderer = ThreadRenderer(2)
    expected = renderer.render(*batch, RATE).audio
    renderer.close()
    renderer.close()
    np.testing.assert_array_equal(renderer.render(*batch, RATE).audio, expected)
    renderer.close()


def test_two_loaders_may_render_at_once() -> None:
    batch = everything(1)
    expected = ThreadRenderer(1).render(*batch, RATE).audio
    renderer = ThreadRenderer(2)
    with ThreadPoolExecutor(3) as pool:
        for rendered in pool.map(lambda _: renderer.render(*batch, RATE), range(3)):
            np.testing.assert_array_equal(rendered.audio, expected)
    renderer.close()


def test_held_controls_stay_whatever_is_asked() -> None:
    held = replace(GAIN, parameters=(replace(GAIN.parameters[0], held=True),))
    wet = ThreadRenderer(1).render([held], noise()[None], gains(-50, 0, 50), RATE)
    for candidate in range(3):
        np.testing.assert_array_equal(wet.audio[0, candidate], noise())


def test_shapes_that_disagree_are_refused() -> None:
    audio = noise()[None]
    for effects, parameters in (([GAIN, GAIN], gains(0)), ([GAIN], gains(0)[0]), ([GAIN], np.zeros((2, 1, 1)))):
        with pytest.raises(InputError, match="must agree on the batch"):
            ThreadRenderer(1).render(effects, audio, parameters, RATE)
    with pytest.raises(InputError, match=r"renderer\.cores must be at least 1, not 0"):
        ThreadRenderer(0)
