"""Effects that fail, remember, or depend on how they are called are found out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from fxstyle.doctor.bench import HopelessError
from fxstyle.doctor.findings import Finding
from fxstyle.doctor.soundness import (
    check_blocks,
    check_repeats,
    check_state,
    check_stream,
    failures,
    settings_to_try,
    try_hard_cases,
)
from fxstyle.doctor.sounds import noise, with_pause
from fxstyle.effects.parse import parse_effect
from tests.doctor.toys import Toy, bench, knob

pytestmark = pytest.mark.unit

AUDIO = with_pause(noise(2, 4096))


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings if finding.strength >= 1]


def plain(spec: Any, audio: Any, values: Any) -> Any:
    return np.tanh(3 * audio)


def test_a_sound_effect_passes() -> None:
    one, facts = bench(plain, knob("drive")), {}
    settings = settings_to_try(one.spec, 2, 0)
    try_hard_cases(one, 2, 2, 0)
    found = [*failures(one), *check_repeats(one, AUDIO, settings), *check_state(one, AUDIO, settings, facts)]
    assert not [*found, *check_blocks(one, AUDIO, settings, facts)]
    assert facts["reset"] == "exact"
    assert facts["block"] is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("crashed (SIGSEGV)", "crash"),
        ("hung: it was stopped after 2 s", "hang"),
        ("used more than 100 MB of memory and was stopped", "memory"),
        ("failed: ValueError", "error"),
    ],
)
def test_failures_are_named_with_their_settings(words: str, code: str) -> None:
    def toy(spec, audio, values):  # type: ignore[no-untyped-def]
        if values[0] == 1 and audio.shape[1] == 1:
            raise RuntimeError(words)
        return audio

    one = bench(toy, knob("danger"))
    try_hard_cases(one, 1, 1, 0)
    (finding,) = failures(one)
    assert finding.code == code
    assert finding.level == "FAIL"
    assert "danger 1 on one sample" in finding.sentence
    assert "1 of 36 renders" in finding.sentence


def test_output_that_is_not_finite_fails() -> None:
    one = bench(lambda spec, audio, v: audio / 0.0 if audio.max() == 0 and v[0] > 0.9 else audio, knob("danger"))
    with np.errstate(all="ignore"):
        try_hard_cases(one, 2, 1, 0)
    assert codes(failures(one)) == ["not_finite"]


def test_an_effect_that_always_fails_ends_the_examination() -> None:
    def toy(spec, audio, values):  # type: ignore[no-untyped-def]
        raise RuntimeError("crashed (SIGSEGV)")

    with pytest.raises(HopelessError):
        try_hard_cases(bench(toy, knob("danger")), 2, 4, 0)


def test_chance_is_not_repeatable() -> None:
    rng = np.random.default_rng(0)
    one = bench(lambda spec, audio, v: audio + 1e-6 * rng.standard_normal(audio.shape).astype(np.float32))
    assert codes(check_repeats(one, AUDIO, settings_to_try(one.spec, 1, 0))) == ["not_repeatable"]


class Remembers:
    """Adds the last sample of the clip before, unless a new instance is asked for or the knob has moved."""

    def __init__(self) -> None:
        self.last, self.values = 0.0, None

    def __call__(self, spec: Any, audio: Any, values: Any) -> Any:
        stays = spec.reset == "exact" and self.values is not None and np.array_equal(values, self.values)
        wet = audio + np.float32(1e-4 * self.last if stays else 0.0)
        if spec.reset == "exact":
            self.last, self.values = float(audio[0, -1]), values.copy()
        return wet


def test_what_a_reset_leaves_behind_is_found() -> None:
    one, facts = bench(Remembers(), knob("drive")), {}
    assert codes(check_state(one, AUDIO, settings_to_try(one.spec, 1, 0), facts)) == ["state_left"]
    assert facts["reset"] == "rebuild"


def test_blocks_that_matter_only_near_silence_are_found() -> None:
    def toy(spec, audio, values):  # type: ignore[no-untyped-def]
        wet = audio.copy()
        block = spec.block or audio.shape[1]
        for first in range(0, audio.shape[1], block):
            if not audio[:, first : first + block][:, -1:].any():
                wet[:, first : first + block] += 1e-6
        return wet

    one, facts = bench(toy), {}
    assert codes(check_blocks(one, AUDIO, settings_to_try(one.spec, 1, 0), facts)) == ["block_dependent"]
    assert facts["block"] == 512
    assert not codes(check_blocks(one, noise(2, 4096), settings_to_try(one.spec, 1, 0), {}))


@pytest.mark.parametrize(("toy", "found"), [(lambda spec, audio, v: audio, []), (plain, ["streams"])])
def test_a_stream_that_differs_is_found(toy: Toy, found: list[str]) -> None:
    """The stream is that of a real gain at 0 dB; the toy stands for what it gives at once."""
    one, facts = bench(toy), {}
    one.spec = parse_effect("toy", {"host": "pedalboard", "plugin": "Gain"})
    one.spec = parse_effect(
        "toy", {"host": "pedalboard", "plugin": "Gain", "parameters": {"gain_db": {"low": -1, "high": 1, "default": 0}}}
    )
    assert codes(check_stream(one, AUDIO, one.spec.defaults[None], facts)) == found
    assert facts["streams"] == (not found)
