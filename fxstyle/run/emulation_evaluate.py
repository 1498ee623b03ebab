"""Evaluate an emulation: whole test recordings through the monitored best, beside identity, gain and filter."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console
from rich.progress import Progress

from fxstyle.data.pair import Pair, PairSet
from fxstyle.data.segments import RecordingDataset
from fxstyle.errors import InputError
from fxstyle.metrics.emulation_baselines import LinearBaselines
from fxstyle.report import emulation_report
from fxstyle.report.emulation_study import Scope, Scored, Sound, cost_results, predictions, results, score_pair
from fxstyle.report.html import Report, write_report
from fxstyle.report.tables import metrics_json, terminal_table, write_table
from fxstyle.run import folder
from fxstyle.run.emulation import build_emulation
from fxstyle.tasks.emulation import Emulation
from fxstyle.writing import write_text

log = logging.getLogger(__name__)
COSTS = ("steps", "audio_seconds", "seconds", "epochs")
"""What ``metrics.json`` of a run says of its training, which every table repeats."""


@dataclass(frozen=True)
class LoadedEmulation:
    """A trained emulation.

    Attributes:
        folder: The run's folder.
        config: What it was trained with, but for what it is evaluated on.
        pairs: What it is evaluated on.
        task: The trained task.
        cost: Steps, seconds of audio seen and wall time of its training.
    """

    folder: Path
    config: DictConfig
    pairs: PairSet
    task: Emulation
    cost: dict[str, float]


def load_emulation(config: DictConfig, where: Path, trained: DictConfig, checkpoint: Path) -> LoadedEmulation:
    """Load a run of the task ``emulation`` with the recordings that an evaluation asks for.

    Raises:
        InputError: The checkpoint does not fit, or the recordings cannot be used.
    """
    with open_dict(trained):
        for part in ("audio", "effects", "renderer"):
            if config.get(part) is not None:
                # Unresolved: `${sample_rate}` must be the run's.
                trained[part] = OmegaConf.to_container(config[part], resolve=False)
    data, task = build_emulation(trained)
    try:
        task.load_state_dict(folder.load_checkpoint(checkpoint)["state_dict"])
    except (KeyError, RuntimeError) as error:
        raise InputError(f"checkpoint {checkpoint} does not fit the model of {where}/config.yaml") from error
    return LoadedEmulation(where, trained, data.pairs, task.eval(), _cost(where))


def evaluate_emulation(config: DictConfig, loaded: LoadedEmulation, device: torch.device) -> Path:
    """Score the test recordings and write ``metrics.json``, ``table.csv`` and ``report.html``.

    Returns:
        The path of the report.
    """
    out = Path(config.out) if config.out else loaded.folder / "eval"
    if any(path.is_file() for path in (out, *out.parents)):
        raise InputError(f"out={out} is a file, or lies below one; give a folder")
    out.mkdir(parents=True, exist_ok=True)
    pairs, task = loaded.pairs, loaded.task.to(device)
    dataset = str(OmegaConf.select(loaded.config, "audio.root") or pairs.name)
    scope = Scope(loaded.folder.name, "test", Path(dataset).name, pairs.name, config.seed)
    test = pairs.split("test")
    log.info("scoring %d test recordings at %d settings", len({pair.recording for pair in test}), len(pairs.settings))
    baselines = LinearBaselines(pairs.split("train"))

    def render(group: Sequence[Pair]) -> list[Sound]:
        batch = RecordingDataset(group).__getitems__(list(range(len(group))))
        moved = {name: tensor.to(device) for name, tensor in batch.items()}  # type: ignore[attr-defined]
        made = task.render(moved).cpu().numpy()  # type: ignore[arg-type]
        return [sound[:, : pair.samples] for sound, pair in zip(made, group, strict=True)]

    scored: list[Scored] = []
    heard: dict[int, tuple[Pair, dict[str, Sound]]] = {}
    with Progress(disable=not sys.stdout.isatty(), transient=True) as progress:
        bar = progress.add_task("recordings", total=len(test))
        for pair, sounds in predictions(test, render, baselines, int(loaded.config.data.score_batch)):
            scored.append(score_pair(pair, sounds, pairs.sample_rate))
            heard[pair.setting] = (pair, sounds)
            progress.advance(bar)
    rows = results(scope, scored, task.settings)
    rows += cost_results(scope, loaded.cost)
    write_table(out / "table.csv", rows)
    values = metrics_json([row for row in rows if row.effect == "macro"])
    write_text(out / "metrics.json", json.dumps(values, indent=2, sort_keys=True))
    environment = {key: str(value) for key, value in folder.environment().items() if key != "versions"}
    overrides = HydraConfig.get().overrides.task if HydraConfig.initialized() else [f"run={config.run}"]
    report = Report(
        title=f"Emulation of {pairs.name}: {loaded.folder.name}",
        summary=emulation_report.summary(rows, pairs, loaded.cost),
        headline=emulation_report.headline(rows),
        sections=emulation_report.sections(out, rows, heard, task.settings, pairs),
        notes=pairs.notes,
        reproduce=(shlex.join(["python", "evaluate.py", *overrides]),),
        config=OmegaConf.to_yaml(loaded.config),
        environment=environment | folder.environment()["versions"],
    )
    # A log has no width; 80 columns would cut the numbers.
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(terminal_table(emulation_report.headline(rows)))
    return write_report(out, report)


def _cost(where: Path) -> dict[str, float]:
    try:
        known = json.loads((where / folder.METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: float(known[name]) for name in COSTS if isinstance(known.get(name), (int, float))}
