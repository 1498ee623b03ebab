"""The report of the latent study: map, tables, curves and sounds."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fxstyle.data.dataset import EffectDataset
from fxstyle.data.keys import ClipKey
from fxstyle.effects.spec import EffectSpec
from fxstyle.plots.bars import Bar, baseline_bars_figure
from fxstyle.plots.curves import training_curves_figure
from fxstyle.plots.latent import latent_map_figure, latent_map_html
from fxstyle.plots.projection import Method, project
from fxstyle.report.embeddings import Clips
from fxstyle.report.html import AudioRow, Link, Section
from fxstyle.report.latent_study import ARMS, METRICS, Comparison
from fxstyle.report.media import Picture, save_audio, save_picture
from fxstyle.report.tables import MACRO, Result, Table, pivot, plain_table
from fxstyle.tasks.representation import Representation
from fxstyle.writing import write_text

Floats = NDArray[np.float64]
FEW_RECORDINGS = 10


def map_section(folder: Path, clips: Clips, effects: Sequence[EffectSpec], method: Method, seed: int) -> Section:
    """Draw the map of paired clean and effected embeddings, as a picture and as an interactive page."""
    points = project(np.concatenate([clips.dry, clips.wet["model"]]), method, seed)
    names = [effects[index].name for index in clips.effect] * 2
    described = np.concatenate([clips.dry_timbre, clips.wet_timbre])
    is_wet = np.repeat([False, True], len(clips.effect))
    order = [effect.name for effect in effects]
    figure = latent_map_figure(
        points, names, described[:, 0], described[:, 1], is_wet, effects=order, axis_name=method.upper()
    )
    picture = save_picture(
        folder,
        "latent_map",
        figure,
        f"Test clips in two dimensions ({method.upper()}), coloured by effect, brightness and depth.",
    )
    settings = [
        {
            parameter.name: (float(parameter.to_unit(position)), parameter.unit)
            for parameter, position in zip(effects[index].parameters, row, strict=False)
            if not parameter.held
        }
        for index, row in zip(clips.effect, clips.parameters, strict=True)
    ]
    page = latent_map_html(
        points,
        names,
        described[:, 0],
        described[:, 1],
        is_wet,
        recordings=[*clips.recording, *clips.recording],
        parameters=[*({} for _ in settings), *settings],
        effects=order,
        axis_name=method.upper(),
    )
    write_text(folder / "latent_map.html", page)
    return Section(
        "The latent space",
        (
            "Each test clip appears twice: clean and effected. Axes of such a map have no unit and distances "
            "between far clusters mean little; the numbers are in the tables.",
        ),
        pictures=(picture,),
        links=(Link("latent_map.html", "Interactive map", "hover for effect, recording and settings"),),
    )


def summary(
    comparisons: Sequence[Comparison], clips: int, recordings: int, seen: Sequence[str], unseen: Sequence[str]
) -> tuple[str, ...]:
    """What someone reads who reads no further."""
    sentences = [
        f"{clips} test clips of {recordings} recordings the model was not trained on; "
        f"trained effects: {', '.join(seen) or 'none'}; never heard: {', '.join(unseen) or 'none'}."
    ]
    for kind in (True, False):
        found = [c for c in comparisons if c.seen is kind and c.metric == "effect_probe"]
        if found:
            told = "; ".join(
                f"{verdict(c)} than {c.arm}" if verdict(c) != "not apart" else f"not apart from {c.arm}" for c in found
            )
            sentences.append(f"Telling {'trained' if kind else 'never heard'} effects apart, the model is {told}.")
    return tuple(sentences)


def caveats(clips: Clips) -> list[str]:
    """Say how many clips have no brightness or depth, and when there are too few recordings for good intervals."""
    said = []
    if missing := int(np.isnan(clips.wet_timbre).any(axis=1).sum()):
        said.append(f"{missing} test clips have no brightness or depth (silence) and are left out of those probes.")
    if (recordings := len(set(clips.recording))) < FEW_RECORDINGS:
        said.append(
            f"Only {recordings} test recordings: intervals are rough, and R2 is poor wherever these sound alike."
        )
    return said


def headline(results: Sequence[Result], seen: bool) -> Table:
    """Metrics by arm for seen or unseen effects."""
    rows = [r for r in results if r.effect == MACRO and r.seen is seen and r.metric in METRICS]
    kind = "effects it was trained on" if seen else "effects it has never heard"
    return pivot(rows, f"Test recordings, {kind} (95 % bootstrap interval over recordings)")


def score_section(folder: Path, results: Sequence[Result], comparisons: Sequence[Comparison]) -> Section:
    """Bars of model and baselines, the differences with their intervals, and every effect and control."""
    pictures: list[Picture] = []
    tables: list[Table] = []
    for seen in (True, False):
        rows = [r for r in results if r.effect == MACRO and r.seen is seen and r.metric in METRICS]
        if not rows:
            continue
        kind = "seen" if seen else "unseen"
        bars = [Bar(r.metric, r.arm, r.value, r.ci_low, r.ci_high) for r in rows]
        figure = baseline_bars_figure(bars, dict.fromkeys(METRICS, "higher"))
        pictures.append(
            save_picture(folder, f"scores_{kind}", figure, f"Scores of model and baselines for {kind} effects.")
        )
        differences = [c for c in comparisons if c.seen is seen]
        tables.append(
            plain_table(
                f"Model minus baseline on the same clips, {kind} effects",
                ("metric", "baseline", "difference", "from", "to", "model is"),
                [(c.metric, c.arm, c.value, c.low, c.high, verdict(c)) for c in differences],
            )
        )
        single = [r for r in results if r.effect != MACRO and r.seen is seen and r.arm in ARMS]
        for metric in ("effect_probe",):
            found = [r for r in single if r.metric == metric]
            if found:
                tables.append(pivot(found, f"{METRICS[metric]} by effect, {kind} effects", rows="effect"))
        controls = [r for r in single if r.metric.startswith("r2_")]
        if controls:
            tables.append(
                plain_table(
                    f"Controls read off the latent vector (R2), {kind} effects",
                    ("effect", "control", *ARMS),
                    _control_rows(controls),
                )
            )
    return Section("Scores", pictures=tuple(pictures), tables=tuple(tables))


def verdict(comparison: Comparison) -> str:
    """Better, worse or neither, by the interval of the paired difference."""
    if comparison.low > 0:
        return "better"
    return "worse" if comparison.high < 0 else "not apart"


def curves_section(folder: Path, run_folder: Path, best_epoch: int | None, seen: Sequence[str]) -> Section | None:
    """Training curves from ``metrics.csv``; ``None`` where the run has none."""
    rows: dict[int, dict[str, float]] = {}
    for file in sorted(run_folder.glob("metrics*/metrics.csv")):
        with file.open(newline="", encoding="utf-8") as lines:
            for line in csv.DictReader(lines):
                if line.get("epoch"):
                    kept = {key: float(value) for key, value in line.items() if value and key != "epoch"}
                    rows.setdefault(int(line["epoch"]), {}).update(kept)
    epochs = [rows[epoch] for epoch in sorted(rows) if "val/score/macro" in rows[epoch]]
    if not epochs:
        return None
    effects = [row.get("train/effect", -1.0) for row in epochs]
    figure = training_curves_figure(
        [row.get("train/loss", math.nan) for row in epochs],
        [row["val/score/macro"] for row in epochs],
        {name: [row.get(f"val/score/{name}", math.nan) for row in epochs] for name in seen},
        [seen[int(effect)] for effect in effects] if min(effects) >= 0 else [],
        None if best_epoch is None else best_epoch - 1,
        effects=list(seen),
    )
    return Section("Training", pictures=(save_picture(folder, "training", figure, "Training and validation curves."),))


def sound_section(
    folder: Path, dataset: EffectDataset, keys: Sequence[ClipKey], task: Representation, device: torch.device
) -> Section:
    """One test clip of each effect: dry, wet and reconstruction."""
    rows = []
    batch = dataset.__getitems__(list(keys))
    with torch.inference_mode():
        rebuilt = task.to(device).eval().reconstruct(batch["wet"].to(device)).cpu()
    rate = dataset.source.sample_rate
    for item in range(len(keys)):
        spec = dataset.effects[int(batch["effect"][item])]
        sounds = {"dry": batch["dry"], "wet": batch["wet"], "reconstruction": rebuilt}
        files = tuple(
            save_audio(folder, f"{spec.name}_{label}", label, audio[item].numpy(), rate)
            for label, audio in sounds.items()
        )
        recording = dataset.plan.recordings[int(batch["recording"][item])].name
        note = spec.text(batch["parameters"][item].numpy())
        rows.append(AudioRow(f"{spec.name}, {recording}", files, note))
    return Section(
        "Listen",
        ("The reconstruction has the wet sound's phase: only its magnitudes come from the latent vector.",),
        audio=tuple(rows),
    )


def _control_rows(controls: Sequence[Result]) -> list[tuple[object, ...]]:
    values = {(r.effect, r.metric, r.arm): r.value for r in controls}
    names = dict.fromkeys((r.effect, r.metric) for r in controls)
    return [(e, m.removeprefix("r2_"), *(values.get((e, m, arm), math.nan) for arm in ARMS)) for e, m in names]
