"""The folder of a match: written beside its place, and moved there when it is whole."""

from __future__ import annotations

import json
import math
import platform
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import soundfile

from fxstyle import __version__
from fxstyle.audio.files import open_audio, read_frames
from fxstyle.effects.file_rendering import PIECE_FRAMES, render_file
from fxstyle.effects.preset import Preset
from fxstyle.effects.preset_files import write_preset
from fxstyle.effects.render_plan import RenderPlan, plan_render
from fxstyle.errors import InputError
from fxstyle.report.files import safe_name
from fxstyle.run.match_report import write_report
from fxstyle.run.match_result import MatchResult
from fxstyle.run.match_settings import values_of
from fxstyle.writing import write_text

RESULT = "result.json"
FORMAT = "fxstyle match"
_PACKAGES = ("numpy", "torch", "cma", "pedalboard", "soundfile", "soxr")


def default_folder(dry: Path, effect: str) -> Path:
    """Where a match goes if nobody says another place: ``<dry>_<effect>_match`` in the working folder."""
    return Path(f"{safe_name(dry.stem)}_{safe_name(effect)}_match")


def check_out(out: Path, overwrite: bool, *inputs: Path) -> None:
    """Refuse a folder that a match could not be written to, before anything is searched.

    Args:
        out: The folder.
        overwrite: Whether an earlier match may be replaced.
        inputs: What is read, and must not be in there.

    Raises:
        InputError: It is a file, holds something else, is there already, or its place cannot be written to.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"{out} is not a folder: give --out another name")
    if out.is_dir():
        if not overwrite:
            raise InputError(f"{out} is already there: add --overwrite or give --out another name")
        for source in inputs:
            if source.resolve().is_relative_to(out.resolve()):
                raise InputError(f"{source} lies in {out}, which --overwrite would delete: give --out another name")
        if any(out.iterdir()) and not _holds_match(out):
            raise InputError(
                f"{out} holds something else than a match, which --overwrite would delete: give --out another name"
            )
    parent = next(folder for folder in out.absolute().parents if folder.exists())
    if not parent.is_dir():
        raise InputError(f"{out} cannot be made, because {parent} is a file: give --out another name")
    probe = parent / f".fxstyle-{secrets.token_hex(4)}.part"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): give --out another place") from error


def save_match(
    result: MatchResult, out: Path, overwrite: bool, tail: float | None, on_piece: Callable[[int, int], Any]
) -> Path:
    """See :meth:`fxstyle.run.match_result.MatchResult.save`."""
    check_out(out, overwrite, result.dry, result.reference)
    try:
        with _replacing_folder(out) as folder:
            _write(result, folder, tail, on_piece)
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): give --out another place") from error
    return out


@contextmanager
def _replacing_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside ``out`` that takes its place; whatever is raised leaves what was there."""
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    mark = secrets.token_hex(4)
    part, old = (out.absolute().parent / f".{out.name[:80]}.{mark}.{kind}" for kind in ("part", "old"))
    try:
        part.mkdir()
        yield part
        if out.exists():
            out.rename(old)
        part.rename(out)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _holds_match(folder: Path) -> bool:
    try:
        content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def _write(result: MatchResult, folder: Path, tail: float | None, on_piece: Callable[[int, int], Any]) -> None:
    name = f"{result.dry.stem} like {result.reference.stem}"
    target = folder / result.output_name
    plan = plan_render(result.spec, result.values, result.dry, target, tail if result.accepted else 0.0)
    notes = []
    if result.accepted:
        done = render_file(plan, lambda frames: on_piece(frames, plan.total_frames))
        write_preset(folder / "preset.json", result.spec, Preset(name, tuple(result.values.items())))
        if result.spec.host == "lv2":
            write_preset(folder / "preset.lv2", result.spec, Preset(name, tuple(result.values.items())))
        if done.clipped:
            notes.append(
                f"{done.clipped:,} samples of the output were above full scale and were clipped (peak "
                f"{done.peak_db:+.1f} dBFS): a float input gives a float output, which nothing is too loud for."
            )
    else:
        _copy(plan, lambda frames: on_piece(frames, plan.total_frames))
    for number, candidate in enumerate(result.candidates):
        if number or not result.accepted:
            values = values_of(result.spec, candidate.positions)
            label = f"{name}, candidate {number + 1}"
            write_preset(
                folder / "candidates" / f"{number + 1}.json", result.spec, Preset(label, tuple(values.items()))
            )
    content = _content(result, plan, notes)
    write_text(folder / RESULT, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    write_report(result, folder, plan, notes, content["versions"])


def _copy(plan: RenderPlan, on_piece: Callable[[int], Any]) -> None:
    """The dry file itself: byte by byte where it is a WAV file, else its samples."""
    if plan.source.suffix.lower() == ".wav":
        shutil.copyfile(plan.source, plan.target)
        on_piece(plan.frames)
        return
    with (
        open_audio(plan.source) as dry,
        soundfile.SoundFile(
            plan.target, "w", plan.sample_rate, plan.channels, plan.subtype, format=plan.container
        ) as copy,
    ):
        for first in range(0, plan.frames, PIECE_FRAMES):
            piece = read_frames(dry, min(PIECE_FRAMES, plan.frames - first))
            copy.write(piece)
            on_piece(len(piece))


def _content(result: MatchResult, plan: RenderPlan, notes: list[str]) -> dict[str, Any]:
    """What ``result.json`` holds."""
    sounds, decision = result.sounds, result.decision
    return {
        "format": FORMAT,
        "version": 1,
        "dry": str(result.dry),
        "reference": str(result.reference),
        "effect": result.effect,
        "run": result.run,
        "content": "same" if sounds.same else "other",
        "likeness": round(sounds.likeness.score, 4),
        "lag_seconds": sounds.likeness.lag / sounds.sample_rate if sounds.same else None,
        "bypass": not decision.accepted,
        "reason": decision.reason,
        "metric": result.metric,
        "score_before": result.identity,
        "score_after": result.candidates[0].score if decision.accepted else result.identity,
        "score_best": result.candidates[0].score,
        "improvement": decision.improvement if math.isfinite(decision.improvement) else None,
        "threshold": decision.threshold,
        "settings": [
            {
                "name": setting.name,
                "value": setting.value,
                "text": setting.text,
                "position": setting.position,
                "certainty": setting.certainty,
                "spread": setting.spread,
                "heard_db": setting.heard_db,
            }
            for setting in result.settings
        ],
        "candidates": [
            {"score": candidate.score, "values": values_of(result.spec, candidate.positions)}
            for candidate in result.candidates
        ],
        "renders": result.renders,
        "budget": result.budget,
        "failed_renders": result.failed,
        "stopped_by": result.stopped_by,
        "seconds": round(result.seconds, 3),
        "seed": result.seed,
        "history": [[renders, score] for renders, score in result.history],
        "output": {
            "file": plan.target.name,
            "sample_rate": plan.sample_rate,
            "channels": plan.channels,
            "tail_seconds": plan.tail_frames / plan.sample_rate,
        },
        "notes": notes,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    found = {"fxstyle": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
