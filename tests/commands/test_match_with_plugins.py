"""``fxstyle match`` on the plugins of mda-lv2: as a user runs it, stopped, and on long files."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxstyle.audio.synthetic import SyntheticSource
from tests.commands.conftest import Run
from tests.effects.native import trap
from tests.run.match_sounds import RATE, dry_sound, wet_sound, write

OVERDRIVE = "http://drobilla.net/plugins/mda/Overdrive"
SETTINGS = {"drive": 0.7, "muffle": 0.3, "output_db": -4}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """1.5 s of mono sound at 16 kHz, and the same through Overdrive."""
    dry = dry_sound(3 * RATE // 2)
    return write(tmp_path / "dry.wav", dry), write(tmp_path / "wet.wav", wet_sound("mda_overdrive", dry, **SETTINGS))


def started(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fxstyle.cli", "match", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.system
def test_a_short_mono_file(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, _ = run("match", *pair, "--effect", "mda_overdrive", "--renders", 200, "--out", out)
    assert code == 0
    result = json.loads((out / "result.json").read_text())
    assert result["content"] == "same"
    assert result["score_after"] < 0.2 * result["score_before"]
    assert {s["name"]: s["value"] for s in result["settings"]} == pytest.approx(SETTINGS, abs=0.3)
    for preset in ("preset.json", "preset.lv2"):
        again = tmp_path / f"{preset}.wav"
        render = ("effects", "render", "mda_overdrive", "--preset", out / preset, pair[0], again)
        assert run(*render)[0] == 0
        np.testing.assert_allclose(soundfile.read(again)[0], soundfile.read(out / "dry.wav")[0], atol=1e-5)


@pytest.mark.system
def test_a_plugin_without_a_config_runs_apart(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, _ = run("match", *pair, "--effect", OVERDRIVE, "--renders", 60, "--out", out)
    assert code == 0
    assert not json.loads((out / "result.json").read_text())["bypass"]
    assert (out / "preset.lv2" / "manifest.ttl").is_file()


@pytest.mark.system
def test_a_plugin_that_crashes_midway(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text, _ = run("match", *pair, "--effect", trap(tmp_path, "crash"), "--renders", 16, "--out", out)
    assert code == 0
    failed = json.loads((out / "result.json").read_text())["failed_renders"]
    assert 0 < failed < 16
    assert f"did not survive {failed} of 16" in " ".join(text.split())


@pytest.mark.system
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_search_that_is_ended(pair: tuple[Path, Path], tmp_path: Path, end: signal.Signals) -> None:
    # Noise is like nothing: the search goes on.
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 5 * RATE)).astype(np.float32)
    other = write(tmp_path / "noise.wav", noise)
    process = started(tmp_path, pair[0], other, "--effect", OVERDRIVE, "--renders", 100_000, "--out", "out")
    assert process.stderr is not None
    try:
        process.stderr.readline()
        process.send_signal(end)
        text, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    if end == signal.SIGINT:
        assert process.returncode == 0
        assert "stopped early" in text
        assert json.loads((tmp_path / "out" / "result.json").read_text())["stopped_by"] == "interrupted"
    else:
        assert process.returncode == 143
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("effect", ["reverb", "mda_overdrive"])
def test_three_minutes_of_stereo_within_two_gigabytes(tmp_path: Path, effect: str) -> None:
    source = SyntheticSource(44100, 1, 180.0, train_recordings=4)
    names = source.recordings("train")
    sides = [source.read(names[place], 0, 180 * 44100) for place in (0, 2)]
    dry = write(tmp_path / "dry.wav", np.concatenate(sides), 44100, "PCM_16")
    styles = Path(os.environ.get("FXSTYLE_RECORDINGS", "")) / "styles"
    references = sorted(styles.glob("*.flac"))[:2] if os.environ.get("FXSTYLE_RECORDINGS") else []
    for reference in references or [write(tmp_path / "other.wav", dry_sound(8 * RATE, 3))]:
        process = started(tmp_path, dry, reference, "--effect", effect, "--out", "out", "--overwrite")
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        info = soundfile.info(tmp_path / "out" / "dry.wav")
        assert (info.samplerate, info.channels) == (44100, 2)
        assert info.frames >= 180 * 44100
    # Of the largest process that was waited for, in KiB on Linux.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2 * 1024**2
