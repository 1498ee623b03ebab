"""``fxstyle export``: a trained model as a file that other programs play."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from fxstyle.commands.model_settings import KNOB, SETTING, parse_knobs
from fxstyle.commands.signals import ended_by_signals
from fxstyle.errors import InputError

_LONGEST_NAME = 80


class Format(str, Enum):
    """What can be written."""

    ONNX = "onnx"
    NAM = "nam"


def export(
    model: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run's folder, a checkpoint, a .nam or Proteus .json file.")
    ],
    kind: Annotated[
        Format,
        typer.Option(
            "--format", help="onnx: for onnxruntime, any model it can hold; nam: WaveNet or LSTM for players."
        ),
    ],
    setting: Annotated[str | None, SETTING] = None,
    knob: Annotated[list[str] | None, KNOB] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write; default: named after the effect, here.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is already there.")] = False,
) -> None:
    """Export a trained emulation, compared block by block with the model itself as it is written.

    A .nam file holds one setting; an .onnx file holds all, or the one that is chosen. Both carry sample rate, latency,
    scores and licence.
    """
    from rich.console import Console

    from fxstyle.export.nam_writer import write_nam
    from fxstyle.export.onnx_writer import write_onnx
    from fxstyle.export.settings import choose_setting, freeze
    from fxstyle.export.threads import one_thread
    from fxstyle.run.emulators import load_emulator

    knobs = parse_knobs(knob or [])
    emulation = load_emulator(model)
    if kind is Format.NAM or setting is not None or knobs:
        emulation = freeze(emulation, choose_setting(emulation, setting, knobs))
    path = out if out is not None else Path(_file_name(emulation.name, emulation.settings, kind.value))
    _check_out(path, kind.value, overwrite)
    write = write_nam if kind is Format.NAM else write_onnx
    console = Console(stderr=True)
    with one_thread(), ended_by_signals(), console.status("Comparing with the model, block by block"):
        try:
            difference = write(emulation, path, model.resolve().name)
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}): give another --out") from error
    settings = ", ".join(name for name in emulation.settings if name)
    what = f"{emulation.name} ({settings})" if settings else emulation.name
    shown = "".join(letter if letter.isprintable() else "?" for letter in what)
    print(f"Wrote {path}: {shown}, {emulation.sample_rate} Hz, at most {difference:.1e} from the model")


def _file_name(name: str, settings: tuple[str, ...], suffix: str) -> str:
    """A name without folders, whatever the effect is called."""
    words = "_".join([name, *(settings if len(settings) == 1 and settings[0] else ())])
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-.") else "_" for letter in words)
    return f"{safe.strip('._')[:_LONGEST_NAME] or 'model'}.{suffix}"


def _check_out(path: Path, suffix: str, overwrite: bool) -> None:
    if path.suffix.lower() != f".{suffix}":
        raise InputError(f"--out {path} must end in .{suffix}")
    if path.is_dir():
        raise InputError(f"--out {path} is a folder: give the name of a file in it")
    if (path.exists() or path.is_symlink()) and not overwrite:
        raise InputError(f"{path} is already there: add --overwrite or give another --out")
