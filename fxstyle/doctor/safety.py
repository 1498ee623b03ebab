"""Speed, and what a process or a thread of its own changes; measured in a worker process that may die."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.bench import Bench
from fxstyle.doctor.soundness import settings_to_try
from fxstyle.doctor.sounds import noise
from fxstyle.effects.hosts import build
from fxstyle.effects.isolation import Worker
from fxstyle.effects.renderer import RenderError
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

_SECONDS = 4.0
_CLIPS = 8
_LIMIT_SECONDS = 120.0
_REPEATS = 3


def measure_safety(bench: Bench, seed: int, facts: dict[str, Any]) -> None:
    """Measure speed, threads, another process and denormals; sets the facts of the same names.

    ``realtime_factor`` is for one clip of 4 s in one thread; ``thread_speed_up`` for two threads with own instances;
    ``denormal_slow_down`` the time on sound near 1e-39 over that on noise. What does not survive is ``None``.
    """
    facts |= {"process_safe": None, "thread_safe": None, "realtime_factor": None, "thread_speed_up": None}
    channels = 1 if bench.spec.channels == "mono" else 2
    settings = settings_to_try(bench.spec, 1, seed)[[0, -1]]
    here = [_fingerprint(bench.one(noise(channels, bench.sample_rate, 61), setting)) for setting in settings]
    serial = _in_worker("fxstyle.doctor.safety:run_alone", bench.spec, settings, bench.sample_rate, channels)
    if serial is None:
        facts["process_safe"] = False
        return
    facts["process_safe"] = serial.pop("fingerprints") == here
    facts |= serial
    threads = _in_worker("fxstyle.doctor.safety:run_in_threads", bench.spec, settings, bench.sample_rate, channels)
    facts |= threads or {"thread_safe": False}


def _in_worker(target: str, *arguments: Any) -> Any:
    worker = Worker(_LIMIT_SECONDS)
    try:
        return worker.call("function", target, arguments)
    except (RenderError, InputError):
        return None
    finally:
        worker.close()


def run_alone(spec: EffectSpec, settings: NDArray[np.float32], sample_rate: int, channels: int) -> dict[str, Any]:
    """Fingerprints of one clip with each setting ``(settings, parameters)``, speed and denormals; for a worker."""
    process = build(spec)
    clip, values = noise(channels, sample_rate, 61), [spec.to_units(setting) for setting in settings]
    prints = [_fingerprint(process(clip, value, sample_rate)) for value in values]
    audio = noise(channels, round(_SECONDS * sample_rate), 62)
    tiny = audio * np.float32(1e-38)
    ordinary = _least_seconds(lambda: process(audio, values[0], sample_rate))
    slow = _least_seconds(lambda: process(tiny, values[0], sample_rate))
    return {
        "fingerprints": prints,
        "realtime_factor": round(_SECONDS / ordinary, 1),
        "denormal_slow_down": round(slow / ordinary, 2),
    }


def run_in_threads(spec: EffectSpec, settings: NDArray[np.float32], sample_rate: int, channels: int) -> dict[str, Any]:
    """Whether two threads with own instances give what one gives, and how much sooner; for a worker."""
    values = [spec.to_units(settings[number % len(settings)]) for number in range(_CLIPS)]
    audio = [noise(channels, round(_SECONDS * sample_rate), 70 + number) for number in range(_CLIPS)]

    def work(numbers: range, wet: list[NDArray[np.float32] | None]) -> None:
        process = build(spec)
        for number in numbers:
            wet[number] = process(audio[number], values[number], sample_rate)

    alone: list[NDArray[np.float32] | None] = [None] * _CLIPS
    work(range(_CLIPS), alone)
    one = _least_seconds(lambda: work(range(_CLIPS), [None] * _CLIPS))
    same, two = True, float("inf")
    for _ in range(_REPEATS):
        wet: list[NDArray[np.float32] | None] = [None] * _CLIPS
        threads = [threading.Thread(target=work, args=(range(n, _CLIPS, 2), wet)) for n in range(2)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        two = min(two, time.perf_counter() - start)
        same = same and all(
            w is not None and np.array_equal(w, a) for w, a in zip(wet, alone, strict=True) if a is not None
        )
    return {"thread_safe": same, "thread_speed_up": round(one / two, 2)}


def _fingerprint(audio: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(audio).tobytes()).hexdigest()


def _least_seconds(call: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best
