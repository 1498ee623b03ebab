"""Options that choose a setting of a trained model, for the commands that use one."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from fxstyle.errors import InputError

SETTING = typer.Option(metavar="NAME", help="A preset or knob setting that the model was trained on.")
KNOB = typer.Option(metavar="NAME=POSITION", help="A knob of the model, from 0 to 1; may be given often.")


def parse_knobs(knobs: Sequence[str]) -> dict[str, float]:
    """Positions by name.

    Raises:
        InputError: One is not of the form ``NAME=POSITION``, or given twice.
    """
    positions: dict[str, float] = {}
    for knob in knobs:
        name, equals, value = (part.strip() for part in knob.partition("="))
        try:
            position = float(value)
        except ValueError:
            position = None
        if not name or not equals or position is None:
            raise InputError(f"--knob {knob!r} is not of the form NAME=POSITION, such as drive=0.5")
        if name in positions:
            raise InputError(f"--knob gives {name!r} twice: give it once")
        positions[name] = position
    return positions
