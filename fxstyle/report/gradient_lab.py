"""The gradient lab as a page, a table and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from fxstyle.doctor.identifiability_page import commit, machine
from fxstyle.gradients.lab import DRAWS, EPSILONS, LEVELS, PREROLL, SAMPLE_RATE, SAMPLES, Quality, Study
from fxstyle.gradients.progress import PROGRESS_EPSILONS, PROGRESS_STEP, Progress
from fxstyle.plots.gradient_lab import gradient_lab_figure
from fxstyle.writing import replacing, write_text

COLUMNS = tuple(field.name for field in fields(Quality))
SHOWN = 0.03
"""The step of the tables that have no column for each."""
DETAILED = "chain"
"""The effect with the most controls."""

_INTRODUCTION = """# How the gradient of a plugin is estimated

The gradient lab compares estimates that only render the real effect with exact gradients: a few of pedalboard's
effects are written again in torch (`fxstyle/gradients/twins.py`), agree with the originals to 1e-4, and can be
differentiated. The loss is the multi-resolution STFT distance between a clip at random settings and the same clip at
other random settings.

- **spsa k**: k random directions, each rendered both ways; the directions of an item are orthogonal. Beyond the next
  power of two above the number of controls no more are drawn.
- **central**, **one-sided**: finite differences, each control by itself.
- **level**: at `loss` the estimator differentiates the loss itself (`rendered_loss`); at `sound` it is a layer under a
  loss that torch differentiates (`render_with_gradient`).
- **cosine**: between an estimate and the exact gradient, mean over settings and repeats.
- **bias**: length of the mean error; **variance**: mean square distance from the mean estimate. Both are relative to
  the exact gradient; a bias of 0.00 is below what the repeats can show.
- **renders**: of each item beside the one at its own settings."""

_DECISION = """## What follows

- **The default is `rendered_loss` with one-sided differences and a step of 0.03**: one render for each control. On the
  twins its direction is far better than that of SPSA with the same number of renders, and through other plugins a step
  along it gains as much as along central differences, which cost twice as many.
- Steps: the exact gradient asks for 0.003 or less, but is not what one wants of a loss as rough as that of an
  echo's or a modulation's time. Through real plugins longer steps gain more, and 0.1 is already too long for filters.
- At the level of the sound use central differences of 0.01. One-sided ones are wrong where a control shifts phases
  (a filter's frequency): they take the sound's curvature for the loss's. Real plugins gain less than at the level of
  the loss. It is cheaper only where controls are many and renders cost less than the loss, which then runs once,
  forward and backward, and not for every render.
- SPSA with few draws is for effects with more controls than one can pay renders for. Its error is variance, which
  averages out over a batch. The single draw that is usually published is the weakest choice here.
- Orthogonal directions have about three fifths of the variance of independent ones at the same renders, and with enough
  of them SPSA is as good as central differences.
- Each item gets directions of its own: with common ones (`shared_directions`) the error no longer averages out over the
  batch, whose mean gradient then has about three times the variance."""


def label(kind: str, draws: int) -> str:
    """An estimator's name in tables and pictures."""
    return f"spsa {draws}" if kind == "spsa" else kind.replace("_", "-")


def page(rows: Sequence[Quality], progress: Sequence[Progress], study: Study, command: str, seconds: float) -> str:
    """The page in Markdown."""
    plain = [row for row in rows if row.directions in ("orthogonal", "")]
    names = list(dict.fromkeys(label(row.kind, row.draws) for row in plain))
    effects = list(dict.fromkeys((row.effect, row.controls) for row in rows))
    lines = [
        _INTRODUCTION,
        "",
        "```",
        command,
        "```",
        "",
        f"{', '.join(f'{name} ({controls})' for name, controls in effects)}, with their numbers of controls; "
        f"{study.settings} random settings of each on synthetic clips of {SAMPLES} samples at {SAMPLE_RATE} Hz after "
        f"{PREROLL} of pre-roll, {study.repeats} repeats of what is random, seed {study.seed}; {seconds:.0f} s of one "
        f"core's time; commit {commit() or 'unknown'}; {machine()}. As numbers: [gradients.csv](gradients.csv).",
        "",
        "![Cosine by step and renders](pictures/gradient_lab.png)",
        "",
        _DECISION,
    ]
    for level in LEVELS:
        lines += ["", f"## Cosine by step, level of the {level}", "", "Mean over the effects.", ""]
        lines += _head("estimator", [f"{epsilon:g}" for epsilon in EPSILONS])
        for name in names:
            lines.append(_row(name, [f"{_cosine(plain, name, level, e):.3f}" for e in EPSILONS]))
    for effect, controls in effects:
        lines += ["", f"## {effect}: {controls} control{'s' * (controls > 1)}, step {SHOWN:g}", ""]
        columns = [f"{level}: {word}" for level in LEVELS for word in ("cosine", "bias", "variance")]
        lines += _head("estimator", ["renders", *columns])
        for name in names:
            chosen = [_only(plain, name, level, SHOWN, effect) for level in LEVELS]
            cells = [f"{value:.3f}" for row in chosen for value in (row.cosine, row.bias, row.variance)]
            lines.append(_row(name, [str(chosen[0].renders), *cells]))
    lines += ["", f"## Directions of SPSA on {DETAILED}, 4 draws, step 0.01, level of the loss", ""]
    lines += _head("directions", ["cosine", "variance", "variance of the batch's mean gradient"])
    for directions in ("orthogonal", "independent", "shared"):
        row = next(
            row
            for row in rows
            if (row.effect, row.level, row.directions, row.draws, row.epsilon)
            == (DETAILED, "loss", directions, 4, 0.01)
        )
        named = {"shared": "shared by the batch"}.get(directions, directions)
        lines.append(_row(named, [f"{value:.3f}" for value in (row.cosine, row.variance, row.batch_variance)]))
    if progress:
        lines += _progress(progress)
    return "\n".join(lines) + "\n"


def _progress(progress: Sequence[Progress]) -> list[str]:
    """How far one step leads, by effect and by size of the steps."""
    effects = list(dict.fromkeys((row.effect, row.controls) for row in progress))
    ways = list(dict.fromkeys((row.level, row.kind, row.draws) for row in progress))
    lines = [
        "",
        "## One step through other plugins",
        "",
        "Effects without a twin have no exact gradient. Here a step of length "
        f"{PROGRESS_STEP:g} goes against the estimate; the numbers say what share of the loss it takes away, in %, "
        "mean over the settings: " + ", ".join(f"{effect} ({controls})" for effect, controls in effects) + ".",
    ]
    for level in LEVELS:
        lines += ["", f"### By size of the estimator's steps, level of the {level}, mean over the effects", ""]
        lines += _head("estimator", ["renders", *(f"{epsilon:g}" for epsilon in PROGRESS_EPSILONS)])
        for way in (way for way in ways if way[0] == level):
            chosen = [row for row in progress if (row.level, row.kind, row.draws) == way]
            renders = np.mean([row.renders for row in chosen])
            gains = [np.mean([row.gain for row in chosen if row.epsilon == e]) for e in PROGRESS_EPSILONS]
            lines.append(_row(label(*way[1:]), [f"{renders:.1f}", *(f"{100 * gain:.1f}" for gain in gains)]))
    lines += ["", "### By effect, level of the loss, each estimator with its steps", ""]
    lines += _head("estimator", ["step", *(effect for effect, _ in effects)])
    for way in (way for way in ways if way[0] == "loss"):
        for epsilon in PROGRESS_EPSILONS:
            found = {
                row.effect: row.gain
                for row in progress
                if (row.level, row.kind, row.draws, row.epsilon) == (*way, epsilon)
            }
            cells = [f"{100 * found[effect]:.1f}" for effect, _ in effects]
            lines.append(_row(label(*way[1:]), [f"{epsilon:g}", *cells]))
    return lines


def table(rows: Sequence[Quality]) -> str:
    """All numbers as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{v:.5g}" if isinstance(v, float) else v for key, v in asdict(row).items()})
    return out.getvalue()


def write(
    folder: Path,
    rows: Sequence[Quality],
    progress: Sequence[Progress],
    study: Study,
    command: str,
    seconds: float,
) -> None:
    """Write page, numbers and picture into a folder."""
    plain = [row for row in rows if row.directions in ("orthogonal", "")]
    names = [name for name in dict.fromkeys(label(row.kind, row.draws) for row in plain) if name != f"spsa {DRAWS[-1]}"]
    curves = {
        f"Level of the {level}": {name: [_cosine(plain, name, level, e) for e in EPSILONS] for name in names}
        for level in LEVELS
    }
    costs = {}
    for name in names:
        row = _only(plain, name, "loss", SHOWN, DETAILED)
        costs[name] = (float(row.renders), row.cosine)
    figure = gradient_lab_figure(EPSILONS, curves, costs, f"{DETAILED}, loss, step {SHOWN:g}")
    with replacing(folder / "pictures" / "gradient_lab.png") as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    write_text(folder / "gradients.csv", table(rows))
    write_text(folder / "gradients.md", page(rows, progress, study, command, seconds))


def _only(rows: Sequence[Quality], name: str, level: str, epsilon: float, effect: str) -> Quality:
    return next(
        row
        for row in rows
        if (label(row.kind, row.draws), row.level, row.epsilon, row.effect) == (name, level, epsilon, effect)
    )


def _cosine(rows: Sequence[Quality], name: str, level: str, epsilon: float) -> float:
    """Mean over the effects."""
    effects = dict.fromkeys(row.effect for row in rows)
    return float(np.mean([_only(rows, name, level, epsilon, effect).cosine for effect in effects]))


def _row(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def _head(first: str, columns: Sequence[str]) -> list[str]:
    return [_row(first, columns), "|---|" + "---:|" * len(columns)]
