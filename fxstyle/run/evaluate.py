"""Evaluate a run: its model as it is, on its own or on other recordings and effects."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console
from rich.progress import Progress

from fxstyle.audio.source import Split
from fxstyle.data.module import EffectDataModule
from fxstyle.errors import InputError
from fxstyle.report import latent_report
from fxstyle.report.embeddings import (
    COMPONENTS,
    Clips,
    Embed,
    Pairs,
    SpectrogramPCA,
    cepstra,
    collect,
    components,
    encoder,
    flat_spectrograms,
    retrieval_pairs,
)
from fxstyle.report.html import Report, Section, write_report
from fxstyle.report.latent_study import Comparison, Group, Scope, study
from fxstyle.report.tables import Result, metrics_json, terminal_table, write_table
from fxstyle.run import build, folder
from fxstyle.tasks.representation import Representation
from fxstyle.writing import write_text

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A trained run.

    Attributes:
        folder: Its folder.
        checkpoint: The checkpoint that was loaded.
        config: What it was trained with, but for what it is evaluated on.
        data: What it is evaluated on.
        task: The trained task.
        seen: Names of the effects it was trained on.
    """

    folder: Path
    checkpoint: Path
    config: DictConfig
    data: EffectDataModule
    task: Representation
    seen: tuple[str, ...]


def evaluate_run(config: DictConfig) -> Path:
    """Evaluate whatever run a config names; gives the path of the report."""
    where, trained, checkpoint = folder.read_run(config.run)
    if OmegaConf.select(trained, "task.name") != "emulation":
        return evaluate(config, load(config))
    from fxstyle.run.emulation_evaluate import evaluate_emulation, load_emulation

    return evaluate_emulation(config, load_emulation(config, where, trained, checkpoint), choose_device(config.device))


def load(config: DictConfig) -> Loaded:
    """Load the run that an evaluation names, with the recordings and effects that it asks for.

    Raises:
        InputError: When there is no such run, or its checkpoint does not fit.
    """
    where, trained, checkpoint = folder.read_run(config.run)
    if OmegaConf.select(trained, "task.name") == "style_transfer":
        raise InputError(
            f"run={config.run} is a controller: evaluate it with experiment=style_benchmark "
            f"'controllers={{mine: {config.run}}}' start=mine dataset=RECORDINGS"
        )
    if OmegaConf.select(trained, "task.name") != "representation":
        raise InputError(f"run={config.run}: there is no evaluation for the task {trained.task.name!r}")
    trained_effects = build.build_effects(trained)
    task = build.build_task(trained, trained_effects)
    assert isinstance(task, Representation)
    try:
        task.load_state_dict(folder.load_checkpoint(checkpoint)["state_dict"])
    except (KeyError, RuntimeError) as error:
        raise InputError(f"checkpoint {checkpoint} does not fit the model of {where}/config.yaml") from error
    with open_dict(trained):
        for part in ("audio", "effects", "renderer"):
            if config.get(part) is not None:
                # Unresolved: `${sample_rate}` must be the run's.
                trained[part] = OmegaConf.to_container(config[part], resolve=False)
        trained.data.num_workers = 0
    if missing := sorted(key for key in OmegaConf.missing_keys(trained) if key.startswith(("audio", "effects"))):
        raise InputError(f"{missing[0]} has no value: give it on the command line, as in {missing[0]}=VALUE")
    data = build.build_data(DictConfig(OmegaConf.merge(trained, {"seed": config.seed})))
    seen = tuple(effect.name for effect in trained_effects.train)
    return Loaded(where, checkpoint, trained, data, task, seen)


def evaluate(config: DictConfig, loaded: Loaded) -> Path:
    """Run the latent study and write ``metrics.json``, ``table.csv`` and ``report.html``.

    Returns:
        The path of the report.
    """
    out = Path(config.out) if config.out else loaded.folder / "eval"
    if any(path.is_file() for path in (out, *out.parents)):
        raise InputError(f"out={out} is a file, or lies below one; give a folder")
    effects = loaded.data.effects.all
    groups = [
        Group(seen, indices)
        for seen in (True, False)
        if (indices := tuple(i for i, effect in enumerate(effects) if (effect.name in loaded.seen) is seen))
    ]
    device = choose_device(config.device)
    began = time.monotonic()
    train, test, pairs = _collect(config, loaded, groups, device)
    log.info("embedded in %.0f s; fitting probes", time.monotonic() - began)
    dataset = str(OmegaConf.select(loaded.config, "audio.root") or loaded.config.audio._target_.rsplit(".", 1)[-1])
    scope = Scope(loaded.folder.name, Path(dataset).name, config.seed)
    results, comparisons = study(scope, train, test, pairs, effects, groups)
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "table.csv", results)
    write_text(out / "metrics.json", json.dumps(metrics_json(results), indent=2, sort_keys=True))
    report = _report(config, loaded, out, test, results, comparisons, device)
    # A log has no width; 80 columns would cut the numbers.
    console = Console(width=None if sys.stdout.isatty() else 150)
    for group in groups:
        console.print(terminal_table(latent_report.headline(results, group.seen)))
    return write_report(out, report)


def choose_device(choice: str) -> torch.device:
    """The device of a choice: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: It is unknown, or there is none.
    """
    if choice == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if choice not in ("cpu", "cuda"):
        raise InputError(f"device={choice} is unknown; choose auto, cpu or cuda")
    if choice == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda, but no GPU was found; use device=auto")
    return torch.device(choice)


def _collect(
    config: DictConfig, loaded: Loaded, groups: list[Group], device: torch.device
) -> tuple[Clips, Clips, dict[bool, Pairs]]:
    """Embed clips of training recordings, clips of test recordings and retrieval pairs with every arm."""
    model = loaded.task.model
    untrained = build.build_task(loaded.config, loaded.data.effects)
    assert isinstance(untrained, Representation)
    flat = flat_spectrograms(model, device)
    arms: dict[str, Embed] = {
        "model": encoder(model, device),
        "untrained": encoder(untrained.model, device),
        "mfcc": cepstra(loaded.data.source.sample_rate),
    }
    effects = range(len(loaded.data.effects.all))
    count = config.items_per_effect * len(effects)
    with Progress(disable=not sys.stdout.isatty(), transient=True) as progress:

        def clips(split: Split, embeddings: dict[str, Embed]) -> Clips:
            bar = progress.add_task(f"{split} clips", total=count)
            keys = loaded.data.plan(split).fixed(count, effects)
            return collect(loaded.data.dataset(split), keys, embeddings, lambda done: progress.advance(bar, done))

        log.info("embedding %d clips of training recordings and %d of test recordings", count, count)
        train = clips("train", arms | {"flat": flat})
        spectrograms = train.wet.pop("flat")
        pca = SpectrogramPCA(spectrograms, COMPONENTS)
        train.wet["pca"] = pca(spectrograms)
        arms["pca"] = components(pca, flat)
        test = clips("test", arms)
    pairs = {
        group.seen: retrieval_pairs(
            loaded.data.dataset("test"), test, group.effects, arms, config.retrieval_contents, config.seed
        )
        for group in groups
        if len(group.effects) > 1
    }
    return train, test, pairs


def _report(
    config: DictConfig,
    loaded: Loaded,
    out: Path,
    test: Clips,
    results: list[Result],
    comparisons: list[Comparison],
    device: torch.device,
) -> Report:
    effects = loaded.data.effects.all
    seen = [effect.name for effect in effects if effect.name in loaded.seen]
    unseen = [effect.name for effect in effects if effect.name not in loaded.seen]
    log.info("drawing the map (%s)", config.reducer)
    sections = [latent_report.map_section(out, test, effects, config.reducer, config.seed)]
    sections.append(latent_report.score_section(out, results, comparisons))
    if seen and unseen:
        unseen_table = latent_report.headline(results, False)
        sections.insert(0, Section("Effects it has never heard", tables=(unseen_table,)))
    metrics = loaded.folder / folder.METRICS
    best = json.loads(metrics.read_text(encoding="utf-8")).get("best_epoch") if metrics.is_file() else None
    curves = latent_report.curves_section(out, loaded.folder, best, loaded.seen)
    if curves is not None:
        sections.append(curves)
    keys = [test.keys[int(np.flatnonzero(test.effect == index)[0])] for index in range(len(effects))]
    sections.append(latent_report.sound_section(out, loaded.data.dataset("test"), keys, loaded.task, device))
    environment = {key: str(value) for key, value in folder.environment().items() if key != "versions"}
    overrides = HydraConfig.get().overrides.task if HydraConfig.initialized() else [f"run={config.run}"]
    command = shlex.join(["python", "evaluate.py", *overrides])
    return Report(
        title=f"Latent study of {loaded.folder.name}",
        summary=latent_report.summary(comparisons, len(test.effect), len(set(test.recording)), seen, unseen),
        headline=latent_report.headline(results, bool(seen)),
        sections=tuple(sections),
        notes=(*loaded.data.notes(), *latent_report.caveats(test)),
        reproduce=(command,),
        config=OmegaConf.to_yaml(loaded.config),
        environment=environment | folder.environment()["versions"],
    )
