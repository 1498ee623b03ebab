"""``fxstyle apply``: sound files through a trained model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fxstyle.commands.model_settings import KNOB, SETTING, parse_knobs
from fxstyle.commands.signals import ended_by_signals

if TYPE_CHECKING:
    from fxstyle.export.file_streaming import PlayedFile
    from fxstyle.run.emulators import OpenedPlayer

_BLOCK = 65_536


def apply(
    model: Annotated[
        Path, typer.Argument(metavar="RUN|EXPORT", help="A run's folder, a .ckpt, .onnx, .nam or Proteus .json file.")
    ],
    source: Annotated[Path, typer.Argument(metavar="IN", help="A sound file of any length, rate and channels.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .wav, .flac, ...")],
    setting: Annotated[str | None, SETTING] = None,
    knob: Annotated[list[str] | None, KNOB] = None,
    block: Annotated[
        int, typer.Option(metavar="N", help="Samples that are computed at once; the sound does not depend on it.")
    ] = _BLOCK,
    as_float: Annotated[
        bool, typer.Option("--float", help="Write 32-bit float, which nothing is too loud for.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is already there.")] = False,
) -> None:
    """Play a sound file through a trained emulation, each channel for itself.

    The output is as long as the input and not delayed. A file of another sample rate than the model's is resampled
    there and back. A float file stays float; all else is written as 24-bit, where what is above full scale is clipped
    and reported.
    """
    from rich.console import Console
    from rich.progress import Progress

    from fxstyle.effects.renderer import RenderError
    from fxstyle.export.file_streaming import play_file
    from fxstyle.export.threads import one_thread
    from fxstyle.run.emulators import open_player

    console = Console(stderr=True)
    bar = Progress(console=console, disable=not console.is_terminal, transient=True)
    with one_thread():
        opened = open_player(model, setting, parse_knobs(knob or []))
        try:
            with ended_by_signals(), bar as progress:
                task = progress.add_task("Playing", total=None)
                done = play_file(
                    opened.player,
                    source,
                    target,
                    block,
                    as_float,
                    overwrite,
                    lambda frames: progress.update(task, total=frames),
                    lambda frames: progress.advance(task, frames),
                )
        except RenderError as failure:
            print(f"fxstyle: {failure}: try another setting or model", file=sys.stderr)
            raise typer.Exit(1) from failure
    _report(opened, target, done)


def _report(opened: OpenedPlayer, target: Path, done: PlayedFile) -> None:
    """One line for what was written, and on stderr what was resampled, clipped or silent."""
    from fxstyle.audio.levels import SILENCE_DB

    if done.sample_rate != opened.player.sample_rate:
        print(
            f"fxstyle: note: the model works at {opened.player.sample_rate} Hz: the sound was resampled to it and back "
            f"to {done.sample_rate} Hz",
            file=sys.stderr,
        )
    if done.clipped:
        print(
            f"fxstyle: warning: {done.clipped} samples above full scale were clipped, the first at "
            f"{done.first_clipped_seconds:.3f} s (peak {done.peak_db:+.1f} dBFS): add --float with a .wav file",
            file=sys.stderr,
        )
    elif done.peak_db < SILENCE_DB:
        print(f"fxstyle: warning: the output is silent (peak {done.peak_db:.1f} dBFS)", file=sys.stderr)
    what = " ".join(part for part in (opened.name, opened.setting) if part)
    channels = {1: "mono", 2: "stereo"}.get(done.channels, f"{done.channels} channels")
    shown = "".join(letter if letter.isprintable() else "?" for letter in what)
    print(
        f"Wrote {target}: {shown}, {done.frames / done.sample_rate:.2f} s ({channels}, {done.subtype}, "
        f"{done.sample_rate} Hz, peak {round(done.peak_db, 1) + 0.0:.1f} dBFS)"
    )
