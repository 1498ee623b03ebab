"""Latency and tails against effects that are as late and as long as they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fxstyle.doctor.timing import check_latency, check_tail
from tests.doctor.toys import RATE, bench, knob

pytestmark = pytest.mark.unit


def late(samples: int) -> Any:
    return lambda spec, audio, v: np.pad(audio, ((0, 0), (samples, 0)))[:, : audio.shape[1]]


@pytest.mark.parametrize("samples", [0, 1, 37, 900])
def test_latency_is_measured_to_the_sample(samples: int) -> None:
    facts: dict[str, Any] = {}
    findings = list(check_latency(bench(late(samples), knob("mix")), 2, 0, facts))
    assert facts["latency_samples"] == samples
    assert [finding.code for finding in findings if finding.strength >= 1] == (["latency"] if samples > 1 else [])


def test_an_effect_that_resembles_nothing_has_no_latency() -> None:
    facts: dict[str, Any] = {}
    other = np.random.default_rng(0).standard_normal((1, 100_000)).astype(np.float32)
    assert not list(check_latency(bench(lambda spec, audio, v: other[:, : audio.shape[1]]), 2, 0, facts))
    assert facts["latency_samples"] is None


def echo(spec: Any, audio: Any, values: Any) -> Any:
    """One echo after 0 to 2 s, over a hum that is always there."""
    wet = audio + 0.01
    shift = round(values[0] * RATE)
    wet[:, shift:] += 0.5 * audio[:, : audio.shape[1] - shift]
    return wet


@pytest.mark.parametrize(("said", "found"), [(0.0, True), (2.5, False)])
def test_tails_are_measured_above_the_hum(said: float, found: bool) -> None:
    facts: dict[str, Any] = {}
    one = bench(echo, knob("time", high=2), tail_seconds=said)
    findings = [finding for finding in check_tail(one, 3, 0, facts) if finding.strength >= 1]
    assert facts["tail_seconds"] == pytest.approx(0.5, abs=0.01)
    assert facts["longest_tail_seconds"] == pytest.approx(2.0, abs=0.01)
    assert [finding.code for finding in findings] == (["tail"] if found else [])


def test_an_endless_tail_is_not_waited_for() -> None:
    facts: dict[str, Any] = {}

    def freeze(spec: Any, audio: Any, values: Any) -> Any:
        return np.maximum.accumulate(np.abs(audio), axis=1)

    (finding,) = check_tail(bench(freeze), 0, 0, facts, longest=3.0)
    assert facts["longest_tail_seconds"] == 3.0
    assert "3.00 s or more" in finding.sentence
