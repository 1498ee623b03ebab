"""Finds settings of an effect that make a dry recording sound like a reference, and never hands back anything worse.

From Python::

    from fxstyle.run.match import match

    result = match("dry.wav", "reference.wav", effect="mda_overdrive")
    print(result.summary)
    result.save("out")
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

from fxstyle.effects.preset import Preset
from fxstyle.effects.preset_files import all_presets
from fxstyle.effects.renderer import Renderer, RenderError
from fxstyle.effects.safe_renderer import SafeRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.run.catalogue import find_effect
from fxstyle.run.match_problem import build_problem, judge_candidates
from fxstyle.run.match_result import MatchResult
from fxstyle.run.match_settings import describe_settings, heard_changes
from fxstyle.run.match_sounds import Content, Sounds, read_sounds
from fxstyle.search.acceptance import decide
from fxstyle.search.proposal import Proposal, preset_prior
from fxstyle.search.search import CONTROLLER_WEIGHT, PRIOR_WEIGHT, search

RENDERS = 512
THRESHOLDS = {"same": 0.05, "other": 0.5}
"""Smallest improvement over the dry sound that is used, by content, where neither run nor caller says another.

On 720 validation pairs of nine effects these made no effect worse on average (docs/style_transfer.md).
"""


def match(
    dry: str | Path,
    reference: str | Path,
    effect: str | EffectSpec,
    run: str | Path | None = None,
    renders: int = RENDERS,
    content: Content = "auto",
    seed: int = 0,
    threshold: float | None = None,
    cores: int | None = None,
    on_progress: Callable[[int, float], None] | None = None,
) -> MatchResult:
    """Search for settings of an effect with which the dry recording comes near to the reference.

    It listens to excerpts; the whole file is rendered when the result is saved. The dry sound itself is the answer
    where nothing comes nearer by more than a threshold.

    Args:
        dry: A mono or stereo file of any length and rate; the effect renders at its rate.
        reference: A file of any rate, channels and length.
        effect: A name of ``conf/effects``, a YAML file, a plugin's path or its URI, or a spec; also a chain.
        run: A run folder or checkpoint of a trained controller to start from.
        renders: How many settings may be tried.
        content: Whether both files hold the same performance, or ``auto`` to find out.
        seed: Another seed searches elsewhere.
        threshold: Smallest improvement that is used, from 0 to 1; that of the run or of this program where ``None``.
        cores: Threads, or processes for plugins that are not known to be safe; all where ``None``.
        on_progress: Called with the renders so far and the best score. Raising :class:`KeyboardInterrupt` in it, or
            Ctrl-C, ends the search with the best so far.

    Raises:
        InputError: The files, the effect or the run cannot be used.
        RenderError: The effect gave no sound at all.
    """
    began = time.monotonic()
    if renders < 0 or (renders == 0 and run is None):
        raise InputError(f"--renders is {renders}: use 1 or more, or 0 with --run for the run's proposal as it is")
    if threshold is not None and not 0 <= threshold < 1:
        raise InputError(f"--threshold is {threshold:g}: use 0 or more, and less than 1")
    if seed < 0:
        raise InputError(f"--seed is {seed}: use 0 or more")
    named = effect if isinstance(effect, EffectSpec) else find_effect(str(effect))
    sounds = read_sounds(Path(dry), Path(reference), content)
    spec = _usable(named, sounds, Path(dry))
    prior = _prior(spec)
    renderer = cast(Renderer, SafeRenderer(cores or _all_cores()))
    try:
        start, folder = _proposal(run, spec, sounds, renderer)
        needed = _threshold(folder, spec.name, sounds.same) if threshold is None else threshold
        problem = build_problem(spec, sounds, renderer)
        # Another performance says little about some settings: there the search stays near to what a controller expects.
        near, weight = (start, CONTROLLER_WEIGHT) if start is not None and not sounds.same else (prior, PRIOR_WEIGHT)
        found = search(problem, renders, "hybrid", start, near, seed, on_progress, weight)
        identity, candidates = judge_candidates(problem, sounds, renderer, found.candidates)
        if not candidates:
            last = f": {renderer.failures[-1]}" if renderer.failures else ""
            raise RenderError(f"effect {spec.name!r} gave no sound with any of {found.renders} settings{last}")
        decision = decide(identity, candidates[0].score, needed)
        heard = heard_changes(spec, renderer, problem.excerpts, sounds.sample_rate, candidates[0].positions)
        return MatchResult(
            dry=Path(dry),
            reference=Path(reference),
            effect=effect if isinstance(effect, str) else effect.name,
            run=None if run is None else str(run),
            budget=renders,
            seed=seed,
            spec=spec,
            sounds=sounds,
            decision=decision,
            identity=identity,
            search_identity=problem.identity,
            candidates=candidates,
            settings=describe_settings(spec, candidates, identity, sounds.same, heard, start),
            history=found.history,
            renders=found.renders,
            failed=problem.failed,
            stopped_by=found.stopped_by,
            seconds=time.monotonic() - began,
        )
    finally:
        renderer.close()


def _usable(spec: EffectSpec, sounds: Sounds, dry: Path) -> EffectSpec:
    """The effect for the channels of the dry sound."""
    counted = {1: "mono", 2: "stereo"}
    needed = {"mono": 1, "stereo": 2}.get(spec.channels, sounds.channels)
    if needed != sounds.channels:
        raise InputError(
            f"effect {spec.name!r} is {counted[needed]}, but {dry} is {counted[sounds.channels]}: "
            "convert the file first"
        )
    spec.check_rate(sounds.sample_rate)
    fitted = spec.for_channels(sounds.channels)
    if not fitted.free.any():
        raise InputError(
            f"effect {spec.name!r} has no control to search for with {counted[sounds.channels]} sound: choose another "
            "effect, or free one of its controls"
        )
    return fitted


def _proposal(
    run: str | Path | None, spec: EffectSpec, sounds: Sounds, renderer: Renderer
) -> tuple[Proposal | None, Path | None]:
    """Where the search starts, and the run's folder."""
    if run is None:
        return None, None
    from fxstyle.run.controllers import load_controller

    controller = load_controller(run, renderer)
    proposal = controller.propose(spec, sounds.dry, sounds.reference, sounds.sample_rate)
    return proposal, controller.folder


def _prior(spec: EffectSpec) -> Proposal | None:
    presets = all_presets(spec)
    if not presets:
        return None
    # What comes with a plugin may name values that this spec leaves out.
    usable = [preset for preset in presets if _fits(spec, preset)]
    return preset_prior(replace(spec, presets=tuple(usable))) if usable else None


def _fits(spec: EffectSpec, preset: Preset) -> bool:
    try:
        spec.preset_positions(preset)
    except InputError:
        return False
    return True


def _threshold(folder: Path | None, effect: str, same: bool) -> float:
    """The run's own smallest improvement for an effect, or for any, which its validation chose; else the default."""
    kind = "same" if same else "other"
    path = folder / "acceptance.json" if folder is not None else None
    if path is None or not path.is_file():
        return THRESHOLDS[kind]
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))
        own = chosen.get("effects", {}).get(effect, {})
        found = float(own.get(kind, chosen["threshold"].get(kind, THRESHOLDS[kind])))
        if not found >= 0:
            raise ValueError(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be used: evaluate the run again, or give --threshold") from error
    return found


def _all_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
