"""The style benchmark: measure every arm, choose when to accept, and report."""

from __future__ import annotations

import logging
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from fxstyle.effects.spec import EffectSpec
from fxstyle.report.files import safe_name
from fxstyle.report.html import Report
from fxstyle.report.style_records import IDENTITY, EffectRecords, add_ours, read_records
from fxstyle.report.style_recovery import recovery
from fxstyle.report.style_report import Findings, write_findings
from fxstyle.report.style_study import Scope, compare, study
from fxstyle.report.style_tables import arms_table
from fxstyle.report.tables import terminal_table
from fxstyle.run import folder
from fxstyle.run.style_acceptance import Acceptance, calibrated, read_acceptance, write_acceptance
from fxstyle.run.style_arms import Arm
from fxstyle.run.style_measure import Measurement
from fxstyle.run.style_pairs import Content
from fxstyle.run.style_plan import Benchmark, build_search, dataset_name, prepare
from fxstyle.run.style_sounds import sound_section

log = logging.getLogger(__name__)

RESULTS, CALIBRATION = "results", "calibration"
_LINE_SECONDS = 60.0


def benchmark(config: DictConfig) -> Path:
    """Run the benchmark, going on where an earlier one stopped, and write its report.

    Returns:
        The path of the report.

    Raises:
        SystemExit: After Ctrl-C, with 130; what is done is kept.
    """
    plan = prepare(config)
    given = None if config.acceptance is None else read_acceptance(Path(config.acceptance))
    if given is not None:
        for effect in plan.effects.all:
            for content in plan.contents:
                given.threshold(effect.name, content)
    try:
        measure(plan)
        acceptance = (given or decide_acceptance(plan)) if plan.decides else None
        return report(plan, acceptance)
    except KeyboardInterrupt:
        log.info("stopped: what is done is kept in %s; the same command goes on", plan.out)
        sys.exit(130)
    finally:
        plan.source.renderer.close()


def measure(plan: Benchmark) -> None:
    """Let every arm answer its pairs of every effect."""
    measurement = Measurement(plan.source, plan.config.split, plan.out / RESULTS, plan.facts)
    began = time.monotonic()
    for number, spec in enumerate(plan.effects.all):
        arms = {arm: pairs for arm, pairs in plan.arms.items() if arm.covers(spec)}
        for arm in plan.arms:
            if arm not in arms:
                log.info("%s: %s was not trained on it and is left out", spec.name, arm.name)
        added = _run(measurement, spec, arms, plan.contents)
        left = (time.monotonic() - began) / (number + 1) * (len(plan.effects.all) - number - 1)
        log.info(
            "%s (%d of %d): %d answers added; about %s left",
            *(spec.name, number + 1, len(plan.effects.all), added, _duration(left)),
        )


def decide_acceptance(plan: Benchmark) -> Acceptance:
    """Thresholds chosen on validation recordings, and written down."""
    config = plan.config
    count = config.calibration_pairs
    arms = {arm: count for arm in plan.arms if arm.name == IDENTITY}
    # The seeds of a search name the split of its pairs.
    arms[build_search(plan.config, "hybrid", config.ours_renders, plan.source, plan.controllers, "val")] = count
    measurement = Measurement(plan.source, "val", plan.out / CALIBRATION, plan.facts)
    effects = []
    for number, spec in enumerate(plan.effects.all):
        if not all(arm.covers(spec) for arm in arms):
            continue
        added = _run(measurement, spec, arms, plan.contents)
        log.info(
            "calibration, %s (%d of %d): %d answers added",
            *(spec.name, number + 1, len(plan.effects.all), added),
        )
        records = {arm.name: pairs for arm, pairs in arms.items()}
        effects.append(
            read_records(measurement.folder / safe_name(spec.name), spec, spec in plan.effects.train, records)
        )
    acceptance = calibrated(effects, plan.ours, plan.contents, config.seed)
    write_acceptance(plan.out, acceptance)
    if config.acceptance_to_run and config.start is not None:
        for run in plan.controllers[config.start].folders:
            write_acceptance(run, acceptance)
    return acceptance


def report(plan: Benchmark, acceptance: Acceptance | None) -> Path:
    """Read all results, and write tables and the report."""
    config = plan.config
    effects = []
    for spec in plan.effects.all:
        counts = {arm.name: pairs for arm, pairs in plan.arms.items()}
        where = plan.out / RESULTS / safe_name(spec.name)
        records = read_records(where, spec, spec in plan.effects.train, counts)
        if acceptance is not None:
            thresholds: dict[str, float] = {
                content: acceptance.threshold(spec.name, content) for content in plan.contents
            }
            add_ours(records, plan.ours, plan.contents, thresholds)
        effects.append(records)
    identifiable = {str(name): tuple(controls) for name, controls in (config.identifiable or {}).items()}
    scope = Scope(plan.out.name, config.split, dataset_name(config), config.seed, identifiable)
    log.info("computing intervals")
    results = study(scope, effects, plan.names, plan.contents)
    for content in plan.contents:
        for arm in plan.names:
            results += recovery(scope, effects, arm, content)
    pairs = [(first, second) for first, second in config.comparisons]
    findings = Findings(
        effects=effects,
        arms=plan.names,
        contents=plan.contents,
        results=results,
        comparisons=compare(scope, effects, pairs, plan.contents),
        calibrations={} if acceptance is None else acceptance.calibrations,
        start=config.start,
        identifiable=identifiable,
    )
    overrides = HydraConfig.get().overrides.task if HydraConfig.initialized() else ["experiment=style_benchmark"]
    environment = folder.environment()
    page = write_findings(
        plan.out,
        findings,
        Report(
            title=f"Style benchmark, {dataset_name(config)}",
            summary=(_scope_sentence(effects, config),),
            sections=tuple(sound_section(plan.out, plan.source, config.split, effects, plan.ours)),
            notes=tuple(plan.source.source.notes()),
            reproduce=(shlex.join(["python", "evaluate.py", *overrides]),),
            config=OmegaConf.to_yaml(config),
            environment={k: str(v) for k, v in environment.items() if k != "versions"} | environment["versions"],
        ),
    )
    console = Console(width=None if sys.stdout.isatty() else 150)
    for content in plan.contents:
        console.print(terminal_table(arms_table(results, plan.names, content)))
    return page


def _scope_sentence(effects: list[EffectRecords], config: DictConfig) -> str:
    recordings = {pair.recording for records in effects for pair in records.pairs.values()}
    dry = [pair.bypassed for records in effects for pair in records.pairs.values()]
    seen = ", ".join(records.spec.name for records in effects if records.seen)
    unseen = ", ".join(records.spec.name for records in effects if not records.seen)
    return (
        f"{config.pairs} pairs of each effect for arms without search and {config.search_pairs} of them for searches, "
        f"from {len(recordings)} {config.split} recordings; {sum(dry)} of {len(dry)} targets are dry. "
        f"Seen effects: {seen}; unseen: {unseen or 'none'}."
    )


def _run(measurement: Measurement, spec: EffectSpec, arms: Mapping[Arm, int], contents: tuple[Content, ...]) -> int:
    """Measure an effect; a line now and then says how far it is."""
    added, told = 0, time.monotonic()

    def progress(answers: int) -> None:
        nonlocal added, told
        added += answers
        if time.monotonic() - told > _LINE_SECONDS:
            told = time.monotonic()
            log.info("%s: %d answers added so far", spec.name, added)

    measurement.run(spec, arms, contents, progress)
    return added


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
