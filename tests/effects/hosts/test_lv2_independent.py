"""The LV2 host against Debian's lv2file, an independent host in C: same plugin, settings and sound, to the last bit."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from fxstyle.effects.hosts import build, lv2_host
from fxstyle.effects.spec import EffectSpec
from tests.conftest import require_command
from tests.effects.catalogue import configs, effect

pytestmark = pytest.mark.system

MDA = sorted(name for name, config in configs().items() if config.get("host") == "lv2")
OTHERS = (
    "Bandisto",
    "DubDelay",
    "RezFilter",
    "Loudness",
    "DeEss",
    "Degrade",
    "Image",
    "RoundPan",
    "Transient",
    "TalkBox",
)
RATE, BLOCK = 24000, 512
# lv2file ends with a shorter call, this host fills the last one with silence: whole blocks make both the same.
SAMPLES = 48 * BLOCK


def rendered_by_lv2file(
    spec: EffectSpec, audio: NDArray[np.float32], values: NDArray[np.float64], folder: Path
) -> NDArray[np.float32]:
    dry, wet = folder / "dry.wav", folder / "wet.wav"
    soundfile.write(dry, audio.T, RATE, subtype="FLOAT")
    command = [require_command("lv2file"), "-i", str(dry), "-o", str(wet), "-b", str(BLOCK), "--ignore-clipping"]
    for channel, port in zip((1, len(audio)), ("left_in", "right_in"), strict=True):
        command += ["-c", f"{channel}:{port}"]
    for parameter, value in zip(spec.parameters, values, strict=True):
        native = np.float32(parameter.to_native(float(value)))
        command += ["-p", f"{parameter.native_name}:{np.format_float_positional(native, unique=True)}"]
    subprocess.run([*command, spec.plugin], check=True, capture_output=True, timeout=60)
    return soundfile.read(wet, dtype="float32", always_2d=True)[0].T[: len(audio)]


def compare(spec: EffectSpec, channels: int, folder: Path) -> None:
    spec = replace(spec, block=BLOCK)
    rng = np.random.default_rng([channels, len(spec.plugin)])
    process = build(spec)
    for _ in range(2):
        audio = (0.2 * rng.standard_normal((channels, SAMPLES))).astype(np.float32)
        values = spec.to_units(spec.sample(rng))
        wanted = rendered_by_lv2file(spec, audio, values, folder)
        np.testing.assert_array_equal(process(audio, values, float(RATE)), wanted)
        assert np.isfinite(wanted).all()


def test_there_are_enough_of_them() -> None:
    assert len(MDA) >= 12


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", MDA)
def test_effects_of_the_catalogue(name: str, channels: int, tmp_path: Path) -> None:
    compare(effect(name), channels, tmp_path)


@pytest.mark.parametrize("name", OTHERS)
def test_effects_that_are_only_discovered(name: str, tmp_path: Path) -> None:
    compare(lv2_host.discover(name, f"http://drobilla.net/plugins/mda/{name}", {}), 2, tmp_path)
