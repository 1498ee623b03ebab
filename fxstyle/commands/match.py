"""``fxstyle match``: settings of an effect that make one recording sound like another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxstyle.commands.signals import ended_by_signals

if TYPE_CHECKING:
    from fxstyle.run.match_result import MatchResult

_LINES = 10


def match(
    dry: Annotated[Path, typer.Argument(metavar="DRY", help="A mono or stereo sound file of any length and rate.")],
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="A sound file that sounds as DRY should.")],
    effect: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="An effect of fxstyle effects list, a YAML file with one effect or chain, a .vst3 or .lv2 bundle, or "
            "an LV2 URI.",
        ),
    ],
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="Start from a trained run: its folder or a checkpoint.")
    ] = None,
    renders: Annotated[int, typer.Option(metavar="N", help="How many settings may be tried.")] = 512,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to write; default: DRY_EFFECT_match here.")
    ] = None,
    content: Annotated[
        str, typer.Option(help="Whether REFERENCE is the same performance: auto, same or other.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Another seed searches elsewhere.")] = 0,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Use settings only if they come nearer by more than this, such as 0.05."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder of an earlier match.")] = False,
) -> None:
    """Find settings of an effect that make DRY sound like REFERENCE, and never make it worse.

    Writes the processed file, the preset and a page with players. Where no setting comes nearer to REFERENCE, the
    output is DRY itself. Ctrl-C ends the search with the best so far.
    """
    from fxstyle.effects.renderer import RenderError
    from fxstyle.errors import InputError
    from fxstyle.run.match import match as find
    from fxstyle.run.match_folder import check_out, default_folder
    from fxstyle.run.match_sounds import check_content

    kind = check_content(content)
    for path in (dry, reference, *([out] if out is not None else [])):
        try:
            path.exists()
        except (OSError, ValueError) as error:
            # Such as a name that is too long for the file system.
            raise InputError(f"{str(path)[:80]!r} is no usable name ({error}): give another one") from error
    folder = out if out is not None else default_folder(dry, effect)
    check_out(folder, overwrite, dry, reference)
    try:
        with ended_by_signals():
            with _progress("Searching", renders) as show:
                result = find(
                    dry,
                    reference,
                    effect,
                    run,
                    renders,
                    kind,
                    seed,
                    threshold,
                    on_progress=lambda n, best: show(n, best),
                )
            with _progress("Rendering", 1) as show:
                rendered = _Counter(show)
                result.save(folder, overwrite, on_piece=rendered)
    except RenderError as failure:
        print(f"fxstyle: {failure}", file=sys.stderr)
        raise typer.Exit(1) from failure
    _report(result, folder)


class _Counter:
    """Turns the frames of each piece into the share that is done."""

    def __init__(self, show: Callable[[float, float | None], None]) -> None:
        self._show = show
        self._done = 0

    def __call__(self, frames: int, total: int) -> None:
        self._done += frames
        self._show(self._done / total, None)


@contextmanager
def _progress(title: str, total: float) -> Iterator[Callable[[float, float | None], None]]:
    """A bar with the time left on a terminal; elsewhere a line at the start and for each tenth of a search."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        last = -1

        def line(done: float, best: float | None) -> None:
            nonlocal last
            tenth = int(_LINES * done / total) if total else _LINES
            if best is not None and tenth > last:
                last = tenth
                print(f"{title}: {done:.0f} of {total:.0f} settings, best {best:.4g}", file=sys.stderr, flush=True)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[best]}"), console=console, transient=True) as progress:
        bar = progress.add_task(title, total=total, best="")

        def show(done: float, best: float | None) -> None:
            progress.update(bar, completed=done, best="" if best is None else f"best {best:.4g}")

        yield show


def _report(result: MatchResult, folder: Path) -> None:
    """What was decided, the settings, and what lies where."""
    from rich.console import Console

    from fxstyle.report.tables import terminal_table
    from fxstyle.run.match_report import explanations, settings_table

    console = Console()
    for sentence in (*explanations(result), result.summary):
        console.print(_plain(sentence), markup=False, highlight=False)
    table = settings_table(result)
    rows = tuple(tuple(replace(cell, text=_plain(cell.text)) for cell in row) for row in table.rows)
    console.print(terminal_table(replace(table, rows=rows)))
    tail = result.spec.tail_seconds if result.accepted else 0
    written = f"{folder / result.output_name}" + (f" (with the effect's tail of {tail:g} s)" if tail else "")
    print(f"Wrote {written}")
    print(f"Open {folder / 'report.html'} to listen and compare; settings are in {folder}")


def _plain(text: str) -> str:
    """Names come out of other people's plugins: nothing in them may steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
