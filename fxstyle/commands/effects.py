"""``fxstyle effects``: what effects there are, what they can do, and sound files through them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxstyle.commands.signals import ended_by_signals
from fxstyle.errors import InputError

if TYPE_CHECKING:
    from fxstyle.effects.file_rendering import RenderedFile
    from fxstyle.effects.preset import Preset
    from fxstyle.effects.render_plan import RenderPlan
    from fxstyle.effects.spec import EffectSpec

app = typer.Typer(
    help="List and show effects, and render sound files through them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_NAME = typer.Argument(
    metavar="NAME",
    help="An effect of the list, a YAML file with one effect or chain, a .vst3 or .lv2 bundle, or an LV2 URI.",
)
_JSON = typer.Option("--json", help="Print JSON for programs instead of tables.")
_LARGE_BYTES = 500_000_000


@app.command("list")
def list_effects(
    installed: Annotated[
        bool, typer.Option("--installed", help="List the LV2 and VST3 plugins on this machine instead.")
    ] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List the effects that have a name here, and whether each can be used on this machine."""
    from fxstyle.commands import effect_tables
    from fxstyle.run import catalogue
    from fxstyle.run.installed import installed_plugins

    if installed:
        effect_tables.print_plugins(installed_plugins(), as_json)
    else:
        effect_tables.print_entries(catalogue.list_entries(), as_json)


@app.command("show")
def show_effect(
    name: Annotated[str, _NAME],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show every parameter of an effect with its unit, range and default, and its presets."""
    from fxstyle.commands import effect_tables
    from fxstyle.effects.preset_files import all_presets
    from fxstyle.run.catalogue import find_effect

    spec = find_effect(name)
    effect_tables.print_effect(replace(spec, presets=all_presets(spec)), as_json)


@app.command("render")
def render(
    name: Annotated[str, _NAME],
    source: Annotated[Path | None, typer.Argument(metavar="IN", help="A mono or stereo sound file.")] = None,
    target: Annotated[Path | None, typer.Argument(metavar="OUT", help="The file to write: .wav, .flac, ...")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="One parameter, in its unit or as a label; may be given often."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="A preset of the effect, a .json or an LV2 preset (.ttl).")
    ] = None,
    tail: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Go on so long after the input; default: the effect's tail.")
    ] = None,
    no_tail: Annotated[bool, typer.Option("--no-tail", help="Stop where the input stops.")] = False,
    as_float: Annotated[
        bool, typer.Option("--float", help="Write 32-bit float, which nothing is too loud for.")
    ] = False,
    save_preset: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the settings as a preset: .json, or .lv2 for an LV2 plugin."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are already there.")] = False,
) -> None:
    """Render a sound file through an effect or a chain, at the file's own sample rate and channels.

    A float file stays float; all else is written as 24-bit, where what is above full scale is clipped and reported.
    """
    from fxstyle.effects.preset import Preset
    from fxstyle.effects.preset_files import check_preset_path, complete_values, write_preset
    from fxstyle.effects.render_plan import plan_render
    from fxstyle.effects.renderer import RenderError
    from fxstyle.run.catalogue import find_effect

    if no_tail and tail is not None:
        raise InputError("--tail and --no-tail exclude each other: give one of them")
    if save_preset is None and source is None:
        raise InputError("IN and OUT are missing: give a sound file and the file to write")
    if source is not None and target is None:
        raise InputError("OUT is missing: give the file to write")
    spec = find_effect(name)
    chosen = _chosen_preset(preset, spec) if preset is not None else None
    changes = _parse_settings(settings or [], spec)
    values = complete_values(spec, dict(chosen.values) if chosen else {}, changes)
    if save_preset is not None:
        check_preset_path(save_preset, spec)
        if save_preset.exists() and not overwrite:
            raise InputError(f"{save_preset} is already there: add --overwrite or give another name")
    if source is not None and target is not None:
        plan = plan_render(spec, values, source, target, 0.0 if no_tail else tail, as_float, overwrite)
        try:
            _report(plan, _render(plan))
        except RenderError as failure:
            print(f"fxstyle: {failure}", file=sys.stderr)
            raise typer.Exit(1) from failure
    if save_preset is not None:
        write_preset(save_preset, spec, Preset(save_preset.stem, tuple(values.items())))
        print(f"Wrote the settings to {save_preset}")


def _chosen_preset(text: str, spec: EffectSpec) -> Preset:
    """A preset of the effect by name, or one in a file."""
    from fxstyle.effects.preset_files import all_presets, is_lv2_preset, read_preset

    own = replace(spec, presets=all_presets(spec))
    named = any(preset.name == text for preset in own.presets)
    path = Path(text)
    if not named and (path.suffix.lower() == ".json" or is_lv2_preset(path) or path.exists()):
        return read_preset(path, spec)
    return own.preset(text)


def _parse_settings(settings: list[str], spec: EffectSpec) -> dict[str, float | str]:
    """Values by name; a unit behind a number is taken away."""
    units = {parameter.name: parameter.unit for parameter in spec.parameters}
    values: dict[str, float | str] = {}
    for setting in settings:
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not (name and equals and value):
            raise InputError(f"--set {setting!r} is not of the form NAME=VALUE, such as drive_db=12")
        if name in values:
            raise InputError(f"--set gives {name!r} twice: give it once")
        unit = units.get(name)
        values[name] = value.removesuffix(unit).rstrip() if unit and value.endswith(unit) else value
    return values


def _render(plan: RenderPlan) -> RenderedFile:
    """Render with a progress bar where somebody watches; whatever ends it early leaves nothing behind."""
    from rich.console import Console
    from rich.progress import Progress

    from fxstyle.effects.file_rendering import render_file

    if plan.memory_bytes > _LARGE_BYTES:
        print(
            f"fxstyle: note: effect {plan.spec.name!r} cannot stream, so that this file takes about "
            f"{plan.memory_bytes / 1e9:.1f} GB of memory; cut it into parts if that is too much",
            file=sys.stderr,
        )
    console = Console(stderr=True)
    bar = Progress(console=console, disable=not console.is_terminal, transient=True)
    with ended_by_signals(), bar as progress:
        task = progress.add_task("Rendering", total=plan.total_frames)
        return render_file(plan, lambda frames: progress.advance(task, frames))


def _report(plan: RenderPlan, done: RenderedFile) -> None:
    """One line for what was written, and one on stderr for what was clipped or silent."""
    from fxstyle.audio.levels import SILENCE_DB

    if done.clipped:
        print(
            f"fxstyle: warning: {done.clipped} samples above full scale were clipped, the first at "
            f"{done.first_clipped_seconds:.3f} s (peak {done.peak_db:+.1f} dBFS): add --float with a .wav file, or "
            "turn the effect down with --set",
            file=sys.stderr,
        )
    elif done.peak_db < SILENCE_DB:
        print(
            f"fxstyle: warning: the output is silent (peak {done.peak_db:.1f} dBFS): try other settings",
            file=sys.stderr,
        )
    tail = f" with a tail of {done.tail_frames / done.sample_rate:g} s" if done.tail_frames else ""
    print(
        f"Wrote {plan.target}: {plan.spec.name}, {done.frames / done.sample_rate:.2f} s{tail} "
        f"({'mono' if done.channels == 1 else 'stereo'}, {done.subtype}, {done.sample_rate} Hz, "
        f"peak {round(done.peak_db, 1) + 0.0:.1f} dBFS)"
    )
