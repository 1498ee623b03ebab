"""``fxstyle doctor``: what is wrong with a plugin or a pair of recordings, and which controls sound can tell apart."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxstyle.errors import InputError

if TYPE_CHECKING:
    from fxstyle.doctor.findings import Examination
    from fxstyle.effects.spec import EffectSpec

app = typer.Typer(
    help="Examine effects and recordings of them: what is wrong with one, and what an effect's controls do.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_RECORDINGS = typer.Option(metavar="DIR", help="Folder of recordings to use; synthetic phrases otherwise.")
_SEED = typer.Option(min=0, help="Another seed tries other settings and clips.")


@app.command("plugin")
def examine_plugin(
    name: Annotated[
        str, typer.Argument(metavar="NAME|PATH|URI", help="An effect, a YAML file, a .vst3 or .lv2 bundle, or a URI.")
    ],
    recordings: Annotated[Path | None, _RECORDINGS] = None,
    seed: Annotated[int, _SEED] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Try less, and leave out speed and threads.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Write the JSON to a file.")] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Write an effect for conf/effects with what was found.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are already there.")] = False,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Longest time of one render, in s.")] = 20.0,
    memory_limit: Annotated[float, typer.Option(min=1, help="Memory a plugin may take, in MB.")] = 1024.0,
) -> None:
    """Examine an effect in processes of its own; exit code 1 says that it cannot be used.

    FAIL: does not load, crashes, hangs, takes too much memory, gives NaN, does not repeat itself. WARN: what to know.
    """
    from datetime import date

    from fxstyle.doctor import advice
    from fxstyle.doctor.bench import LIMITS
    from fxstyle.doctor.examine import QUICK, Plan, examine
    from fxstyle.effects.processes import ProcessRenderer

    if write is not None:
        advice.check_target(write, overwrite)
    if out is not None and out.exists() and not overwrite:
        raise InputError(f"{out} is already there: add --overwrite or give another name")
    if recordings is not None and not recordings.is_dir():
        raise InputError(f"--recordings {recordings} is not a folder: give a folder of sound files")
    spec = _load(name)
    renderer = ProcessRenderer(1, LIMITS, time_limit_seconds=time_limit, memory_limit_mb=memory_limit)
    try:
        examination = examine(
            spec, renderer, QUICK if quick else Plan(), recordings, seed, apart=True, report=_stage(spec.name)
        )
    finally:
        renderer.close()
    _show(examination, as_json, out)
    if examination.fails:
        if write is not None:
            print(f"fxstyle: {write} was not written: the effect cannot be used", file=sys.stderr)
        raise typer.Exit(1)
    if write is not None:
        command = f"fxstyle doctor plugin {name} --seed {seed}" + (" --quick" if quick else "")
        command += " --recordings RECORDINGS" if recordings is not None else ""
        advice.write_effect(write, examination, date.today(), command)
        print(f"Wrote {write}", file=sys.stderr)


def _show(examination: Examination, as_json: bool, out: Path | None) -> None:
    from fxstyle.doctor import tables
    from fxstyle.writing import write_text

    text = json.dumps(tables.as_json(examination), indent=2, ensure_ascii=False, allow_nan=False)
    if out is not None:
        write_text(out, text + "\n")
    if as_json:
        print(text)
    else:
        tables.print_examination(examination)


def _load(name: str) -> EffectSpec:
    """The effect; a plugin that is there but does not survive being loaded has failed, which is exit code 1."""
    from fxstyle.effects.renderer import RenderError
    from fxstyle.run.catalogue import find_effect

    try:
        return find_effect(name)
    except InputError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, RenderError):
            cause = cause.__cause__
        if cause is None:
            raise
        print(f"fxstyle: FAIL load: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def _stage(name: str) -> Callable[[str], None]:
    """Says on a terminal what is done next."""
    if not sys.stderr.isatty():
        return lambda stage: None
    return lambda stage: print(f"\r{name}: {stage} ...\033[K", end="\r", file=sys.stderr, flush=True)


@app.command("identifiability")
def study_identifiability(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Effects, or sets of effects.")],
    recordings: Annotated[Path | None, _RECORDINGS] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write a page and, beside it, the same as .csv.")
    ] = None,
    clips: Annotated[int, typer.Option(min=1, help="Recordings, one clip of each.")] = 32,
    bases: Annotated[int, typer.Option(min=1, help="Random settings on each clip.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.1, max=30, help="Length of a clip, in s.")] = 2.0,
    seed: Annotated[int, _SEED] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are already there.")] = False,
) -> None:
    """Differentiate through effects and rank their controls by what sound tells of them, with mono sound."""
    from fxstyle.doctor import identifiability_page as pages
    from fxstyle.doctor.bench import LIMITS, SAMPLE_RATE, Bench
    from fxstyle.doctor.identifiability import study
    from fxstyle.doctor.sounds import study_clips
    from fxstyle.effects.processes import ProcessRenderer
    from fxstyle.writing import write_text

    if recordings is not None and not recordings.is_dir():
        raise InputError(f"--recordings {recordings} is not a folder: give a folder of sound files")
    if out is not None:
        if out.suffix != ".md":
            raise InputError(f"--out {out}: give a name that ends in .md")
        if (there := next((path for path in (out, out.with_suffix(".csv")) if path.exists()), None)) and not overwrite:
            raise InputError(f"{there} is already there: add --overwrite or give another name")
    specs = _members(names)
    sounds = study_clips(recordings, clips, seconds, SAMPLE_RATE, seed)
    renderer = ProcessRenderer(1, LIMITS)
    try:
        studies = []
        for spec in specs:
            studies.append(study(Bench(spec, renderer), sounds, bases, seed))
            if sys.stderr.isatty():
                print(f"{spec.name}: {studies[-1].settings} settings", file=sys.stderr)
    finally:
        renderer.close()
    command = f"fxstyle doctor identifiability {' '.join(names)} --clips {clips} --bases {bases} --seconds {seconds:g}"
    command += f" --seed {seed}" + (" --recordings RECORDINGS" if recordings is not None else "")
    origin = pages.Origin(
        command, pages.commit(), pages.machine(), len(sounds), bases, seconds, SAMPLE_RATE, seed, recordings is not None
    )
    if out is None:
        print(pages.page(studies, origin, ""), end="")
        return
    table = out.with_suffix(".csv")
    write_text(table, pages.table(studies))
    write_text(out, pages.page(studies, origin, table.name))
    print(f"Wrote {out} and {table}: {len(studies)} effects on {len(sounds)} recordings")


@app.command("pair")
def examine_recordings(
    dry: Annotated[Path, typer.Argument(metavar="DRY", help="What went into the effect.")],
    wet: Annotated[Path, typer.Argument(metavar="WET", help="What came out of it.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the repaired pair: dry.wav and wet.wav, 32-bit float.")
    ] = None,
    lag: Annotated[
        int | None, typer.Option(metavar="SAMPLES", help="By how much WET is late, where that is known.")
    ] = None,
    invert: Annotated[bool, typer.Option("--invert", help="Turn a WET that is upside down.")] = False,
    remove_dc: Annotated[bool, typer.Option("--remove-dc", help="Take the offset of WET away.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are already there.")] = False,
) -> None:
    """Examine a dry and a wet recording before training; exit code 2 says that nothing can be learnt from them.

    Lag, channels and lengths are repaired, in what --out writes and wherever such a pair is used; the rest is told.
    """
    from fxstyle.audio.files import read_audio
    from fxstyle.doctor import pair, pair_tables

    if out is not None:
        pair_tables.check_folder(out, overwrite)
    (dry_sound, dry_rate), (wet_sound, wet_rate) = read_audio(dry), read_audio(wet)
    names = (dry.name, wet.name) if dry.name != wet.name else (str(dry), str(wet))
    examination = pair.examine_pair(
        dry_sound, wet_sound, dry_rate, wet_rate, names, lag, invert=invert, remove_dc=remove_dc
    )
    pair_tables.print_pair(examination)
    pair.require_sound(examination)
    if out is not None:
        files = pair_tables.write_pair(examination, out)
        print(f"Wrote {files[0]} and {files[1]}")


def _members(names: list[str]) -> list[EffectSpec]:
    """The effects of names of effects and of sets, each once, in order."""
    from fxstyle.run.catalogue import find_effect, list_entries

    sets = {entry.name: entry.members for entry in list_entries() if entry.kind == "set"}
    wanted = [member for name in names for member in (sum(sets[name], ()) if name in sets else (name,))]
    return [find_effect(name) for name in dict.fromkeys(wanted)]
