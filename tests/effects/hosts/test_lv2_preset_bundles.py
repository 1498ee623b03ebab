"""Presets that other hosts read, and presets that came with plugins."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxstyle.effects.hosts import build, lv2_host
from fxstyle.effects.lv2_presets import write_lv2_preset
from fxstyle.effects.preset import Preset
from tests.conftest import require_command
from tests.effects.catalogue import effect

pytestmark = pytest.mark.system

RATE, BLOCK = 24000, 512


def test_an_independent_host_loads_what_is_written(tmp_path: Path) -> None:
    spec = replace(effect("mda_overdrive"), block=BLOCK)
    preset = Preset("My sound", (("drive", 0.7), ("muffle", 0.31), ("output_db", -7.3)))
    write_lv2_preset(tmp_path / "presets" / "mine.lv2", spec, preset)
    audio = (0.2 * np.random.default_rng(0).standard_normal((2, 40 * BLOCK))).astype(np.float32)
    soundfile.write(tmp_path / "dry.wav", audio.T, RATE, subtype="FLOAT")
    command = [require_command("lv2file"), "-i", "dry.wav", "-o", "wet.wav", "-b", str(BLOCK), "--ignore-clipping"]
    places = os.pathsep.join(["/usr/lib/lv2", str(tmp_path / "presets")])
    subprocess.run(
        [*command, "-c", "1:left_in", "-c", "2:right_in", "-P", preset.name, spec.plugin],
        env={**os.environ, "LV2_PATH": places},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=60,
    )
    wanted = soundfile.read(tmp_path / "wet.wav", dtype="float32")[0].T
    # Positions are float32, a preset in a file is as exact as it is written.
    values = np.array([dict(preset.values)[p.name] for p in spec.parameters], dtype=np.float64)
    np.testing.assert_array_equal(build(spec)(audio, values, float(RATE)), wanted)


@pytest.mark.parametrize(
    ("uri", "name", "symbol", "value"),
    [
        ("http://drobilla.net/plugins/mda/Detune", "Out Of Tune", "detune", 0.8),
        ("http://drobilla.net/plugins/mda/ThruZero", "Mad Modulator", "feedback", 0.75),
        ("urn:zamaudio:ZamComp", "VocalLeveller", "thr", -16.0),
    ],
)
def test_presets_of_installed_plugins(uri: str, name: str, symbol: str, value: float) -> None:
    spec = lv2_host.discover("mine", uri, {})
    assert len(spec.presets) >= 3
    assert dict(spec.preset(name).values)[symbol] == pytest.approx(value)
