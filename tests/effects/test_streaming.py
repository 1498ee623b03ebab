"""Streamed sound equals sound rendered in one go, to the bit, however it is cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fxstyle.effects.hosts import build, open_stream
from fxstyle.effects.spec import EffectSpec, chain
from fxstyle.effects.streaming import BlockStream, Stream, WholeStream
from tests.effects.catalogue import RATE, built_in, effect, noise

pytestmark = pytest.mark.unit

NAMES = built_in()
Floats = NDArray[np.float32]


def fed(stream: Stream, audio: Floats, pieces: list[int]) -> list[Floats]:
    """What a stream gives for each piece, and at its end; the pieces repeat until the sound is over."""
    given, first = [], 0
    while first < audio.shape[1]:
        size = pieces[len(given) % len(pieces)]
        given.append(stream.process(audio[:, first : first + size]))
        first += size
    return [*given, stream.finish()]


def streamed(spec: EffectSpec, audio: Floats, pieces: list[int], positions: NDArray[np.floating]) -> Floats:
    return np.concatenate(fed(open_stream(spec, spec.to_units(positions), RATE, len(audio)), audio, pieces), axis=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2])
def test_streams_equal_one_go(name: str, channels: int) -> None:
    spec, audio = effect(name).for_channels(channels), noise(channels, 12345)
    rng = np.random.default_rng(2)
    for pieces in ([12345], [1, 511, 512, 513, 2048], [4097]):
        positions = spec.sample(rng)
        expected = build(spec)(audio, spec.to_units(positions), RATE)
        np.testing.assert_array_equal(streamed(spec, audio, pieces, positions), expected)


@settings(deadline=None, max_examples=25)
@given(pieces=st.lists(st.integers(1, 3000), min_size=1, max_size=6), samples=st.integers(1, 6000))
def test_a_chain_streams_however_it_is_cut(pieces: list[int], samples: int) -> None:
    """Links on grids of their own, one of them bypassed."""
    reverb = replace(effect("reverb"), block=512)
    joined = chain("both", (effect("distortion"), reverb, effect("delay")), bypassable=("delay",))
    audio = noise(1, samples)
    positions = np.full(len(joined.parameters), 0.7, np.float32)
    expected = build(joined)(audio, joined.to_units(positions), RATE)
    np.testing.assert_array_equal(streamed(joined, audio, pieces, positions), expected)


class Late:
    """An effect that is late: what it gives was fed ``latency`` samples before."""

    def __init__(self, latency: int) -> None:
        self.kept = np.zeros((1, latency), np.float32)

    def __call__(self, audio: Floats) -> Floats:
        both = np.concatenate([self.kept, audio], axis=1)
        self.kept = both[:, audio.shape[1] :]
        return both[:, : audio.shape[1]]


@settings(deadline=None, max_examples=50)
@given(
    latency=st.integers(0, 700),
    block=st.sampled_from([None, 1, 64, 512]),
    pieces=st.lists(st.integers(1, 900), min_size=1, max_size=5),
    samples=st.integers(1, 2000),
)
def test_latency_is_taken_away(latency: int, block: int | None, pieces: list[int], samples: int) -> None:
    audio = noise(1, samples)
    stream = BlockStream(Late(latency), 1, block, lambda: latency)
    np.testing.assert_array_equal(np.concatenate(fed(stream, audio, pieces), axis=1), audio)


def test_blocks_are_always_full() -> None:
    sizes = []

    def step(audio: Floats) -> Floats:
        sizes.append(audio.shape[1])
        return audio

    fed(BlockStream(step, 2, 128), noise(2, 1000), [7, 300])
    assert sizes == [128] * 8


def test_nothing_is_kept_waiting_but_an_unfinished_block() -> None:
    stream = BlockStream(lambda audio: audio, 1, 100)
    assert [piece.shape[1] for piece in fed(stream, noise(1, 350), [150])] == [100, 200, 0, 50]


def test_effects_that_cannot_stream_wait_for_the_end() -> None:
    audio = noise(1, 4000)
    given = fed(WholeStream(lambda whole: -whole, 1), audio, [1500])
    assert [piece.shape[1] for piece in given] == [0, 0, 0, 4000]
    np.testing.assert_array_equal(given[-1], -audio)


def test_an_empty_stream_gives_nothing() -> None:
    for name in ("delay", "mp3", "amp"):
        spec = effect(name)
        assert open_stream(spec, spec.to_units(spec.defaults), RATE, 1).finish().shape == (1, 0)
