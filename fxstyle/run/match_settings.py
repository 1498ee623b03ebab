"""What the sounds say about each control: where it ended, how sure that is, and whether it is heard at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.features import floor_of, level_db, mel_power
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.renderer import Renderer, Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.report.match_page import Certainty
from fxstyle.search.problem import Excerpt
from fxstyle.search.proposal import Proposal
from fxstyle.search.trace import Candidate

NUDGE = 0.05
HEARD_DB = 0.05
"""Change of the mel levels below which a control counts as not heard."""
SURE, ROUGH = 0.06, 0.18
"""Largest distances, in positions, of settings that sound about as good."""
ALIKE = {True: 0.05, False: 0.1}
"""Candidates count as about as good where they are further away by less than this share of the dry sound's distance, by
whether the content is the same: styles of other content tell less."""

_MOST_STEPS = 6


@dataclass(frozen=True)
class Setting:
    """One free control after a match.

    Attributes:
        name: Its name.
        position: Where it ended, from 0 to 1.
        value: The same in its unit, or as a label.
        text: The same as a person reads it.
        steps: Number of positions of a switch; 0 for a continuous control.
        certainty: ``sure``, ``rough`` or ``open``: how far apart the settings lie that sound about as good.
        spread: That distance in positions; ``None`` where nothing tells.
        heard_db: What a twentieth of a turn, or another step, changes in the mel levels; ``None`` where it was not
            tried.
    """

    name: str
    position: float
    value: float | str
    text: str
    steps: int
    certainty: Certainty
    spread: float | None
    heard_db: float | None

    @property
    def heard(self) -> str:
        """In words; empty where it was not tried."""
        if self.heard_db is None:
            return ""
        return "not heard here" if self.heard_db < HEARD_DB else f"{self.heard_db:.2g} dB"


def value_of(parameter: Parameter, position: float) -> float | str:
    """A position as presets hold it: a label, or a number in the unit."""
    return parameter.text(position) if parameter.labels else float(parameter.to_unit(position))


def values_of(spec: EffectSpec, positions: NDArray[np.floating]) -> dict[str, float | str]:
    """The values of all free controls by name."""
    return {p.name: value_of(p, float(x)) for p, x in zip(spec.parameters, positions, strict=True) if p.kind != "fixed"}


def describe_settings(
    spec: EffectSpec,
    candidates: Sequence[Candidate],
    identity: float,
    same: bool,
    heard: Sequence[float | None],
    start: Proposal | None = None,
) -> tuple[Setting, ...]:
    """Say for each free control of the best candidate how well it is settled.

    Args:
        spec: The effect.
        candidates: Best first.
        identity: Score of the dry sound.
        same: Whether the reference holds the same performance.
        heard: Per parameter, what :func:`heard_changes` found.
        start: What a controller proposed; tells where there is a single candidate.
    """
    best = candidates[0]
    alike = [c.positions for c in candidates if c.score - best.score <= ALIKE[same] * identity]
    # After a search, the doubt that a controller had before it says nothing more.
    doubt = start if len(candidates) == 1 else None
    described = []
    for place, parameter in enumerate(spec.parameters):
        if parameter.kind == "fixed":
            continue
        position = float(best.positions[place])
        spread = _spread(parameter, place, alike, doubt)
        change = heard[place]
        certainty: Certainty = "rough" if spread is None else _certainty(spread)
        if change is not None and change < HEARD_DB:
            certainty = "open"
        text = parameter.text(position)
        value = value_of(parameter, position)
        described.append(Setting(parameter.name, position, value, text, parameter.steps, certainty, spread, change))
    return tuple(described)


def heard_changes(
    spec: EffectSpec,
    renderer: Renderer,
    excerpts: Sequence[Excerpt],
    sample_rate: int,
    positions: NDArray[np.float32],
) -> list[float | None]:
    """What moving each control a little from these positions changes in the excerpts, in dB.

    It is the root mean square over mel bands, frames and channels of the difference in level, down to 60 dB below the
    loudest band: for a continuous control per 0.05 of its range, for a stepped one the largest of its other steps.

    Returns:
        One number for each parameter; ``None`` for those that are held and where a render failed.
    """
    moved, owners = [positions], [-1]
    for place, parameter in enumerate(spec.parameters):
        for position in _other_positions(parameter, float(positions[place])):
            changed = positions.copy()
            changed[place] = position
            moved.append(changed)
            owners.append(place)
    stack = np.stack(moved).astype(np.float32)
    squares, counts = np.zeros(len(stack)), 0
    failed = np.zeros(len(stack), dtype=bool)
    for excerpt in excerpts:
        done = renderer.render([spec], excerpt.dry[None], stack[None], sample_rate, excerpt.preroll)
        failed |= np.isin(done.status[0], (Status.FAILED, Status.NOT_FINITE))
        power = mel_power(done.audio[0], sample_rate)
        levels = level_db(power, floor_of(power[0]))
        squares += np.square(levels - levels[0]).sum(axis=(1, 2, 3))
        counts += levels[0].size
    changes = np.sqrt(squares / max(counts, 1))
    found: list[float | None] = [None] * len(spec.parameters)
    for row, place in enumerate(owners):
        if place < 0 or failed[row] or failed[0]:
            continue
        distance = abs(float(stack[row, place] - stack[0, place]))
        change = float(changes[row])
        if not spec.parameters[place].steps:
            change *= NUDGE / distance
        found[place] = max(found[place] or 0.0, change)
    return found


def _other_positions(parameter: Parameter, position: float) -> list[float]:
    if parameter.kind == "fixed":
        return []
    if parameter.steps:
        own = min(int(position * parameter.steps), parameter.steps - 1)
        others = sorted((step for step in range(parameter.steps) if step != own), key=lambda step: abs(step - own))
        return [(step + 0.5) / parameter.steps for step in others[:_MOST_STEPS]]
    return [place for place in (position - NUDGE, position + NUDGE) if 0 <= place <= 1]


def _spread(
    parameter: Parameter, place: int, alike: Sequence[NDArray[np.floating]], start: Proposal | None
) -> float | None:
    """Distance from the best of what sounds about as good; for a stepped control 0, or 1 where the steps differ."""
    if parameter.steps:
        chosen = {min(int(positions[place] * parameter.steps), parameter.steps - 1) for positions in alike}
        return 0.0 if len(chosen) == 1 else 1.0
    if len(alike) > 1:
        return float(max(abs(positions[place] - alike[0][place]) for positions in alike[1:]))
    return None if start is None else float(start.spread[place])


def _certainty(spread: float) -> Certainty:
    return "sure" if spread <= SURE else "rough" if spread <= ROUGH else "open"
