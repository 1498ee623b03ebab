"""The pictures, previews and page of a match."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fxstyle.audio.files import read_audio
from fxstyle.effects.render_plan import RenderPlan
from fxstyle.plots.match import search_figure, spectra_figure
from fxstyle.report.html import AudioRow
from fxstyle.report.match_page import Knob, MatchPage, write_match_page
from fxstyle.report.media import Picture, save_audio, save_picture
from fxstyle.report.tables import Table, plain_table
from fxstyle.run.match_result import MatchResult

PREVIEW_SECONDS = 30
LOSS_CURVE = "loss_curve.png"


def write_report(
    result: MatchResult, folder: Path, plan: RenderPlan, notes: Sequence[str], versions: Mapping[str, str]
) -> Path:
    """Write ``report.html``, ``loss_curve.png`` and what the page shows and plays; the processed file is there already.

    Args:
        result: What was found.
        folder: The folder of the match.
        plan: How the processed file was rendered.
        notes: What a listener must know, such as clipping.
        versions: Versions of what made it, by name.
    """
    sounds = result.sounds
    span = min(PREVIEW_SECONDS * sounds.sample_rate, sounds.dry.shape[1])
    after, _ = read_audio(plan.target, sounds.start, span)
    heard = {
        "before": sounds.dry[:, :span],
        "after": after,
        "reference": sounds.reference[:, : PREVIEW_SECONDS * sounds.sample_rate],
    }
    files = tuple(save_audio(folder, name, name, audio, sounds.sample_rate) for name, audio in heard.items())
    spectra = save_picture(
        folder,
        "spectra",
        spectra_figure(heard, sounds.sample_rate),
        "Long-term spectra of the sound before and after, and of the reference",
        "Mean level in sixth-octave bands of what the players play.",
    )
    start = sounds.start / sounds.sample_rate
    note = f"From {start:.1f} s of the dry file on; after is the processed file at the same place."
    page = MatchPage(
        title=f"{result.dry.name} like {result.reference.name}, with {result.spec.name}",
        accepted=result.accepted,
        summary=(result.summary,),
        listen=AudioRow("Before, after and reference", files, note),
        knobs=tuple(Knob(s.name, s.text, s.position, s.steps, s.certainty, s.heard) for s in result.settings),
        pictures=(spectra, _loss_curve(result, folder)),
        candidates=candidates_table(result),
        decision=(f"{result.decision.reason[:1].upper()}{result.decision.reason[1:]}.", *explanations(result), *notes),
        files=_files(result, plan),
        reproduce=_commands(result),
        facts=_facts(result, plan, versions),
    )
    return write_match_page(folder, page)


def candidates_table(result: MatchResult) -> Table:
    """The dry sound and the distinct settings that were found, with their scores."""
    rows: list[tuple[object, ...]] = [("dry sound", result.identity, "0 %", "")]
    for number, candidate in enumerate(result.candidates, 1):
        nearer = 1 - candidate.score / result.identity if result.identity > 0 else 0.0
        settings = result.spec.text(candidate.positions)
        rows.append((f"candidate {number}", candidate.score, f"{100 * nearer:.1f} %", settings))
    caption = f"Distinct settings by {result.metric}; lower is nearer to the reference."
    return plain_table(caption, ("what", "score", "nearer", "settings"), rows)


def settings_table(result: MatchResult) -> Table:
    """The best settings with how sure they are, for a terminal."""
    rows = [(s.name, s.text, s.certainty, s.heard) for s in result.settings]
    title = f"{result.spec.name}" if result.accepted else f"{result.spec.name}: the best found, not used"
    return plain_table(title, ("control", "setting", "certainty", "heard"), rows)


def explanations(result: MatchResult) -> list[str]:
    """Sentences on what was compared, what cannot be heard and what went wrong on the way."""
    said = [result.content]
    if silent := [s.name for s in result.settings if s.heard == "not heard here"]:
        said.append(
            f"Not heard here: {', '.join(silent)}. Moved a little, this changes nothing in these sounds: any "
            "setting near it does as well."
        )
    if loose := [s.name for s in result.settings if s.certainty == "open" and s.name not in silent]:
        said.append(f"Open: {', '.join(loose)}. Quite other settings sound about as near; see the candidates.")
    if result.stopped_by == "interrupted":
        said.append(f"The search was stopped early, after {result.renders} of {result.budget} settings.")
    if result.failed:
        said.append(f"The effect did not survive {result.failed} of {result.renders} settings; they were left out.")
    return said


def _loss_curve(result: MatchResult, folder: Path) -> Picture:
    metric = "objective of the search"
    picture = save_picture(
        folder,
        "loss_curve",
        search_figure(result.history, result.search_identity, metric),
        "Best score so far over the number of settings tried, beside that of the dry sound",
        "What the search made small"
        + (": a cheap part of the distance that decides." if result.sounds.same else ", which also decides."),
    )
    (folder / picture.path).rename(folder / LOSS_CURVE)
    return replace(picture, path=LOSS_CURVE)


def _files(result: MatchResult, plan: RenderPlan) -> dict[str, str]:
    if not result.accepted:
        files = {plan.target.name: "The dry file itself."}
    else:
        tail = plan.tail_frames / plan.sample_rate
        files = {
            plan.target.name: "The processed file, at the dry file's rate and channels"
            + (f", with the effect's tail of {tail:g} s." if tail else "."),
            "preset.json": f"The settings, for fxstyle effects render {shlex.quote(result.effect)} --preset",
        }
        if result.spec.host == "lv2":
            files["preset.lv2"] = "The same for any LV2 host: copy it to a folder of LV2_PATH, such as ~/.lv2."
    if len(result.candidates) > result.accepted:
        files["candidates/"] = "Presets of the other settings." if result.accepted else "Presets that were not used."
    return {**files, "result.json": "All of this for programs.", LOSS_CURVE: "The course of the search."}


def _commands(result: MatchResult) -> tuple[str, ...]:
    chosen = ["--effect", result.effect, "--renders", str(result.budget), "--seed", str(result.seed)]
    chosen += ["--content", "same" if result.sounds.same else "other"]
    if result.decision.threshold < 1:
        chosen += ["--threshold", f"{result.decision.threshold:g}"]
    if result.run is not None:
        chosen += ["--run", result.run]
    # A file's name may begin with a dash.
    return (shlex.join(["fxstyle", "match", *chosen, "--", str(result.dry), str(result.reference)]),)


def _facts(result: MatchResult, plan: RenderPlan, versions: Mapping[str, str]) -> dict[str, str]:
    sounds = result.sounds
    counted = "mono" if sounds.channels == 1 else "stereo"
    listened = sounds.dry.shape[1] / sounds.sample_rate
    return {
        "dry file": f"{sounds.frames / sounds.sample_rate:.2f} s, {counted}, {sounds.sample_rate} Hz",
        "listened to": f"{listened:.2f} s from {sounds.start / sounds.sample_rate:.2f} s on",
        "reference": f"{sounds.reference.shape[1] / sounds.sample_rate:.2f} s, from {sounds.reference_rate} Hz",
        "output": f"{plan.total_frames / plan.sample_rate:.2f} s, {counted}, {plan.sample_rate} Hz",
        "search": f"{result.renders} renders in {result.seconds:.1f} s, ended by: {result.stopped_by}",
        "started from": result.run or "no trained run",
        "likeness of content": f"{sounds.likeness.score:.2f}",
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
    }
