"""``fxstyle effects``: tables of 80 columns, JSON, and files through effects with the right exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from fxstyle.audio.files import read_audio
from fxstyle.effects.parse import as_config
from fxstyle.effects.renderer import RenderError, ThreadRenderer
from fxstyle.run import catalogue
from tests.commands.conftest import Run
from tests.effects.catalogue import RATE, built_in, configs, effect, noise

pytestmark = pytest.mark.unit

WITH_PRESETS = """
drive:
  host: pedalboard
  plugin: Distortion
  group: distortion-boost
  tail_seconds: 0.25
  warnings: ["clipped: loud"]
  parameters:
    drive_db: {low: 0, high: 60, default: 10, unit: dB}
  presets:
    mild: {drive_db: 6}
    wild: {drive_db: 50}
"""


@pytest.fixture
def dry(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "dry.wav", noise(2, 6000).T, RATE, subtype="FLOAT")
    return tmp_path / "dry.wav"


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    (tmp_path / "drive.yaml").write_text(WITH_PRESETS)
    return tmp_path / "drive.yaml"


def expected(values: dict[str, Any], name: str = "distortion", tail: int = 0) -> Any:
    spec, audio = effect(name), np.pad(noise(2, 6000), ((0, 0), (0, tail)))
    return ThreadRenderer(1).render([spec], audio[None], spec.positions(values)[None, None], RATE).audio[0, 0]


def assert_readable(out: str) -> None:
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out


def test_list(run: Run) -> None:
    code, out, err = run("effects", "list")
    assert (code, err) == (0, "")
    assert_readable(out)
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert rows["reverb"] == ["reverb", "pedalboard", "5", "0", "yes"]
    assert rows["amp"] == ["amp", "chain", "6", "0", "yes"]
    assert set(configs()) <= set(rows)
    assert "Set six_plus_three: compressor, distortion" in out


def test_list_for_programs(run: Run) -> None:
    code, out, _ = run("effects", "list", "--json")
    content = json.loads(out)
    assert code == 0
    rows = {row["name"]: row for row in content["effects"]}
    assert set(rows) == set(configs())
    assert rows["phaser"]["parameters"] == 5
    assert {"six_plus_three", "style_many"} <= {row["name"] for row in content["sets"]}


def test_list_says_why_an_effect_cannot_be_used(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "effects").mkdir()
    bad = '# Bad.\nbad: {host: pedalboard, plugin: Gian, group: "[red]x\\e[31m", parameters: {}}'
    (tmp_path / "effects" / "bad.yaml").write_text(bad)
    (tmp_path / "effects" / "asks.yaml").write_text("# Asks.\nasks: {host: lv2, plugin: urn:x}")
    (tmp_path / "effects" / "gone.yaml").write_text("# Gone.\ngone: {host: vst3, plugin: no/gone.vst3, parameters: {}}")
    (tmp_path / "effects" / "vst3.yaml").write_text("# Any VST3 plugin.\nhost: vst3\npath: null")
    monkeypatch.setattr(catalogue, "CONF", str(tmp_path))
    code, out, _ = run("effects", "list")
    assert code == 0
    rows = {line.split()[0]: line.split() for line in reversed(out.splitlines()) if line.strip()}
    assert rows["bad"] == ["bad", "pedalboard", "[red]x?[31m", "0", "0", "no"]
    assert rows["asks"] == ["asks", "lv2", "?", "0", "?"]
    assert rows["gone"] == ["gone", "vst3", "0", "0", "no"]
    assert "bad cannot be used here: effects.bad.plugin: pedalboard has no effect" in " ".join(out.split())
    assert "vst3: Any VST3 plugin." in out
    assert "\x1b" not in out


def test_list_of_installed_plugins(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vst3" / "Maker" / "A Room.vst3" / "Contents" / "Inner.vst3").mkdir(parents=True)
    bundle = tmp_path / "lv2" / "x.lv2"
    bundle.mkdir(parents=True)
    (bundle / "manifest.ttl").write_text("<urn:test:x> a <http://lv2plug.in/ns/lv2core#Plugin> .")
    monkeypatch.setattr(
        "fxstyle.effects.hosts.vst3_bundle.FOLDERS", (str(tmp_path / "nowhere"), str(tmp_path / "vst3"))
    )
    monkeypatch.setenv("LV2_PATH", str(tmp_path / "lv2"))
    code, out, _ = run("effects", "list", "--installed", "--json")
    assert code == 0
    found = json.loads(out)
    room = str(tmp_path / "vst3" / "Maker" / "A Room.vst3")
    assert found == [
        {"host": "lv2", "name": "urn:test:x", "bundle": str(bundle)},
        {"host": "vst3", "name": room, "bundle": room},
    ]
    code, out, _ = run("effects", "list", "--installed")
    assert code == 0
    assert_readable(out)
    assert "urn:test:x" in out


@pytest.mark.parametrize("name", built_in())
def test_show(run: Run, name: str) -> None:
    code, out, err = run("effects", "show", name)
    assert (code, err) == (0, "")
    assert_readable(out)
    together = "".join(out.split())
    for parameter in effect(name).parameters:
        assert parameter.name in together
        assert f"{parameter.low:g}to{parameter.high:g}{parameter.unit}" in together or parameter.labels
        assert all("".join(label.split()) in together for label in parameter.labels)


def test_show_tells_all_of_an_effect(run: Run, drive: Path) -> None:
    code, out, _ = run("effects", "show", drive)
    assert code == 0
    for words in (
        "drive (pedalboard: Distortion)",
        "group: distortion-boost",
        "tail: 0.25 s",
        "warning: clipped: loud",
    ):
        assert words in out
    for words in ("drive_db   0 to 60 dB", "Preset mild: drive_db 6", "Preset wild: drive_db 50", "streamed"):
        assert " ".join(words.split()) in " ".join(out.split())
    content = json.loads(run("effects", "show", drive, "--json")[1])
    assert content["presets"][1] == {"name": "wild", "values": {"drive_db": 50}, "source": ""}
    assert content["parameters"][0]["kind"] == "continuous"
    assert content["warnings"] == ["clipped: loud"]


@pytest.mark.parametrize("name", built_in())
def test_show_for_programs(run: Run, name: str) -> None:
    content = json.loads(run("effects", "show", name, "--json")[1])
    spec = effect(name)
    assert [parameter["name"] for parameter in content["parameters"]] == [p.name for p in spec.parameters]
    assert [link["name"] for link in content["links"]] == list(as_config(spec).get("links", {}))


def test_render_with_settings_in_units(run: Run, dry: Path, tmp_path: Path) -> None:
    wet = tmp_path / "new" / "wet.wav"
    code, out, err = run("effects", "render", "distortion", "--set", "drive_db=33.5 dB", dry, wet)
    assert (code, err) == (0, "")
    peak = 20 * np.log10(np.abs(expected({"drive_db": 33.5})).max())
    assert out == f"Wrote {wet}: distortion, 0.27 s (stereo, FLOAT, {RATE} Hz, peak {peak:.1f} dBFS)\n"
    np.testing.assert_array_equal(read_audio(wet)[0], expected({"drive_db": 33.5}))


def test_render_with_labels_and_chains(run: Run, dry: Path, tmp_path: Path) -> None:
    assert run("effects", "render", "resample", "--set", "quality=Linear", dry, tmp_path / "a.wav")[0] == 0
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav")[0], expected({"quality": "Linear"}, "resample"))
    options = ["--set", "preamp.drive_db=12", "--set", "cabinet.bypass=on"]
    assert run("effects", "render", "amp", *options, dry, tmp_path / "b.wav")[0] == 0
    chain = catalogue.find_effect("amp").released
    positions = chain.positions({"preamp.drive_db": 12, "cabinet.bypass": "on"})
    wet = ThreadRenderer(1).render([chain], noise(2, 6000)[None], positions[None, None], RATE).audio[0, 0]
    np.testing.assert_array_equal(read_audio(tmp_path / "b.wav")[0], wet)


def test_render_adds_the_tail(run: Run, dry: Path, drive: Path, tmp_path: Path) -> None:
    lengths = {}
    for name, options in {"own": [], "none": ["--no-tail"], "long": ["--tail", 1.5]}.items():
        code, out, _ = run("effects", "render", drive, *options, dry, tmp_path / f"{name}.wav")
        assert code == 0
        assert ("with a tail of" in out) == (name != "none")
        lengths[name] = read_audio(tmp_path / f"{name}.wav")[0].shape[1] - 6000
    assert lengths == {"own": round(0.25 * RATE), "none": 0, "long": round(1.5 * RATE)}


def test_render_with_presets_that_settings_override(run: Run, dry: Path, drive: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    code, out, _ = run("effects", "render", drive, "--preset", "wild", "--save-preset", saved)
    assert (code, out) == (0, f"Wrote the settings to {saved}\n")
    for name, options in {
        "name": ["--preset", "wild"],
        "file": ["--preset", saved],
        "set": ["--preset", "mild", "--set", "drive_db=50"],
    }.items():
        assert run("effects", "render", drive, "--no-tail", *options, dry, tmp_path / f"{name}.wav")[0] == 0
        spec = catalogue.find_effect(str(drive))
        positions = spec.positions({"drive_db": 50})[None, None]
        wet = ThreadRenderer(1).render([spec], noise(2, 6000)[None], positions, RATE).audio[0, 0]
        np.testing.assert_array_equal(read_audio(tmp_path / f"{name}.wav")[0], wet)
    values = json.loads(saved.read_text())["values"]
    assert values == {"drive_db": 50.0}


def test_clipping_is_told(run: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "dry.wav", np.full(2000, 0.9), RATE, subtype="PCM_16")
    loud = ["effects", "render", "gain", "--set", "gain_db=6", tmp_path / "dry.wav"]
    code, out, err = run(*loud, tmp_path / "wet.wav")
    assert code == 0
    assert err.startswith(
        "fxstyle: warning: 2000 samples above full scale were clipped, the first at 0.000 s (peak +5.1"
    )
    assert "PCM_24" in out
    assert run(*loud, "--float", tmp_path / "float.wav")[::2] == (0, "")
    assert np.abs(read_audio(tmp_path / "float.wav")[0]).max() > 1.7


def test_silent_output_is_told(run: Run, dry: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", noise(1, 6000).T / 1000, RATE, subtype="FLOAT")
    code, out, err = run(
        "effects", "render", "gain", "--set", "gain_db=-18", tmp_path / "quiet.wav", tmp_path / "wet.wav"
    )
    assert code == 0
    assert err.startswith("fxstyle: warning: the output is silent (peak -")
    assert out.startswith("Wrote ")
    assert run("effects", "render", "gain", dry, tmp_path / "loud.wav")[2] == ""


def test_long_files_through_effects_that_cannot_stream_are_told(
    run: Run, dry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fxstyle.commands.effects._LARGE_BYTES", 1000)
    code, _, err = run("effects", "render", "mp3", dry, tmp_path / "wet.wav")
    assert (code, err[:41]) == (0, "fxstyle: note: effect 'mp3' cannot stream")
    assert run("effects", "render", "gain", dry, tmp_path / "gain.wav")[2] == ""


def test_a_failed_render_is_code_1(run: Run, dry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RenderError("crashed (SIGSEGV)")

    monkeypatch.setattr("fxstyle.effects.file_rendering.open_safely", fail)
    code, out, err = run("effects", "render", "gain", dry, tmp_path / "wet.wav", "--save-preset", tmp_path / "p.json")
    assert (code, out) == (1, "")
    assert err.startswith("fxstyle: effect 'gain' crashed (SIGSEGV), at 0.000 s of ")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["dry.wav"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "revreb"], "there is no effect 'revreb': did you mean reverb"),
        (["render", "revreb", "DRY", "WET"], "there is no effect 'revreb'"),
        (["render", "gain"], "IN and OUT are missing"),
        (["render", "gain", "DRY"], "OUT is missing"),
        (["render", "gain", "--save-preset", "P.json", "DRY"], "OUT is missing"),
        (["render", "gain", "DRY", "WET", "--tail", "1", "--no-tail"], "--tail and --no-tail exclude each other"),
        (["render", "gain", "DRY", "WET", "--tail", "-1"], "--tail must lie between"),
        (["render", "gain", "DRY", "WET", "--set", "gain_db"], "--set 'gain_db' is not of the form NAME=VALUE"),
        (["render", "gain", "DRY", "WET", "--set", "=3"], "--set '=3' is not of the form"),
        (["render", "gain", "DRY", "WET", "--set", "gain_db="], "--set 'gain_db=' is not of the form"),
        (["render", "gain", "DRY", "WET", "--set", "gain_db=1", "--set", "gain_db=2"], "--set gives 'gain_db' twice"),
        (["render", "gain", "DRY", "WET", "--set", "gian=1"], "no parameter 'gian'; choose from gain_db"),
        (["render", "gain", "DRY", "WET", "--set", "gain_db=99"], "gain_db must lie between -18 and 11 dB, not 99"),
        (["render", "gain", "DRY", "WET", "--set", "gain_db=nan"], "gain_db must lie between"),
        (["render", "gain", "DRY", "WET", "--set", "gain_db=loud"], "gain_db must be a number, not 'loud'"),
        (["render", "gain", "DRY", "WET", "--preset", "warm"], "has no preset 'warm'; it has: none"),
        (["render", "gain", "DRY", "WET", "--preset", "warm.json"], "warm.json does not exist"),
        (["render", "gain", "DRY", "WET", "--preset", "DRY"], "is not a preset|too large"),
        (["render", "gain", "DRY", "WET", "--save-preset", "P.txt"], "name ends in .json"),
        (["render", "gain", "DRY", "WET", "--save-preset", "P.lv2"], "is no LV2 plugin"),
        (["render", "gain", "DRY", "DRY", "--overwrite"], "is the input itself"),
        (["render", "gain", "DRY", "OLD"], "is already there: add --overwrite"),
        (["render", "gain", "DRY", "WET", "--save-preset", "OLD.json"], "is already there: add --overwrite"),
        (["render", "gain", "NOWHERE", "WET"], "does not exist: give the path of an audio file"),
    ],
)
def test_refusals_are_one_sentence_and_code_2(
    run: Run, dry: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    places = {"DRY": dry, "WET": tmp_path / "wet.wav", "OLD": tmp_path / "old.wav", "NOWHERE": tmp_path / "no.wav"}
    places |= {name: tmp_path / name for name in ("P.json", "P.txt", "P.lv2", "OLD.json")}
    for old in ("OLD", "OLD.json"):
        places[old].write_text("mine")
    before = sorted(tmp_path.iterdir())
    code, out, err = run("effects", *(places.get(argument, argument) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("fxstyle: ")
    assert any(word in err for word in words.split("|"))
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert places["OLD"].read_text() == places["OLD.json"].read_text() == "mine"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, {143}), (signal.SIGINT, {1, 130})])
def test_signals_leave_nothing_half_written(tmp_path: Path, number: signal.Signals, code: set[int]) -> None:
    with soundfile.SoundFile(tmp_path / "dry.wav", "w", 48000, 2, "PCM_16") as file:
        for second in range(60):
            file.write(noise(2, 48000, second).T)
    command = [sys.executable, "-m", "fxstyle.cli", "effects", "render", "amp", "--tail", "600"]
    with subprocess.Popen([*command, tmp_path / "dry.wav", tmp_path / "wet.wav"]) as program:
        for _ in range(1000):
            if [path for path in tmp_path.iterdir() if path.suffix == ".part" and path.stat().st_size > 1_000_000]:
                break
            assert program.poll() is None
            time.sleep(0.01)
        program.send_signal(number)
        assert program.wait(30) in code
    assert [path.name for path in tmp_path.iterdir()] == ["dry.wav"]
