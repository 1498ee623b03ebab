"""What each control does to the sound: whether it reaches the plugin at all, and whether it is what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.bench import Bench, change_db, relative_db
from fxstyle.doctor.findings import ControlStudy, Finding
from fxstyle.doctor.soundness import strength_db
from fxstyle.doctor.sounds import as_stereo
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.renderer import Status
from fxstyle.effects.spec import EffectSpec

DEAD_DB = -100.0
"""A control whose largest change lies below is dead; a plugin that repeats itself has no noise above the last bits."""
GAIN_DB = -80.0
"""What one fixed gain leaves over of a change, relative to the sound; rounding lies near -140 dB."""
ONE_SIDE_DB = -60.0
PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
_ROUNDING_DB = -200.0
_GRID = 33
_AT_ONCE = 8
_HALVINGS = 6


@dataclass
class _Sweep:
    """What moving one control did over all bases and sounds."""

    reach_db: float = float("-inf")
    sides_db: NDArray[np.float64] = field(default_factory=lambda: np.full(2, -np.inf))
    gain_left_db: float | None = None
    bases: int = 0
    steps_db: NDArray[np.float64] | None = None
    best: tuple[int, NDArray[np.float32]] | None = None

    @property
    def suspect(self) -> bool:
        """Whether something is to be said against the control, so that more settings of the others are due."""
        same = self.steps_db is not None and float(self.steps_db.min()) < DEAD_DB
        return same or (self.gain_left_db or 0.0) < GAIN_DB or float(self.sides_db.min()) < DEAD_DB


def places(parameter: Parameter) -> NDArray[np.float64]:
    """Positions to try: five of a continuous control, the middle of up to eight steps of a switch."""
    if not parameter.steps:
        return np.array(PLACES)
    steps = np.unique(np.round(np.linspace(0, parameter.steps - 1, min(parameter.steps, 8))))
    return (steps + 0.5) / parameter.steps


def study_controls(
    bench: Bench, sounds: Sequence[NDArray[np.float32]], bases: int, more: int, seed: int
) -> tuple[list[ControlStudy], list[Finding]]:
    """Move every control, held ones too, from several settings of the others on several sounds.

    Args:
        bench: Where it renders.
        sounds: Mono clips ``(1, samples)``, at least two and equally long.
        bases: Random settings of the others, beside the default.
        more: Further ones, before anything is said against a control.
        seed: Of those settings.
    """
    spec = bench.spec.released
    wide = sounds if spec.channels == "mono" else [as_stereo(a, b) for a, b in zip(sounds, sounds[::-1], strict=True)]
    studies: list[ControlStudy] = []
    findings: list[Finding] = []
    for place, parameter in enumerate(bench.spec.parameters):
        sweep = _Sweep()
        settings = _bases(bench.spec, bases, [seed, 21])
        _move(bench, spec, wide, place, settings, sweep)
        if sweep.suspect:
            _move(bench, spec, wide, place, _bases(bench.spec, more, [seed, 22]), sweep)
        mono = None
        if spec.channels == "any":
            alone = _Sweep()
            tried = np.concatenate([sweep.best[1][None], settings]) if sweep.best else settings
            _move(bench, spec, sounds, place, tried, alone)
            if alone.reach_db < DEAD_DB <= sweep.reach_db:
                _move(bench, spec, sounds, place, _bases(bench.spec, more, [seed, 22]), alone)
            mono = alone.reach_db
        studies.append(ControlStudy(parameter.name, parameter.kind, sweep.reach_db, mono, sweep.bases))
        findings += _judge(parameter, sweep, mono, len(wide))
        if parameter.kind == "continuous" and sweep.reach_db >= DEAD_DB:
            findings += _steps(bench, spec, wide, place, sweep)
    return studies, findings


def _bases(spec: EffectSpec, count: int, seed: list[int]) -> NDArray[np.float32]:
    """The default and random settings, ``(1 + count, parameters)``; held controls stay at their default.

    Switches take turns through their steps instead, so that each step is tried.
    """
    uniform = replace(spec, sampling="uniform")
    rows = [spec.defaults.copy()]
    for number in range(count):
        drawn = uniform.sample(np.random.default_rng([*seed, number]))
        for place, parameter in enumerate(spec.parameters):
            if parameter.kind == "stepped":
                drawn[place] = (number % parameter.steps + 0.5) / parameter.steps
        rows.append(drawn)
    return np.stack(rows).astype(np.float32)


def _move(
    bench: Bench,
    spec: EffectSpec,
    sounds: Sequence[NDArray[np.float32]],
    place: int,
    settings: NDArray[np.float32],
    sweep: _Sweep,
) -> None:
    """Move one control through its places from each setting on each sound."""
    positions = places(spec.parameters[place])
    moved = np.repeat(settings, len(positions), axis=0)
    moved[:, place] = np.tile(positions, len(settings))
    sweep.bases += len(settings)
    for number, audio in enumerate(sounds):
        wet, status = bench.render(audio, moved, spec)
        for first in range(0, len(moved), len(positions)):
            good = [
                w
                for w, s in zip(wet[first:], status[first : first + len(positions)], strict=False)
                if s <= Status.CLIPPED
            ]
            if len(good) < 2:
                continue
            if spec.parameters[place].steps and len(good) == len(positions):
                _compare_steps(good, sweep)
            loudest = max(good, key=lambda w: float(np.sum(np.square(w, dtype=np.float64))))
            for one in good:
                if one is loudest:
                    continue
                change = change_db(one, loudest)
                if change > sweep.reach_db:
                    sweep.reach_db, sweep.best = change, (number, moved[first].copy())
                sides = [
                    relative_db(np.subtract(o, w, dtype=np.float64), loudest) for o, w in zip(one, loudest, strict=True)
                ]
                sweep.sides_db = np.maximum(sweep.sides_db, sides)
                # Any way to silence is a gain of 0, and says nothing.
                if change > GAIN_DB and one.any():
                    left = max(_beyond_gain_db(one, loudest), _ROUNDING_DB)
                    sweep.gain_left_db = left if sweep.gain_left_db is None else max(sweep.gain_left_db, left)


def _compare_steps(wet: list[NDArray[np.float32]], sweep: _Sweep) -> None:
    """Keep the largest change between any two steps, ``(steps, steps)``."""
    changes = np.full((len(wet), len(wet)), np.inf)
    for one, other in combinations(range(len(wet)), 2):
        changes[one, other] = change_db(wet[one], wet[other])
    sweep.steps_db = changes if sweep.steps_db is None else np.maximum(sweep.steps_db, changes)


def _beyond_gain_db(one: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """What the best fixed gain leaves over of the way from the reference to another sound, in dB of the louder."""
    x, y = reference.astype(np.float64), one.astype(np.float64)
    power = float(np.sum(x * x))
    gain = float(np.sum(x * y)) / power if power else 0.0
    return relative_db(y - gain * x, x)


def _judge(parameter: Parameter, sweep: _Sweep, mono: float | None, channels: int) -> Iterator[Finding]:
    name = parameter.name
    tried = f"{sweep.bases} settings of the others and {channels} sounds"
    if strength_db(DEAD_DB, sweep.reach_db) > 0.5:
        yield Finding(
            "dead",
            f"{name} changes nothing: at most {sweep.reach_db:.0f} dB over {tried}",
            (name,),
            strength_db(DEAD_DB, sweep.reach_db),
        )
        return
    if parameter.held:
        return
    if sweep.gain_left_db is not None:
        yield Finding(
            "gain",
            f"{name} is a gain and nothing else: one factor explains all but {sweep.gain_left_db:.0f} dB of its effect",
            (name,),
            strength_db(GAIN_DB, sweep.gain_left_db),
        )
    if sweep.steps_db is not None and (same := float(sweep.steps_db.min())) < DEAD_DB:
        steps = places(parameter)[list(np.unravel_index(int(sweep.steps_db.argmin()), sweep.steps_db.shape))]
        first, second = (parameter.text(float(step)) for step in steps)
        yield Finding(
            "same_steps",
            f"{first} and {second} of {name} give the same sound: at most {same:.0f} dB over {tried}",
            (name,),
            strength_db(DEAD_DB, same),
        )
    quiet = float(sweep.sides_db.min())
    if sweep.reach_db > ONE_SIDE_DB and (quiet < DEAD_DB or (mono is not None and mono < DEAD_DB)):
        if quiet < DEAD_DB:
            side = "left" if sweep.sides_db[1] < DEAD_DB else "right"
            words = f"{name} acts on the {side} side of a stereo sound only"
        else:
            words = f"{name} acts on the difference of the sides only"
        if mono is not None and mono < DEAD_DB:
            words += "; mono sound does not show it"
        yield Finding("one_sided", words, (name,))


def _steps(
    bench: Bench, spec: EffectSpec, sounds: Sequence[NDArray[np.float32]], place: int, sweep: _Sweep
) -> Iterator[Finding]:
    """Whether a control declared continuous jumps between a few sounds, where it moves the sound most."""
    if sweep.best is None:
        return
    number, base = sweep.best
    audio = sounds[number]

    def at(positions: NDArray[np.float64]) -> NDArray[np.float32]:
        moved = np.repeat(base[None], len(positions), axis=0)
        moved[:, place] = positions
        return bench.render(audio, moved, spec)[0]

    # A control that glides somewhere moves between neighbours there; one that jumps rests between its jumps.
    grid = np.linspace(0, 1, _GRID)
    wet: list[NDArray[np.float32]] = []
    jumps: list[int] = []
    for first in range(0, _GRID, _AT_ONCE):
        wet += list(at(grid[first : first + _AT_ONCE]))
        jumps = [i for i in range(len(wet) - 1) if not np.array_equal(wet[i], wet[i + 1])]
        if 1 in np.diff(jumps):
            return
    if not jumps:
        return
    for i in jumps[:3]:
        low, high = grid[i], grid[i + 1]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            half = at(np.array([middle]))[0]
            if np.array_equal(half, wet[i]):
                low = middle
            elif np.array_equal(half, wet[i + 1]):
                high = middle
            else:
                return
    name = spec.parameters[place].name
    yield Finding(
        "stepped", f"{name} is declared continuous, but gives only {len(jumps) + 1} different sounds", (name,)
    )
