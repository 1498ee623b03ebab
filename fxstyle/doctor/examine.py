"""The whole examination of one effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fxstyle.doctor.bench import SAMPLE_RATE, Bench, HopelessError
from fxstyle.doctor.controls import study_controls
from fxstyle.doctor.findings import WARNS, ControlStudy, Examination, Finding
from fxstyle.doctor.identifiability import CONFOUNDED, study
from fxstyle.doctor.memory import check_memory
from fxstyle.doctor.safety import measure_safety
from fxstyle.doctor.sampling import check_levels
from fxstyle.doctor.soundness import (
    check_blocks,
    check_repeats,
    check_state,
    check_stream,
    failures,
    settings_to_try,
    try_hard_cases,
)
from fxstyle.doctor.sounds import Clip, as_stereo, noise, study_clips, with_pause
from fxstyle.doctor.timing import check_latency, check_tail
from fxstyle.effects.renderer import Renderer
from fxstyle.effects.spec import EffectSpec

NEAR = 0.5
"""Findings below this share of their threshold are dropped."""


@dataclass(frozen=True)
class Plan:
    """How much is tried.

    Attributes:
        hard: Random settings that hard cases are tried with.
        sounds: Clips that each control is moved on.
        bases: Random settings of the others it is moved from, beside the default.
        more_bases: Further ones before anything is said against a control.
        levels: Settings drawn to count silence and clipping, for each way of sampling.
        tails: Random settings whose tail is measured.
        longest_tail: Where the wait for the end of a tail ends, in s.
        clips: Clips of the identifiability study.
        clip_bases: Settings on each of them.
        seconds: Length of a clip, in s.
        safety: Whether speed, threads and processes are measured.
        sample_rate: In Hz.
    """

    hard: int = 20
    sounds: int = 3
    bases: int = 4
    more_bases: int = 24
    levels: int = 200
    tails: int = 12
    longest_tail: float = 30.0
    clips: int = 6
    clip_bases: int = 4
    seconds: float = 1.5
    safety: bool = True
    sample_rate: int = SAMPLE_RATE


QUICK = Plan(hard=4, sounds=2, bases=2, levels=100, tails=6, longest_tail=12.0, safety=False)
"""Enough to find what is badly wrong, in about a second for a fast effect."""


def examine(
    spec: EffectSpec,
    renderer: Renderer,
    plan: Plan | None = None,
    recordings: Path | None = None,
    seed: int = 0,
    apart: bool = False,
    report: Callable[[str], None] = lambda stage: None,
) -> Examination:
    """Examine one effect.

    Args:
        spec: The effect.
        renderer: What renders: worker processes, for a plugin that is not known to be safe; one core, with
            :data:`fxstyle.doctor.bench.LIMITS`.
        plan: How much is tried.
        recordings: Folder of real sound; ``None`` takes synthetic phrases.
        seed: Another seed tries other settings and clips.
        apart: Whether what no renderer does also runs in worker processes; always so for isolated effects.
        report: Called with what is done next.

    Raises:
        InputError: The folder holds no usable recordings.
    """
    plan = plan or Plan()
    clips = study_clips(recordings, max(plan.sounds, plan.clips), plan.seconds, plan.sample_rate, seed)
    bench = Bench(spec, renderer, plan.sample_rate, apart)
    controls: list[ControlStudy] = []
    findings: list[Finding] = []
    facts: dict[str, Any] = {"seed": seed, "clips": [clip.recording for clip in clips], "sample_rate": plan.sample_rate}
    try:
        for found in _stages(bench, plan, clips, seed, controls, facts, report):
            if found.strength >= NEAR:
                findings.append(found)
    except HopelessError:
        pass
    facts["renders"] = bench.renders
    order = {code: place for place, code in enumerate(WARNS)}
    findings = [*failures(bench), *sorted(findings, key=lambda f: order.get(f.code, -1))]
    return Examination(spec, tuple(findings), tuple(controls), facts)


def _stages(
    bench: Bench,
    plan: Plan,
    clips: Sequence[Clip],
    seed: int,
    controls: list[ControlStudy],
    facts: dict[str, Any],
    report: Callable[[str], None],
) -> Iterator[Finding]:
    """Everything in turn; ``controls`` and ``facts`` fill up on the way."""
    channels = 1 if bench.spec.channels == "mono" else 2
    report("loading")
    bench.one(noise(channels, plan.sample_rate // 4), bench.spec.defaults)
    if bench.failed:
        # What fails at once and did not crash cannot be used at all.
        bench.failed = [replace(f, reason="load" if f.reason == "error" else f.reason) for f in bench.failed]
        return
    report("hard cases")
    try_hard_cases(bench, channels, plan.hard, seed)
    length = round(min(plan.seconds, 1.0) * plan.sample_rate)
    mono = [clip.audio for clip in clips]
    pair = mono[0][:, -length:], mono[-1][:, -length:]
    audio = with_pause(pair[0] if channels == 1 else as_stereo(*pair))
    settings = settings_to_try(bench.spec, 3, seed)
    report("repeating")
    unsteady = list(check_repeats(bench, audio, settings))
    yield from unsteady
    # A plugin in a process of its own starts slowly, and is started for each setting.
    chances = plan.hard if bench.apart else 5 * plan.hard
    if not unsteady:
        # Different every time anyway: memory would be blamed for it.
        yield from check_memory(bench, audio, settings_to_try(bench.spec, chances, seed), facts)
    yield from check_state(bench, audio, settings, facts)
    yield from check_blocks(bench, audio, settings, facts)
    yield from check_stream(bench, audio, settings[::3] if bench.apart else settings, facts)
    report("controls")
    studies, found = study_controls(bench, mono[: plan.sounds], plan.bases, plan.more_bases, seed)
    yield from found
    report("identifiability")
    yield from _identify(bench, clips[: plan.clips], plan, seed, studies, controls, facts)
    report("levels, latency, tail")
    wide = [one if channels == 1 else as_stereo(one, other) for one, other in zip(mono, mono[::-1], strict=True)]
    yield from check_levels(bench, wide, plan.levels, seed, facts)
    yield from check_latency(bench, plan.hard, seed, facts)
    yield from check_tail(bench, plan.tails, seed, facts, plan.longest_tail)
    if plan.safety:
        report("speed and safety")
        measure_safety(bench, seed, facts)


def _identify(
    bench: Bench,
    clips: Sequence[Clip],
    plan: Plan,
    seed: int,
    studies: Sequence[ControlStudy],
    controls: list[ControlStudy],
    facts: dict[str, Any],
) -> Iterator[Finding]:
    found = study(bench, clips, plan.clip_bases, seed)
    facts["rank"] = found.rank
    known = {control.name: control for control in found.controls}
    for one in studies:
        heard = known.get(one.name)
        controls.append(
            replace(one, sensitivity_db=heard.sensitivity_db, identifiable=heard.identifiable) if heard else one
        )
    for first, second, cosine in found.parallel:
        yield Finding(
            "confounded",
            f"{first} and {second} do the same to mono sound: |cos| of their effects is {cosine:.3f} in the median",
            (first, second),
            strength=(1 - CONFOUNDED) / max(1 - cosine, 1e-9),
        )
