"""Effects against sox, which shares no code with pedalboard."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxstyle.effects.renderer import ThreadRenderer
from tests.conftest import require_command
from tests.effects.catalogue import effect, noise

pytestmark = pytest.mark.system

RATE = 44100


@pytest.mark.parametrize(
    ("name", "values", "command"),
    [
        ("gain", (-7.5,), "gain -7.5"),
        ("gain", (6.0,), "gain 6"),
        ("invert", (), "vol -1"),
        # Both are the biquads of Bristow-Johnson's cookbook.
        ("peak", (1000.0, 9.0, 2.0), "equalizer 1000 2q 9"),
        ("peak", (300.0, -12.0, 0.5), "equalizer 300 0.5q -12"),
        ("low_shelf", (150.0, 8.0, 0.707), "bass 8 150 0.707q"),
        ("high_shelf", (4000.0, -10.0, 0.6), "treble -10 4000 0.6q"),
        # sox gives the gain of the direct sound, the delay in ms and the gain of the echo.
        ("delay", (0.1, 0.0, 0.25), "echo 0.75 1 100 0.25"),
        ("delay", (0.07, 0.0, 0.5), "echo 0.5 1 70 0.5"),
    ],
)
def test_agrees_with_sox(tmp_path: Path, name: str, values: tuple[float, ...], command: str) -> None:
    sox = require_command("sox")
    spec, audio = effect(name), noise(2, 22050)
    soundfile.write(tmp_path / "dry.wav", audio.T, RATE, subtype="FLOAT")
    subprocess.run(
        [sox, "-D", tmp_path / "dry.wav", "-b", "32", "-e", "floating-point", tmp_path / "wet.wav", *command.split()],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    reference, rate = soundfile.read(tmp_path / "wet.wav", dtype="float32", always_2d=True)
    assert rate == RATE
    # Echoes and filters of sox may ring on after the input.
    reference = reference.T[:, : audio.shape[1]]
    positions = np.array([p.to_position(v) for p, v in zip(spec.parameters, values, strict=True)], np.float32)
    wet = ThreadRenderer(1).render([spec], audio[None], positions[None, None], RATE).audio[0, 0]
    error = np.sqrt(np.mean((wet - reference) ** 2) / np.mean(reference**2))
    assert np.abs(wet - audio).max() > 0.01
    assert error < 1e-4
