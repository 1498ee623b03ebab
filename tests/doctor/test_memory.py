"""Effects that read what they never wrote are found, whatever happened to be there."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from fxstyle.doctor import memory
from tests.doctor.toys import bench, knob

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fills memory through the GNU C library"),
]


@pytest.mark.parametrize(("careless", "found"), [(True, ["not_repeatable"]), (False, [])])
def test_memory_that_was_never_written_is_noticed(
    careless: bool, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(spec: Any) -> Any:
        def process(audio: Any, values: Any, sample_rate: float) -> Any:
            delayed = np.empty(100_003, np.float32) if careless and values[0] > 0.9 else np.zeros(100_003, np.float32)
            return audio + delayed[: audio.shape[1]]

        return process

    monkeypatch.setattr(memory, "build", build)
    one, facts = bench(lambda spec, audio, v: audio, knob("time")), {}
    settings = np.array([[0.2], [1.0], [0.5]], np.float32)
    findings = list(memory.check_memory(one, np.zeros((1, 400), np.float32), settings, facts))
    assert [finding.code for finding in findings] == found
    assert facts["memory_checked"]
    assert all("1 of 3 settings, first with time 1" in finding.sentence for finding in findings)
