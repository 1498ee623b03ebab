"""Worker processes give what threads give; see test_traps.py for plugins that do not survive."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxstyle.effects.hosts import open_stream
from fxstyle.effects.isolation import IsolatedStream, Worker, WorkerDiedError, call, open_safely
from fxstyle.effects.processes import ProcessRenderer
from fxstyle.effects.renderer import Limits, RenderError, Status, ThreadRenderer
from fxstyle.effects.safe_renderer import SafeRenderer
from fxstyle.errors import InputError
from tests.effects.catalogue import RATE, built_in, effect, noise

pytestmark = pytest.mark.unit

NAMES = built_in()[:12]


def everything(candidates: int = 2, channels: int = 1):
    """Some effects in one batch."""
    effects = [effect(name) for name in NAMES]
    widest = max(len(spec.parameters) for spec in effects)
    audio = np.stack([noise(channels, 4096, seed) for seed in range(len(effects))])
    parameters = np.random.default_rng(0).random((len(effects), candidates, widest), dtype=np.float32)
    return effects, audio, parameters


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessRenderer]:
    renderer = ProcessRenderer(2)
    yield renderer
    renderer.close()


def children() -> set[int]:
    """Processes that this one has started and that still run."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not listed.is_file():
        pytest.skip("this system does not list a process's children")
    found = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        found |= {int(child) for child in (task / "children").read_text().split()}
    return found


@pytest.mark.parametrize("channels", [1, 2])
def test_processes_equal_threads_to_the_bit(channels: int, processes: ProcessRenderer) -> None:
    batch = everything(2, channels)
    expected = ThreadRenderer(1).render(*batch, RATE, preroll=500)
    for _ in range(2):
        rendered = processes.render(*batch, RATE, preroll=500)
        np.testing.assert_array_equal(rendered.audio, expected.audio)
        np.testing.assert_array_equal(rendered.status, expected.status)
    assert processes.failures == []


def test_clips_may_grow_and_shrink(processes: ProcessRenderer) -> None:
    """The shared memory follows."""
    spec = effect("chorus")
    for samples in (10, 100_000, 1, 400_000, 50_000):
        audio = noise(2, samples)[None]
        positions = spec.defaults[None, None]
        expected = ThreadRenderer(1).render([spec], audio, positions, RATE)
        np.testing.assert_array_equal(processes.render([spec], audio, positions, RATE).audio, expected.audio)


def test_two_loaders_may_render_at_once(processes: ProcessRenderer) -> None:
    batch = everything(1)
    expected = ThreadRenderer(1).render(*batch, RATE).audio
    with ThreadPoolExecutor(3) as pool:
        for rendered in pool.map(lambda _: processes.render(*batch, RATE), range(3)):
            np.testing.assert_array_equal(rendered.audio, expected)


def test_renderers_pickle_without_their_processes(processes: ProcessRenderer) -> None:
    processes.render(*everything(1), RATE)
    settings = ProcessRenderer(3, Limits(silence_db=-50), 4.0, 200.0, 5)
    again = pickle.loads(pickle.dumps(settings))
    assert again.__getstate__() == settings.__getstate__()
    assert pickle.loads(pickle.dumps(processes)).cores == 2
    serial = settings.serial()
    assert (serial.cores, serial.limits, serial.quarantine_after) == (1, settings.limits, 5)


def test_effects_that_fail_are_named_and_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """MP3 knows no sample rate of 7,000 Hz."""
    before = children()
    renderer = ProcessRenderer(1, quarantine_after=2)
    mp3, gain = effect("mp3"), effect("gain")
    audio = np.stack([noise(), noise()])
    for _ in range(3):
        wet = renderer.render([mp3, gain], audio, np.full((2, 1, 1), 0.5, np.float32), 7000)
        assert wet.status.tolist() == [[Status.FAILED], [Status.OK]]
        assert not wet.audio[0].any()
    # The third time the settings were not tried.
    assert [(failure.effect, failure.settings) for failure in renderer.failures] == [("mp3", "vbr_quality 4.95")] * 2
    assert "mp3 failed: " in caplog.text
    assert "not tried again" in caplog.text
    other = renderer.render([mp3], audio[:1], np.full((1, 1, 1), 0.6, np.float32), 7000)
    assert other.status.tolist() == [[Status.FAILED]]
    assert len(renderer.failures) == 3
    assert len(children() - before) == 1
    renderer.close()
    assert children() == before


def test_settings_that_are_no_numbers_never_reach_a_plugin(processes: ProcessRenderer) -> None:
    known = len(processes.failures)
    wet = processes.render([effect("gain")], noise()[None], np.full((1, 1, 1), np.nan, np.float32), RATE)
    assert wet.status.tolist() == [[Status.FAILED]]
    assert "not finite" in processes.failures[known].reason


def test_only_effects_that_need_it_go_to_processes() -> None:
    before = children()
    renderer = SafeRenderer(2)
    effects, audio, parameters = everything(2)
    expected = ThreadRenderer(1).render(effects, audio, parameters, RATE, 100)
    safe = renderer.render(effects, audio, parameters, RATE, 100)
    assert children() == before
    mixed = [replace(spec, isolated=place % 3 == 0) for place, spec in enumerate(effects)]
    both = renderer.render(mixed, audio, parameters, RATE, 100)
    assert 1 <= len(children() - before) <= 2
    alone = renderer.render([replace(spec, isolated=True) for spec in effects], audio, parameters, RATE, 100)
    for rendered in (safe, both, alone):
        np.testing.assert_array_equal(rendered.audio, expected.audio)
        np.testing.assert_array_equal(rendered.status, expected.status)
    again = pickle.loads(pickle.dumps(renderer))
    np.testing.assert_array_equal(again.render(mixed, audio, parameters, RATE, 100).audio, expected.audio)
    again.close()
    renderer.close()
    assert children() == before


def test_a_forgotten_renderer_takes_its_processes_along() -> None:
    before = children()
    renderer = ProcessRenderer(1)
    renderer.render([effect("gain")], noise()[None], np.zeros((1, 1, 1), np.float32), RATE)
    assert children() != before
    del renderer
    assert children() == before


def test_workers_end_with_the_program_that_started_them() -> None:
    """Even where it is killed and can clean nothing up."""
    program = (
        "import os, signal\nfrom fxstyle.effects.isolation import Worker\nworker = Worker()\n"
        "print(worker._process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    worker = int(done.stdout)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{worker}").exists()


def test_a_killed_worker_is_told_and_replaced() -> None:
    worker = Worker()
    os.kill(worker._process.pid, signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match=r"crashed \(SIGKILL\)"):
        worker.call("ready")
    renderer = ProcessRenderer(1)
    batch = ([effect("gain")], noise()[None], np.zeros((1, 1, 1), np.float32), RATE)
    renderer.render(*batch)
    (member,) = renderer._idle
    os.kill(member._worker._process.pid, signal.SIGKILL)
    assert renderer.render(*batch).status.tolist() == [[Status.FAILED]]
    assert renderer.render(*batch).status.tolist() == [[Status.OK]]
    renderer.close()


def test_functions_run_elsewhere() -> None:
    assert call("fxstyle.audio.levels:from_db", 20.0) == pytest.approx(10.0)
    with pytest.raises(InputError, match="not a function of this package"):
        call("os:getpid")
    with pytest.raises(InputError, match=r"level kind|unknown"):
        call("fxstyle.audio.levels:Level", "loud")


@pytest.mark.parametrize("pieces", [(1000,), (1, 7, 4096, 333), (20000,)])
def test_isolated_streams_equal_streams_here(pieces: tuple[int, ...]) -> None:
    spec = effect("delay")
    values = spec.to_units(spec.defaults)
    audio = noise(2, 30000)

    def joined(stream) -> np.ndarray:
        given, first = [], 0
        while first < audio.shape[1]:
            size = pieces[len(given) % len(pieces)]
            given.append(stream.process(audio[:, first : first + size]))
            first += size
        return np.concatenate([*given, stream.finish()], axis=1)

    before = children()
    isolated = open_safely(replace(spec, isolated=True), values, RATE, 2)
    assert isinstance(isolated, IsolatedStream)
    assert not isinstance(open_safely(spec, values, RATE, 2), IsolatedStream)
    np.testing.assert_array_equal(joined(isolated), joined(open_stream(spec, values, RATE, 2)))
    assert children() == before


def test_a_stream_that_fails_ends_its_process() -> None:
    before = children()
    spec = effect("mp3")
    stream = IsolatedStream(spec, spec.to_units(spec.defaults), 7000, 1)
    stream.process(noise(1, 5000))
    with pytest.raises(RenderError, match="failed: "):
        stream.finish()
    assert children() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cores": 0}, r"renderer\.cores must be at least 1, not 0"),
        ({"time_limit_seconds": 0}, "time_limit_seconds must be a number above 0"),
        ({"memory_limit_mb": float("nan")}, "memory_limit_mb must be a number above 0"),
        ({"quarantine_after": 0}, "quarantine_after must be at least 1"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, float], words: str) -> None:
    for renderer in (ProcessRenderer, SafeRenderer):
        with pytest.raises(InputError, match=words):
            renderer(**options)
