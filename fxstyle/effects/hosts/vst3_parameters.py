"""What a VST3 plugin's parameters are: controls (continuous, stepped) or things that nobody should turn.

VST3 hosts list meters, the buffer size and the program beside the controls, and the flags that should tell them apart
are often wrong. So a plugin is tried: what it is set to is compared with what its saved state gives back, after sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.hosts.vst3_bundle import by_symbol, reload_state
from fxstyle.effects.parameter import Parameter, Scale
from fxstyle.effects.preset import Preset

Play = Callable[[Any, int], NDArray[np.float32]]
"""Send the sound of a number through a plugin; the first three also differ in sample rate and block."""

MOST_STEPS = 64
"""A control with more steps counts as continuous."""

_RATES = 3
_ROUNDS = 4
_KEPT = 1e-3
_PROGRAM_MOVES = 2
_MOST_PROGRAMS = 1024
_TEXT_POINTS = 257
_BYPASS = re.compile(r"((master|plugin|effect)\s+)?bypass", re.IGNORECASE)
_NUMBER = re.compile(r"^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(.*?)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Sorted:
    """A plugin's parameters, told apart.

    Attributes:
        parameters: Its controls.
        presets: Its factory programs.
        left_out: What is no control, by the plugin's own name, with the reason.
        overridden: Controls that are heard, but do not keep their position while others are set.
    """

    parameters: tuple[Parameter, ...]
    presets: tuple[Preset, ...]
    left_out: tuple[tuple[str, str], ...]
    overridden: tuple[str, ...] = ()


def tell_apart(load: Callable[[], Any], play: Play) -> Sorted:
    """Try a plugin's parameters and sort them.

    Args:
        load: Gives a new instance.
        play: Sends sound through one.
    """
    plugin, played = load(), load()
    natives = by_symbol(plugin)
    initial = _positions(plugin)
    left_out = {symbol: "it is a MIDI controller" for symbol in natives if symbol.startswith("MIDI CC ")}
    left_out |= {symbol: "the plugin writes it" for symbol in _written(played, play)}
    texts = {symbol: _texts(native) for symbol, native in natives.items() if symbol not in left_out}
    declared = {symbol: _declared_grid(natives[symbol]) for symbol in texts}
    grids = {symbol: declared[symbol] or _text_grid(texts[symbol]) for symbol in texts}
    programs, silent = _selectors(
        plugin, load, play, {symbol: grid for symbol, grid in grids.items() if grid}, left_out
    )
    left_out |= {symbol: "it sets other controls" for symbol in programs}
    left_out |= {symbol: "it has one position" for symbol in silent}
    tried = [symbol for symbol in grids if symbol not in left_out]
    asked, kept, again = _rounds(played, play, {symbol: declared[symbol] for symbol in tried})
    parameters: list[Parameter] = []
    overridden: list[str] = []
    for symbol in tried:
        if not is_control(asked[symbol], kept[symbol], again[symbol]):
            if not _is_heard(load, play, symbol, asked):
                left_out[symbol] = "it does not keep what it is set to"
                continue
            overridden.append(symbol)
        grid = grids[symbol] if len(grids[symbol]) <= MOST_STEPS else ()
        # Texts may be rounded more than the control; then what it was set to has come back as it was.
        if not declared[symbol] and _numbers(texts[symbol]) and _is_near(asked[symbol], kept[symbol]):
            grid = ()
        parameters.append(_described(natives[symbol], symbol, initial[symbol], grid, parameters))
    presets = tuple(
        preset for symbol in programs for preset in _program_presets(load(), symbol, grids[symbol], parameters)
    )
    return Sorted(tuple(parameters), presets, tuple(left_out.items()), tuple(overridden))


def is_control(asked: Sequence[float], kept: Sequence[float], again: Sequence[float]) -> bool:
    """Whether positions that were set, read back, set to that and read back once more are those of a control.

    A control keeps a position, or moves it to its nearest step and keeps that; a meter shows something else.
    """
    order = np.argsort(asked)
    rising = np.diff(np.asarray(kept)[order])
    steady = np.abs(np.subtract(again, kept)).max() <= _KEPT
    return bool(steady and (rising >= -_KEPT).all() and rising.max() > _KEPT)


def read_number(text: str) -> tuple[float, str] | None:
    """The number at the head of a text and the unit behind it; kHz becomes Hz. ``None`` where there is no number."""
    if not (match := _NUMBER.match(text)):
        return None
    number, unit = float(match[1]), match[2]
    return (1000 * number, "Hz") if unit.lower() == "khz" else (number, unit)


def person_name(symbol: str, unit: str) -> str:
    """A name in lower case with its unit, such as ``threshold_db``, from the plugin's own."""
    name = "_".join(re.findall(r"[a-z0-9]+", symbol.lower())) or "parameter"
    suffix = "_".join(re.findall(r"[a-z0-9]+", unit.lower()))
    return f"{name}_{suffix}" if suffix and not name.endswith(suffix) else name


def _written(plugin: Any, play: Play) -> list[str]:
    """Parameters that change although nobody touches them, such as the buffer size."""
    readings = []
    for sound in range(_RATES):
        play(plugin, sound)
        readings.append(_reread(plugin))
    return [
        symbol for symbol, first in readings[0].items() if any(abs(later[symbol] - first) > 1e-7 for later in readings)
    ]


def _reread(plugin: Any) -> dict[str, float]:
    """All positions as the plugin's saved state has them: a headless host is not told of changes otherwise."""
    reload_state(plugin)
    return _positions(plugin)


def _texts(parameter: Any) -> list[str]:
    return [str(parameter.get_text_for_raw_value(place)) for place in np.linspace(0, 1, _TEXT_POINTS).tolist()]


def _numbers(texts: Sequence[str]) -> bool:
    return all(read_number(text) is not None for text in texts)


def _declared_grid(native: Any) -> tuple[float, ...]:
    steps = int(native.num_steps)
    return tuple(np.linspace(0, 1, steps).tolist()) if 2 <= steps <= _MOST_PROGRAMS else ()


def _text_grid(texts: Sequence[str]) -> tuple[float, ...]:
    """The middle of each stretch with one text, where there are few of them; the outer ones stand at the ends."""
    changes = [place for place in range(1, len(texts)) if texts[place] != texts[place - 1]]
    if len(changes) >= MOST_STEPS:
        return ()
    edges = [0, *changes, len(texts)]
    middles = [(low + high - 1) / 2 / (len(texts) - 1) for low, high in pairwise(edges)]
    return (0.0, *middles[1:-1], 1.0) if len(middles) > 1 else (0.0,)


def _selectors(
    plugin: Any, load: Callable[[], Any], play: Play, grids: Mapping[str, tuple[float, ...]], ignored: Collection[str]
) -> tuple[list[str], list[str]]:
    """Stepped parameters that move several others, and those with one position only."""
    programs, silent = [], []
    before = _positions(plugin)
    for symbol, grid in grids.items():
        native = by_symbol(plugin)[symbol]
        spoken = {str(native.string_value)}
        moved: set[str] = set()
        # One text everywhere may come from a plugin that only speaks of the position it is at.
        for place in grid[-2:] if len(grid) > 1 else (0.5, 1.0):
            native.raw_value = place
            moved |= _moved(before, _positions(plugin))
            play(plugin, 0)
            moved |= _moved(before, _positions(plugin))
            spoken.add(str(native.string_value))
        moved -= {symbol, *ignored}
        if len(grid) == 1 and len(spoken) == 1:
            silent.append(symbol)
        elif len(moved) >= _PROGRAM_MOVES:
            programs.append(symbol)
        native.raw_value = before[symbol]
        if moved or _moved(before, _positions(plugin)) - set(ignored):
            plugin = load()
    return programs, silent


def _moved(before: Mapping[str, float], after: Mapping[str, float]) -> set[str]:
    return {symbol for symbol, value in before.items() if abs(after[symbol] - value) > _KEPT}


def _positions(plugin: Any) -> dict[str, float]:
    return {symbol: float(native.raw_value) for symbol, native in by_symbol(plugin).items()}


def _rounds(
    plugin: Any, play: Play, grids: Mapping[str, tuple[float, ...]]
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[float]]]:
    """Set all parameters at once, several times: what was asked for, what came back, and what came back of that."""
    rng = np.random.default_rng(0)
    orders = {symbol: rng.permutation(_ROUNDS) for symbol in grids}
    asked: dict[str, list[float]] = {symbol: [] for symbol in grids}
    kept: dict[str, list[float]] = {symbol: [] for symbol in grids}
    again: dict[str, list[float]] = {symbol: [] for symbol in grids}
    for number in range(_ROUNDS):
        for symbol, grid in grids.items():
            share = orders[symbol][number] / (_ROUNDS - 1)
            free = float((orders[symbol][number] + rng.random()) / _ROUNDS)
            asked[symbol].append(grid[round(share * (len(grid) - 1))] if grid else free)
        for sound, (source, results) in enumerate(((asked, kept), (kept, again))):
            natives = by_symbol(plugin)
            for symbol in grids:
                natives[symbol].raw_value = source[symbol][-1]
            play(plugin, _RATES + 2 * number + sound)
            found = _reread(plugin)
            for symbol in grids:
                results[symbol].append(found[symbol])
    return asked, kept, again


def _is_near(some: Sequence[float], others: Sequence[float]) -> bool:
    return float(np.abs(np.subtract(some, others)).max()) <= _KEPT


def _is_heard(load: Callable[[], Any], play: Play, symbol: str, asked: Mapping[str, Sequence[float]]) -> bool:
    """Whether a parameter changes the sound although it does not keep its position: another one may override it."""
    for number in range(2):
        sounds = []
        for place in (0.1, 0.9):
            plugin = load()
            natives = by_symbol(plugin)
            for other, values in asked.items():
                natives[other].raw_value = values[number]
            natives[symbol].raw_value = place
            sounds.append(play(plugin, 0))
        if not np.array_equal(sounds[0], sounds[1]):
            return True
    return False


def _described(
    native: Any, symbol: str, initial: float, grid: tuple[float, ...], others: Sequence[Parameter]
) -> Parameter:
    """A control with its range in the unit of its texts, or from 0 to 1 where they do not say."""
    label = str(native.label or "").strip()
    low, high, unit, scale = _range(native, label)
    taken = {parameter.name for parameter in others}
    name = base = person_name(symbol, unit)
    number = 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    options: dict[str, Any] = {"symbol": symbol, "held": bool(_BYPASS.fullmatch(symbol)), "unit": unit}
    if len(grid) > 1:
        texts = [str(native.get_text_for_raw_value(place)).strip() for place in grid]
        numbers = [read_number(text) for text in texts]
        values = [value[0] for value in numbers if value is not None]
        even = np.linspace(values[0], values[-1], len(grid)) if len(values) == len(grid) else None
        nearest = int(np.argmin(np.abs(np.subtract(grid, initial))))
        if even is not None and values[0] < values[-1] and np.allclose(values, even):
            return Parameter(name, values[0], values[-1], values[nearest], steps=len(grid), native=grid, **options)
        labels = tuple(texts) if len(set(texts)) == len(texts) else tuple(str(i + 1) for i in range(len(grid)))
        options |= {"steps": len(grid), "labels": labels, "native": grid, "unit": ""}
        return Parameter(name, 0, len(grid) - 1, nearest, **options)
    span = Parameter(name, low, high, low, scale=scale, native=(0.0, 1.0), **options)
    return replace(span, default=float(_shown(span, initial)))


def _range(native: Any, label: str) -> tuple[float, float, str, Scale]:
    """Low, high, unit and scale of a continuous control, where the texts on the way agree with them."""
    places = np.linspace(0, 1, 5)
    read = [read_number(str(native.get_text_for_raw_value(place)).strip()) for place in places.tolist()]
    values = np.array([value[0] for value in read if value is not None])
    units = {value[1] for value in read if value is not None and value[1]}
    if len(values) == len(places) and len(units) <= 1 and values[0] < values[-1]:
        unit = "Hz" if label.lower() == "khz" and "Hz" in units else label or "".join(units)
        low, high = float(values[0]), float(values[-1])
        if np.abs(values - (low + (high - low) * places)).max() <= 0.01 * (high - low):
            return low, high, unit, "linear"
        if low > 0 and np.abs(np.log(values / (low * (high / low) ** places))).max() <= 0.01 * np.log(high / low):
            return low, high, unit, "log"
    return 0.0, 1.0, "", "linear"


def _program_presets(plugin: Any, symbol: str, grid: Sequence[float], parameters: Sequence[Parameter]) -> list[Preset]:
    """What each factory program sets the controls to."""
    presets: dict[str, Preset] = {}
    for place in grid:
        program = by_symbol(plugin)[symbol]
        program.raw_value = place
        name = str(program.get_text_for_raw_value(place)).strip()
        found = _positions(plugin)
        values = tuple((p.name, _shown(p, found[p.symbol])) for p in parameters)
        presets.setdefault(name, Preset(name, values, source=symbol))
    return list(presets.values())


def _shown(parameter: Parameter, native: float) -> float | str:
    """The label or the value in units, to a millionth of the range, of a plugin's own position."""
    value = parameter.from_native(native)
    if parameter.labels:
        return parameter.labels[round(value - parameter.low)]
    digits = 6 - int(np.floor(np.log10(parameter.high - parameter.low)))
    return float(np.clip(round(value, digits) + 0.0, parameter.low, parameter.high))
