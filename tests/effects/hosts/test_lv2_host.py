"""What the LV2 host does to a plugin that tells, and to plugins of people."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fxstyle.effects.hosts import build, lv2_host, open_stream
from fxstyle.effects.lv2 import instance as instances
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from tests.effects.catalogue import noise
from tests.effects.lv2.probes import FIRST_OUTPUT, OUTPUTS, probe

pytestmark = pytest.mark.system

RATE = 24000.0


def values(spec: EffectSpec, **given: float) -> NDArray[np.float64]:
    return np.array([given.get(p.name, p.default) for p in spec.parameters])


def told(
    spec: EffectSpec, audio: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch, **given: float
) -> dict[str, float]:
    """What a probe says after one clip."""
    started: list[instances.Instance] = []
    start = instances.Instance.__init__

    def watched(self: instances.Instance, *arguments: object) -> None:
        start(self, *arguments)  # type: ignore[arg-type]
        started.append(self)

    with monkeypatch.context() as patch:
        patch.setattr(instances.Instance, "__init__", watched)
        build(spec)(audio, values(spec, **given), RATE)
    controls = started[0].controls[FIRST_OUTPUT : FIRST_OUTPUT + len(OUTPUTS)]
    return dict(zip(OUTPUTS, controls.tolist(), strict=True))


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., EffectSpec]:
    """Compiles each kind of probe once."""
    return cache(lambda *sizes: probe(tmp_path_factory.mktemp("probe"), *sizes))


@pytest.fixture(scope="module")
def stereo(probes: Callable[..., EffectSpec]) -> EffectSpec:
    return probes(2, 2)


@pytest.mark.parametrize("block", [None, 512])
def test_features_events_and_options_are_right(
    block: int | None, stereo: EffectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = told(replace(stereo, block=block), noise(2, 2000), monkeypatch)
    assert heard["faults"] == 0
    assert heard["rate_option"] == RATE
    assert heard["alive"] == 1
    assert heard["longest"] == heard["longest_option"] == heard["shortest"] == (block or 2000)
    assert heard["shortest_option"] == (block or 1)


def test_whole_numbers_and_shares_of_the_rate(stereo: EffectSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = told(stereo, noise(2, 100), monkeypatch, whole=41.6, share=0.125)
    assert heard["heard"] == pytest.approx(42 + 1e6 * 0.125 * RATE)


LEFT, RIGHT = 1.0, -0.5
MID = (LEFT + RIGHT) / 2
ROUTES = {
    # inputs, outputs, latency, side chains -> mono output, left output, right output
    (1, 1, 0, 0): (LEFT, LEFT, RIGHT),
    (2, 2, 0, 0): (3 * LEFT, LEFT + 2 * RIGHT, 11 * LEFT + 12 * RIGHT),
    (1, 2, 0, 0): (LEFT, MID, 11 * MID),
    (2, 1, 0, 0): (3 * LEFT, LEFT + 2 * RIGHT, LEFT + 2 * RIGHT),
    (3, 2, 0, 0): (3 * LEFT, LEFT + 2 * RIGHT, 11 * LEFT + 12 * RIGHT),
    (2, 1, 0, 1): (LEFT, LEFT, RIGHT),
    (2, 2, 0, 1): (LEFT, MID, 11 * MID),
    (4, 3, 0, 2): (3 * LEFT, LEFT + 2 * RIGHT, 11 * LEFT + 12 * RIGHT),
}


@pytest.mark.parametrize("ports", ROUTES, ids=str)
@pytest.mark.parametrize("block", [None, 64])
def test_channels_go_where_they_should(
    ports: tuple[int, ...], block: int | None, probes: Callable[..., EffectSpec]
) -> None:
    spec = replace(probes(*ports), block=block)
    mono, left, right = ROUTES[ports]
    process, chosen = build(spec), values(spec, gain=2.0)
    one = process(np.full((1, 100), LEFT, np.float32), chosen, RATE)
    np.testing.assert_allclose(one, np.full((1, 100), 2 * mono))
    two = process(np.repeat(np.array([[LEFT], [RIGHT]], np.float32), 100, axis=1), chosen, RATE)
    np.testing.assert_allclose(two, np.repeat([[2 * left], [2 * right]], 100, axis=1), rtol=1e-6)


def test_more_than_two_channels_are_refused(stereo: EffectSpec) -> None:
    with pytest.raises(InputError, match="take mono or stereo sound, not 3 channels: mix it down first"):
        build(stereo)(noise(3, 100), values(stereo), RATE)


@pytest.mark.parametrize("block", [None, 64])
@pytest.mark.parametrize("reset", ["rebuild", "exact"])
@pytest.mark.parametrize("samples", [1, 63, 64, 65, 1000])
def test_latency_is_taken_away(block: int | None, reset: str, samples: int, probes: Callable[..., EffectSpec]) -> None:
    spec = replace(probes(1, 1, 77), block=block, reset=reset)
    audio, process = noise(2, samples), build(spec)
    for _ in range(2):
        np.testing.assert_array_equal(process(audio, values(spec), RATE), audio)
    stream = open_stream(spec, values(spec), RATE, 2)
    pieces = [stream.process(part) for part in np.array_split(audio, 3, axis=1)]
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.finish()], axis=1), audio)


@pytest.mark.parametrize("reset", ["rebuild", "exact"])
def test_no_instance_is_left(reset: str, stereo: EffectSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(stereo, reset=reset, block=None)
    process = build(spec)
    for samples in (100, 200, 50, 300):
        process(noise(1, samples), values(spec), RATE)
        process(noise(2, samples), values(spec), RATE)
    stream = open_stream(spec, values(spec), RATE, 2)
    stream.process(noise(2, 10))
    del process, stream
    gc.collect()
    assert told(spec, noise(1, 10), monkeypatch)["alive"] == 1


def test_an_exact_reset_reuses_one_instance(stereo: EffectSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = lv2_host.Running.__init__
    monkeypatch.setattr(lv2_host.Running, "__init__", lambda self, *rest: (started.append(1), start(self, *rest))[1])
    spec = replace(stereo, reset="exact", block=None)
    process, audio = build(spec), noise(2, 500)
    for gain in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(
            process(audio, values(spec, gain=gain), RATE)[0], gain * (audio[0] + 2 * audio[1]), rtol=1e-5, atol=1e-6
        )
    assert len(started) == 1
    process(noise(2, 501), values(spec), RATE)
    process(audio, values(spec), 2 * RATE)
    assert len(started) == 3


def test_what_has_heard_nan_is_not_used_again(stereo: EffectSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = lv2_host.Running.__init__
    monkeypatch.setattr(lv2_host.Running, "__init__", lambda self, *rest: (started.append(1), start(self, *rest))[1])
    process, audio = build(replace(stereo, reset="exact")), noise(2, 500)
    spoiled = audio.copy()
    spoiled[1, 100] = np.nan
    for clip in (audio, spoiled, audio, audio):
        process(clip, values(stereo), RATE)
    assert len(started) == 2


def test_a_plugin_that_does_not_start(stereo: EffectSpec) -> None:
    with pytest.raises(InputError, match="does not start at 12345 Hz: try another sample rate"):
        build(stereo)(noise(1, 10), values(stereo), 12345.0)


def test_no_samples_and_sound_in_odd_memory(stereo: EffectSpec) -> None:
    process, audio = build(stereo), noise(2, 4000)
    assert process(audio[:, :0], values(stereo), RATE).shape == (2, 0)
    odd = audio[:, ::2]
    np.testing.assert_array_equal(
        process(odd, values(stereo), RATE), process(np.ascontiguousarray(odd), values(stereo), RATE)
    )


def test_the_dry_sound_stays(stereo: EffectSpec) -> None:
    audio = noise(2, 1000)
    before = audio.copy()
    wet = build(stereo)(audio, values(stereo), RATE)
    again = build(stereo)(audio, values(stereo, gain=0.0), RATE)
    np.testing.assert_array_equal(audio, before)
    assert np.abs(wet).max() > 0
    assert not again.any()


def test_threads_with_their_own_process_agree(stereo: EffectSpec) -> None:
    audio = noise(2, 20000)
    wanted = build(stereo)(audio, values(stereo), RATE)
    same: list[bool] = []

    def work() -> None:
        process = build(stereo)
        same.extend(bool(np.array_equal(process(audio, values(stereo), RATE), wanted)) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 80


def test_a_library_without_the_plugin_is_refused(tmp_path: Path) -> None:
    probe(tmp_path, 1, 1)
    for file in (tmp_path / "thing.lv2").glob("*.ttl"):
        file.write_text(file.read_text().replace("my:thing", "my:absent"))
    with pytest.raises(InputError, match="has no plugin urn:fxstyle:test:absent, although its bundle says so"):
        build(lv2_host.discover("absent", str(tmp_path / "thing.lv2"), {}))


def tiny_numbers_are_zero() -> bool:
    return float(np.float32(1e-40) * np.float32(0.5)) == 0.0


@pytest.mark.parametrize("block", [None, 64])
def test_plugins_reckon_alike_in_every_thread(block: int | None, stereo: EffectSpec) -> None:
    audio, spec = np.full((2, 200), 1e-40, np.float32), replace(stereo, block=block)
    process = build(spec)
    wanted = process(audio, values(spec), RATE)
    assert wanted.any()
    assert torch.set_flush_denormal(True)
    try:
        found = process(audio, values(spec), RATE)
        assert tiny_numbers_are_zero(), "what held in this thread was not put back"
    finally:
        torch.set_flush_denormal(False)
    np.testing.assert_array_equal(found, wanted)


def test_loading_fast_mathematics_changes_nothing_here() -> None:
    script = (
        "import numpy as np, ctypes\n"
        "from fxstyle.effects.hosts import build, lv2_host\n"
        "spec = lv2_host.discover('zam', 'urn:zamaudio:ZamComp', {})\n"
        "build(spec)(np.zeros((1, 100), np.float32), spec.to_units(spec.defaults), 48000.0)\n"
        "assert float(np.float32(1e-40) * np.float32(0.5)) > 0\n"
        "ctypes.CDLL(str(lv2_host.describe('urn:zamaudio:ZamEQ2').binary))\n"
        "assert float(np.float32(1e-40) * np.float32(0.5)) == 0, 'this test shows nothing'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=120)


ZAM = ("ZamComp", "ZamCompX2", "ZamDelay", "ZamEQ2", "ZamGate", "ZamTube", "ZaMaximX2")


@pytest.mark.parametrize("name", ZAM)
@pytest.mark.parametrize("channels", [1, 2])
def test_plugins_that_need_numbers_and_options_run(name: str, channels: int) -> None:
    spec = lv2_host.discover(name, f"urn:zamaudio:{name}", {})
    audio, process = noise(channels, 9000), build(spec)
    chosen = spec.to_units(spec.sample(np.random.default_rng(0)))
    wet = process(audio, chosen, 48000.0)
    assert np.isfinite(wet).all()
    assert not np.array_equal(wet, audio)
    np.testing.assert_array_equal(process(audio, chosen, 48000.0), wet)
    stream = open_stream(spec, chosen, 48000.0, channels)
    pieces = [stream.process(audio[:, :1234]), stream.process(audio[:, 1234:]), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), wet)
