"""The spec that an examination advises, and the YAML file that holds it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from fxstyle.doctor.controls import DEAD_DB
from fxstyle.doctor.findings import Examination
from fxstyle.doctor.timing import TAIL_SLACK_SECONDS
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.parse import as_config, parse_effect
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.writing import write_text

_COMMENTS = {
    "host": "What runs it.",
    "plugin": "The host's own name of it.",
    "settings": "What is set once, when it is built.",
    "links": "Links run in this order; their controls are named link.control.",
    "bypassable": "Links that a control link.bypass may take out.",
    "channels": "Mono or stereo, where it insists.",
    "block": "Samples of each processing call; another number gives other samples.",
    "streams": "Whether it can run on a sound in pieces.",
    "tail_seconds": "How long it sounds after its input.",
    "highest_rate": "Highest sample rate in Hz that it is made for.",
    "reset": "Whether one instance serves many clips.",
    "isolated": "Whether it only runs in a process of its own.",
    "loudness_match": "Whether the wet sound is brought to the loudness of the dry one.",
    "sampling": "Where training draws settings.",
    "jitter": "Standard deviation around a preset.",
    "group": "The family it belongs to.",
    "warnings": "What the doctor found.",
    "presets": "Named settings.",
    "parameters": "Its controls, each with its largest change of the sound in dB.",
}


def advised(examination: Examination) -> EffectSpec:
    """The examined spec with what was found: reset, block, streams, tail, isolation, dead and one-sided controls.

    It stays in a process of its own unless threads, another process and all renders went well.
    """
    spec, facts = examination.spec, examination.facts
    named = {code: {p for f in examination.warns if f.code == code for p in f.parameters} for code in _ABOUT_CONTROLS}
    unheard = {c.name for c in examination.controls if c.reach_mono_db is not None and c.reach_mono_db < DEAD_DB}
    records = list(examination.records)
    if spec.host == "chain":
        return replace(spec, warnings=tuple(records))
    parameters = tuple(
        replace(
            p, held=p.held or p.name in named["dead"], one_sided=p.one_sided or p.name in named["one_sided"] & unheard
        )
        for p in spec.parameters
    )
    safe = bool(facts.get("thread_safe") and facts.get("process_safe")) and not examination.fails
    tail = _tail(facts, spec.tail_seconds)
    if facts.get("longest_tail_seconds", math.inf) <= tail + TAIL_SLACK_SECONDS:
        records = [record for record in records if record != "tail"]
    streams = bool(facts.get("streams", spec.streams))
    if not streams:
        records = [record for record in records if record != "streams"]
    return replace(
        spec,
        parameters=parameters,
        reset=facts.get("reset", spec.reset),
        block=facts.get("block", spec.block),
        streams=streams,
        tail_seconds=tail,
        isolated=not safe if "thread_safe" in facts else spec.isolated,
        warnings=tuple(records),
    )


_ABOUT_CONTROLS = ("dead", "one_sided")


def _tail(facts: Any, before: float) -> float:
    """The worst tail, or the default's where the worst does not end, rounded up to 0.1 s."""
    worst = facts.get("longest_tail_seconds")
    if worst is None:
        return before
    seconds = worst if facts["tail_ends"] else facts["tail_seconds"]
    return math.ceil(10 * seconds) / 10 if seconds > TAIL_SLACK_SECONDS else 0.0


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse a file that cannot be an effect of ``conf/effects``.

    Raises:
        InputError: It is no YAML file, its name cannot be an effect's, or it is there and not to be replaced.
    """
    if path.suffix != ".yaml" or not re.fullmatch(r"[A-Za-z]\w*", path.stem):
        raise InputError(f"--write {path}: give a name of letters, digits and _ that ends in .yaml")
    if path.is_dir() or (path.parent.exists() and not path.parent.is_dir()):
        raise InputError(f"--write {path} cannot be a file there: give another path")
    if path.exists() and not overwrite:
        raise InputError(f"{path} is already there: add --overwrite or give another name")


def write_effect(path: Path, examination: Examination, today: date, command: str) -> EffectSpec:
    """Write the advised spec as a file of ``conf/effects``; its name becomes the file's.

    Returns:
        The effect that the file holds.

    Raises:
        InputError: The effect cannot be written so that it is read back the same.
    """
    spec = replace(advised(examination), name=path.stem)
    text = effect_yaml(spec, examination, today, command)
    if parse_effect(path.stem, yaml.safe_load(text)[path.stem]) != spec:
        raise InputError(f"{spec.name} holds settings that YAML does not keep: write {path} by hand")
    write_text(path, text)
    return spec


def effect_yaml(spec: EffectSpec, examination: Examination, today: date, command: str) -> str:
    """The text of a file of ``conf/effects``, every key explained."""
    lines = [
        f"# {spec.plugin or spec.name}, as examined on {today.isoformat()}.",
        f"# python train.py effects={spec.name}",
        f"# Found by {command}; change what you know better.",
        *(f"# {finding.level}: {finding.sentence}." for finding in (*examination.fails, *examination.warns)),
        f"{spec.name}:",
    ]
    studies = {control.name: control for control in examination.controls}
    for key, value in as_config(spec).items():
        lines.append(f"  # {_COMMENTS[key]}")
        if key != "parameters":
            lines += _indented(yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=10_000), 2)
            continue
        lines.append("  parameters:" if value else "  parameters: {}")
        for parameter in spec.parameters:
            study = studies.get(parameter.name)
            lines.append(f"    # {_about(parameter, study.reach_db if study else None)}")
            flow = yaml.safe_dump(value[parameter.name], default_flow_style=True, sort_keys=False, width=10_000)
            lines.append(f"    {_quoted(parameter.name)}: {flow.strip()}")
    return "\n".join(lines) + "\n"


def _about(parameter: Parameter, reach_db: float | None) -> str:
    kind = {"continuous": "Continuous", "stepped": f"Switch of {parameter.steps} steps", "fixed": "Held"}[
        parameter.kind
    ]
    if reach_db is None:
        return f"{kind}."
    return (
        f"{kind}; {'changes nothing' if reach_db == float('-inf') else f'changes the sound by {round(reach_db)} dB'}."
    )


def _quoted(name: str) -> str:
    return yaml.safe_dump({name: 0}, allow_unicode=True).rsplit(":", 1)[0]


def _indented(text: str, spaces: int) -> list[str]:
    return [" " * spaces + line for line in text.rstrip("\n").split("\n")]
