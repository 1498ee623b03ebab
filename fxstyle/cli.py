"""The ``fxstyle`` command line: thin commands over the packages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fxstyle import __version__
from fxstyle.commands import doctor, effects
from fxstyle.commands.apply import apply
from fxstyle.commands.export import export
from fxstyle.commands.match import match
from fxstyle.errors import InputError

app = typer.Typer(
    name="fxstyle",
    help="Learn, match and emulate audio effects.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(effects.app, name="effects")
app.add_typer(doctor.app, name="doctor")
app.command("match")(match)
app.command("apply")(apply)
app.command("export")(export)


def main() -> None:
    """Run the command line; bad input is one sentence on stderr and exit code 2."""
    try:
        app()
    except InputError as error:
        print(f"fxstyle: {error}", file=sys.stderr)
        sys.exit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"fxstyle {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


@app.command()
def generate(
    count: Annotated[int, typer.Option(help="How many files.")],
    seconds: Annotated[float, typer.Option(help="Length of each file in seconds.")],
    out: Annotated[Path, typer.Option(help="Folder for the files; made when it is missing.")],
    sample_rate: Annotated[int, typer.Option(help="In Hz.")] = 44100,
    seed: Annotated[int, typer.Option(help="Another seed gives other sounds.")] = 0,
    style: Annotated[
        str, typer.Option(help="instruments (guitar, bass, drums) or tones (test tones).")
    ] = "instruments",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are already there.")] = False,
) -> None:
    """Generate dry test sounds in the range of guitar, bass and drums, as 24-bit WAV files."""
    from rich.console import Console
    from rich.progress import track

    from fxstyle.audio.generate import generate_files

    console = Console(stderr=True)
    files = generate_files(out, count, seconds, sample_rate, seed, style, overwrite)
    for _ in track(files, "Generating", total=count, console=console, disable=not console.is_terminal, transient=True):
        pass
    print(f"Wrote {count} files of {seconds:g} s (mono, 24 bit, {sample_rate} Hz) to {out}")


if __name__ == "__main__":
    main()
