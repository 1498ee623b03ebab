"""Plugins compiled from C that crash, hang, return NaN or eat memory lose exactly the items they spoil."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxstyle.audio.levels import Level
from fxstyle.data.dataset import EffectDataset
from fxstyle.data.keys import rank_batches
from fxstyle.effects.hosts import discover
from fxstyle.effects.isolation import IsolatedStream
from fxstyle.effects.processes import HOPELESS, ProcessRenderer
from fxstyle.effects.renderer import Limits, RenderError, Status
from fxstyle.effects.safe_renderer import SafeRenderer
from fxstyle.effects.schedule import Schedule
from fxstyle.effects.spec import EffectSpec
from tests.data.sounds import GAIN, RATE, Noises, plan_of
from tests.effects.catalogue import noise
from tests.effects.native import DEEDS, THRESHOLD, trap
from tests.effects.test_processes import children

pytestmark = pytest.mark.system

REASONS = {
    "crash": "crashed (SIGSEGV)",
    "hang": "hung: it was stopped after 1.5 s",
    "eat_memory": "used more than 100 MB of memory and was stopped",
}
SAFE, DANGEROUS = 0.5, 0.95


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EffectSpec]:
    folder = tmp_path_factory.mktemp("traps")
    # In one call: a process that is started again need not wait for the compiler that short calls are made with.
    return {deed: replace(discover("lv2", deed, trap(folder, deed), {}), block=None) for deed in DEEDS}


@pytest.fixture
def renderer() -> Iterator[ProcessRenderer]:
    before = children()
    renderer = ProcessRenderer(2, Limits(), time_limit_seconds=1.5, memory_limit_mb=100.0, quarantine_after=2)
    yield renderer
    renderer.close()
    assert children() == before, "a process was left behind"


def danger(*values: float) -> np.ndarray:
    """One candidate for each value."""
    return np.array(values, np.float32).reshape(1, -1, 1)


@pytest.mark.parametrize("deed", REASONS)
def test_one_item_is_lost_and_named(
    deed: str, traps: dict[str, EffectSpec], renderer: ProcessRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    audio = noise(1, 2000)[None]
    asked = (SAFE, 0.1, DANGEROUS, 0.2, 0.3, 0.4)
    rendered = renderer.render([traps[deed]], audio, danger(*asked), RATE)
    assert rendered.status.tolist() == [[Status.FAILED if value > THRESHOLD else Status.OK for value in asked]]
    for candidate, value in enumerate(asked):
        np.testing.assert_array_equal(rendered.audio[0, candidate], 0 * audio[0] if value > THRESHOLD else audio[0] / 2)
    (failure,) = renderer.failures
    assert str(failure) == f"{deed} {REASONS[deed]} (settings: danger 0.95)"
    assert str(failure) in caplog.text


def test_what_is_not_finite_becomes_silence(traps: dict[str, EffectSpec], renderer: ProcessRenderer) -> None:
    rendered = renderer.render([traps["not_a_number"]], noise(2, 2000)[None], danger(SAFE, DANGEROUS), RATE)
    assert rendered.status.tolist() == [[Status.OK, Status.NOT_FINITE]]
    assert not rendered.audio[0, 1].any()


def test_settings_that_fail_again_are_quarantined(
    traps: dict[str, EffectSpec], renderer: ProcessRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        rendered = renderer.render([traps["crash"]], noise(1, 2000)[None], danger(DANGEROUS, SAFE), RATE)
        assert rendered.status.tolist() == [[Status.FAILED, Status.OK]]
    assert len(renderer.failures) == 2
    assert caplog.text.count("not tried again") == 1


def test_a_plugin_that_does_not_start(traps: dict[str, EffectSpec], renderer: ProcessRenderer) -> None:
    """It crashes with the first clip, whatever the settings; they differ, and so does each failure."""
    audio = np.stack([noise(1, 500)] * 2)
    rendered = renderer.render([traps["crash_at_start"], GAIN], audio, danger(SAFE, 0.6)[[0, 0]], RATE)
    assert rendered.status.tolist() == [[Status.FAILED] * 2, [Status.OK] * 2]
    assert renderer.failures[0].reason == "crashed (SIGSEGV)"


def test_a_plugin_that_never_survives_is_given_up_as_a_whole(
    traps: dict[str, EffectSpec], renderer: ProcessRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty clips, all with settings of their own; one that had once been rendered would be tried on."""
    many = np.linspace(0.91, 1.0, 20)
    assert (renderer.render([traps["crash_at_start"]], noise(1, 500)[None], danger(*many), RATE).status != 0).all()
    assert HOPELESS <= len(renderer.failures) <= HOPELESS + 1
    assert caplog.text.count("this effect is not tried again") == 1
    renderer.render([traps["crash"]], noise(1, 500)[None], danger(SAFE), RATE)
    assert (renderer.render([traps["crash"]], noise(1, 500)[None], danger(*many), RATE).status != 0).all()
    assert len([failure for failure in renderer.failures if failure.effect == "crash"]) == len(many)


def test_a_plugin_that_cannot_be_loaded_is_given_up_as_a_whole(
    traps: dict[str, EffectSpec], renderer: ProcessRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    gone = replace(traps["crash"], settings=(("bundle", "/nowhere.lv2"),))
    for value in (0.1, 0.2, 0.3, 0.4):
        assert renderer.render([gone], noise(1, 500)[None], danger(value), RATE).status.tolist() == [[Status.FAILED]]
    assert [failure.settings for failure in renderer.failures] == ["danger 0.1", "danger 0.2"]
    assert "/nowhere.lv2" in renderer.failures[0].reason
    assert caplog.text.count("this effect is not tried again") == 1


def test_an_epoch_completes_and_loses_exactly_the_bad_items(
    traps: dict[str, EffectSpec], caplog: pytest.LogCaptureFixture
) -> None:
    """200 items, all five effects in every batch, two loaders' worth of processes."""
    before = children()
    effects = [traps[deed] for deed in (*REASONS, "not_a_number")] + [GAIN]
    renderer = SafeRenderer(2, Limits(), time_limit_seconds=1.5, memory_limit_mb=100.0)
    source = Noises()
    dataset = EffectDataset(source, plan_of(source), effects, renderer, Level(), 100)
    keys = plan_of(source).training_epoch(0, 200, Schedule("mixed"), len(effects))
    rejected = {}
    lost: list[tuple[str, float]] = []
    for batch_keys in rank_batches(keys, 25, 0, 1):
        batch = dataset.__getitems__(batch_keys)
        assert np.isfinite(batch["wet"].numpy()).all()
        rejected |= dict(zip(batch["index"].tolist(), batch["rejected"].tolist(), strict=True))
    expected = {}
    for key in keys:
        spec, attempt = effects[key.effect], 0
        while spec is not GAIN and spec.to_units(spec.sample(key.rng(attempt)))[0] > THRESHOLD:
            if spec.name in REASONS:
                lost.append((spec.name, float(spec.sample(key.rng(attempt))[0])))
            attempt += 1
        expected[key.index] = attempt
    assert rejected == expected
    assert 10 < sum(expected.values()) < 40
    told = sorted((failure.effect, failure.settings) for failure in renderer.failures)
    assert told == sorted((name, f"danger {value:.4g}") for name, value in lost)
    assert {failure.reason for failure in renderer.failures} == set(REASONS.values())
    for failure in renderer.failures:
        assert str(failure) in caplog.text
    renderer.close()
    assert children() == before


def test_a_stream_tells_how_its_plugin_ended(traps: dict[str, EffectSpec]) -> None:
    before = children()
    for deed in ("crash", "hang"):
        stream = IsolatedStream(traps[deed], np.array([DANGEROUS]), RATE, 2, time_limit=1.5)
        with pytest.raises(RenderError, match=r"crashed|hung"):
            stream.process(noise(2, 5000))
    assert children() == before


def test_plugins_cannot_talk_into_the_pipe(traps: dict[str, EffectSpec], capfd: pytest.CaptureFixture[str]) -> None:
    """Each render of these prints a line."""
    renderer = ProcessRenderer(1)
    rendered = renderer.render([traps["hang"]], noise(1, 2000)[None], danger(SAFE, 0.1, 0.2), RATE)
    renderer.close()
    assert rendered.status.tolist() == [[Status.OK] * 3]
    assert "talks" not in "".join(capfd.readouterr())


def test_a_slow_leak_renews_the_process_and_loses_nothing(
    traps: dict[str, EffectSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """5 MB a render, of which a process may take 60."""
    monkeypatch.setattr("fxstyle.effects.processes._CALLS_BETWEEN_LOOKS", 2)
    renderer = ProcessRenderer(1, memory_limit_mb=60.0)
    before, seen = children(), set()
    for _ in range(20):
        rendered = renderer.render([traps["leak"]], noise(1, 500)[None], danger(SAFE), RATE)
        assert rendered.status.tolist() == [[Status.OK]]
        seen |= children() - before
    renderer.close()
    assert renderer.failures == []
    assert 2 <= len(seen) <= 5


def test_what_a_plugin_has_started_ends_with_its_process(traps: dict[str, EffectSpec]) -> None:
    renderer = ProcessRenderer(1)
    before = children()
    rendered = renderer.render([traps["fork"]], noise(1, 500)[None], danger(SAFE, 0.1), RATE)
    assert rendered.status.tolist() == [[Status.OK] * 2]
    (worker,) = children() - before
    session = members(worker)
    assert len(session) == 3
    renderer.close()
    deadline = time.monotonic() + 10
    while members(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not members(worker)


def members(session: int) -> set[str]:
    """Processes of a session that still run."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.add(status.parent.name)
    return found
