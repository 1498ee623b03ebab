"""Whether an effect can be relied on: it stays finite, repeats itself, and does not depend on how it is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.bench import Bench, change_db, with_all
from fxstyle.doctor.findings import FAILS, Finding
from fxstyle.doctor.sounds import hard_cases, noise
from fxstyle.effects.isolation import open_safely
from fxstyle.effects.renderer import RenderError
from fxstyle.effects.spec import EffectSpec

BLOCKS = (512, 64, 441)
ROUNDING_DB = -200.0
"""No difference between two float32 sounds is smaller, unless it lies in a sound that is all but silent."""


def strength_db(level_db: float, threshold_db: float) -> float:
    """A level over a threshold as a ratio; 0 for nothing at all."""
    return float(10 ** (np.clip(level_db - threshold_db, -400, 400) / 20))


def settings_to_try(spec: EffectSpec, count: int, seed: int) -> NDArray[np.float32]:
    """Default, both ends and random settings, ``(3 + count, parameters)``; held controls stay at their default."""
    rng = np.random.default_rng([seed, 11])
    ends = [np.where(spec.free, end, spec.defaults) for end in (0.0, 1.0)]
    drawn = [np.where(spec.free, rng.random(len(spec.parameters)), spec.defaults) for _ in range(count)]
    return np.array([spec.defaults, *ends, *drawn], dtype=np.float32).reshape(3 + count, len(spec.parameters))


def try_hard_cases(bench: Bench, channels: int, count: int, seed: int) -> None:
    """Render sound that breaks careless code at many settings; what fails is kept by the bench."""
    settings = settings_to_try(bench.spec, count, seed)
    for name, audio in hard_cases(channels, bench.sample_rate // 4).items():
        before = len(bench.failed)
        try:
            bench.render(audio, settings)
        finally:
            bench.note(before, f"on {name}")


def failures(bench: Bench) -> Iterator[Finding]:
    """One finding for each way in which renders failed."""
    ways = Counter(failed.reason for failed in bench.failed)
    for code, count in ways.items():
        first = next(failed for failed in bench.failed if failed.reason == code)
        times = f"{count} of {bench.renders} renders" if bench.renders > 1 else "the first render"
        what = f" ({first.detail})" if first.detail else ""
        yield Finding(code, f"{FAILS[code]} in {times}, first with {first.settings or 'its only setting'}{what}")


def check_repeats(bench: Bench, audio: NDArray[np.float32], settings: NDArray[np.float32]) -> Iterator[Finding]:
    """New instances give the same bits; otherwise nothing else that is measured means much."""
    fresh = with_all(bench.spec, reset="rebuild")
    first, _ = bench.render(audio, settings, fresh)
    again, _ = bench.render(audio, settings, fresh)
    if not np.array_equal(first, again):
        level = change_db(again, first)
        yield Finding("not_repeatable", f"{FAILS['not_repeatable']}: the difference lies at {level:.0f} dB")


def check_state(
    bench: Bench, audio: NDArray[np.float32], settings: NDArray[np.float32], facts: dict[str, Any]
) -> Iterator[Finding]:
    """One instance that is only reset between clips gives what a new one gives; sets ``facts['reset']``."""
    fresh, reused = with_all(bench.spec, reset="rebuild"), with_all(bench.spec, reset="exact")
    # Loud to the end of a block: what is padded with silence, or fades, gives a filter time to forget.
    loud = noise(len(audio), audio.shape[1] // 512 * 512, 7, 0.0)
    constant = np.ones((len(audio), 512), np.float32)
    worst = float("-inf")
    for place, setting in enumerate(settings):
        # Some plugins clear more when a knob moves.
        expected = bench.one(audio, setting, fresh)
        for before, history in ((settings[place - 1], loud), (setting, loud), (setting, constant)):
            bench.one(history, before, reused)
            wet = bench.one(audio, setting, reused)
            if not np.array_equal(wet, expected):
                worst = max(worst, change_db(wet, expected))
    facts["reset"] = "exact" if worst == float("-inf") else "rebuild"
    facts["state_left_db"] = worst
    if worst > float("-inf"):
        yield Finding(
            "state_left",
            f"after a reset the sound before is still heard at {worst:.0f} dB: a new instance is built for each clip",
            strength=strength_db(worst, ROUNDING_DB),
        )


def check_blocks(
    bench: Bench, audio: NDArray[np.float32], settings: NDArray[np.float32], facts: dict[str, Any]
) -> Iterator[Finding]:
    """One processing call for the clip gives what many small ones give; sets ``facts['block']``."""
    whole, _ = bench.render(audio, settings, with_all(bench.spec, block=None))
    levels = {}
    for block in BLOCKS:
        wet, _ = bench.render(audio, settings, with_all(bench.spec, block=block))
        levels[block] = max(change_db(w, e) for w, e in zip(wet, whole, strict=True))
    worst = max(levels.values())
    facts["block"] = None if worst == float("-inf") else 512
    facts["block_dependent_db"] = worst
    if worst > float("-inf"):
        found = ", ".join(f"{block} samples {level:.0f} dB" for block, level in levels.items())
        yield Finding(
            "block_dependent",
            f"calls of another size give other samples than one call for the clip ({found}): it runs in blocks of 512",
            strength=strength_db(worst, ROUNDING_DB),
        )


def check_stream(
    bench: Bench, audio: NDArray[np.float32], settings: NDArray[np.float32], facts: dict[str, Any]
) -> Iterator[Finding]:
    """Uneven pieces give what the whole clip gives, to the bit; sets ``facts['streams']``."""
    worst = float("-inf")
    for setting in settings:
        try:
            wet = _streamed(bench, audio, setting)
        except RenderError as error:
            facts["streams"] = False
            yield Finding("streams", f"in pieces it {error}")
            return
        expected = bench.one(audio, setting)
        if not np.array_equal(wet, expected):
            worst = max(worst, change_db(wet, expected))
    facts["streams"] = bench.spec.streams and worst == float("-inf")
    if worst > float("-inf"):
        yield Finding("streams", f"in pieces it differs by {worst:.0f} dB from one call: set streams to false")


def _streamed(bench: Bench, audio: NDArray[np.float32], setting: NDArray[np.float32]) -> NDArray[np.float32]:
    values = bench.spec.to_units(setting)
    spec = replace(bench.spec, isolated=bench.apart)
    stream = open_safely(spec, values, bench.sample_rate, len(audio))
    cuts = np.cumsum([1, 700, 64, 512, 3001, 17])
    pieces = [stream.process(piece) for piece in np.split(audio, cuts[cuts < audio.shape[1]], axis=1)]
    return np.concatenate([*pieces, stream.finish()], axis=1)
