"""``fxstyle effects`` on the plugins of mda-lv2 and zam-plugins."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxstyle.audio.files import read_audio
from fxstyle.effects.file_rendering import render_file
from fxstyle.effects.hosts import build
from fxstyle.effects.isolation import IsolatedStream
from fxstyle.effects.render_plan import plan_render
from fxstyle.effects.spec import EffectSpec
from tests.commands.conftest import Run
from tests.effects.catalogue import RATE, effect, noise, with_plugins
from tests.effects.native import trap
from tests.effects.test_processes import children

pytestmark = pytest.mark.system

OVERDRIVE = "http://drobilla.net/plugins/mda/Overdrive"
COMPRESSOR = "/usr/lib/vst3/ZamComp.vst3"


@pytest.fixture
def dry(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "dry.wav", noise(2, 12000).T, RATE, subtype="FLOAT")
    return tmp_path / "dry.wav"


def expected(spec: EffectSpec, channels: int = 2, tail: int = 0, **values: float | str) -> np.ndarray:
    """One render of the whole sound, in this process."""
    audio = np.pad(noise(channels, 12000), ((0, 0), (0, tail)))
    return build(spec)(audio, spec.to_units(spec.positions(values)), RATE)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", with_plugins())
def test_a_file_equals_one_render_to_the_bit(tmp_path: Path, name: str, channels: int) -> None:
    spec = effect(name)
    soundfile.write(tmp_path / "dry.wav", noise(channels, 12000).T, RATE, subtype="FLOAT")
    values = {p.name: float(p.to_unit(0.6)) for p in spec.parameters if not p.held}
    plan = plan_render(replace(spec, isolated=False), values, tmp_path / "dry.wav", tmp_path / "wet.wav", 1000 / RATE)
    render_file(plan, piece_frames=737)
    wet = read_audio(tmp_path / "wet.wav")[0]
    np.testing.assert_array_equal(wet, expected(spec, channels, 1000, **values))
    assert np.abs(wet).max() > 0


def test_the_command_of_the_manual(run: Run, dry: Path, tmp_path: Path) -> None:
    code, out, err = run(
        "effects", "render", "mda_overdrive", "--set", "drive=0.8", "--no-tail", dry, tmp_path / "wet.wav"
    )
    assert (code, err) == (0, "")
    assert out.startswith(f"Wrote {tmp_path / 'wet.wav'}: mda_overdrive, ")
    wet = read_audio(tmp_path / "wet.wav")[0]
    np.testing.assert_array_equal(wet, expected(effect("mda_overdrive"), drive=0.8))
    assert np.abs(wet - noise(2, 12000)).max() > 0.01


@pytest.mark.parametrize("name", [OVERDRIVE, "/usr/lib/lv2/ZamComp.lv2", COMPRESSOR])
def test_plugins_without_a_config(run: Run, dry: Path, tmp_path: Path, name: str) -> None:
    content = json.loads(run("effects", "show", name, "--json")[1])
    assert content["isolated"]
    assert content["parameters"]
    moved = next(p for p in content["parameters"] if not p["steps"])
    # Levels that this quiet sound meets.
    moved = next((p for p in content["parameters"] if p["name"] in ("thr", "threshold_db")), moved)
    setting = f"{moved['name']}={moved['low'] if moved['default'] > moved['low'] else moved['high']}"
    for target, options in {"default": [], "moved": ["--set", setting]}.items():
        code, _, err = run("effects", "render", name, "--no-tail", *options, dry, tmp_path / f"{target}.wav")
        assert (code, err) == (0, "")
    default, changed = (read_audio(tmp_path / f"{target}.wav")[0] for target in ("default", "moved"))
    assert default.shape == (2, 12000)
    assert np.abs(changed - default).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/usr/lib/lv2/mda.lv2", "holds 36 LV2 plugins: give the URI of one of them"),
        ("http://drobilla.net/plugins/mda/JX10", "choose an effect"),
        ("http://drobilla.net/plugins/mda/Overdive", f"did you mean {OVERDRIVE}"),
        ("/usr/lib/lv2/../lv2.vst3", "does not exist"),
    ],
)
def test_what_is_no_effect_is_refused(run: Run, dry: Path, tmp_path: Path, name: str, words: str) -> None:
    code, out, err = run("effects", "render", name, dry, tmp_path / "wet.wav")
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "wet.wav").exists()


@pytest.mark.parametrize("file", ["own.lv2", "own.lv2/preset.ttl", "own.json"])
def test_settings_are_kept_as_presets(run: Run, dry: Path, tmp_path: Path, file: str) -> None:
    options = ["--set", "drive=0.7", "--set", "muffle=0.2", "--no-tail"]
    saved = tmp_path / Path(file).parts[0]
    code, _, err = run("effects", "render", "mda_overdrive", *options, "--save-preset", saved, dry, tmp_path / "a.wav")
    assert (code, err) == (0, "")
    code, _, err = run(
        "effects", "render", "mda_overdrive", "--no-tail", "--preset", tmp_path / file, dry, tmp_path / "b.wav"
    )
    assert (code, err) == (0, "")
    first, second = (read_audio(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert np.abs(first - expected(effect("mda_overdrive"))).max() > 0.01
    code, _, err = run("effects", "render", "mda_delay", "--preset", tmp_path / file, dry, tmp_path / "c.wav")
    assert code == 2
    assert "Overdrive" in err


def test_factory_presets_have_names(run: Run, dry: Path, tmp_path: Path) -> None:
    uri = "urn:zamaudio:ZamComp"
    presets = [preset["name"] for preset in json.loads(run("effects", "show", uri, "--json")[1])["presets"]]
    assert presets
    assert run("effects", "render", uri, "--preset", presets[0], dry, tmp_path / "wet.wav")[0] == 0
    code, _, err = run("effects", "render", uri, "--preset", "nowhere", dry, tmp_path / "other.wav")
    assert (code, err.count("\n")) == (2, 1)
    assert f"it has: {presets[0]}" in err


def test_installed_plugins_are_listed(run: Run) -> None:
    found = {
        plugin["name"]: plugin["host"] for plugin in json.loads(run("effects", "list", "--installed", "--json")[1])
    }
    assert found[OVERDRIVE] == "lv2"
    assert found[COMPRESSOR] == "vst3"


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("crash", "effect 'crash' crashed (SIGSEGV), at 0.000 s of "),
        ("crash_at_start", "effect 'crash_at_start' crashed (SIGSEGV), at 0.000 s of "),
        ("hang", "effect 'hang' hung: it was stopped after 1."),
        ("not_a_number", "effect 'not_a_number' gave NaN or infinite samples, at 0.0"),
    ],
)
def test_plugins_that_go_wrong_lose_the_render_and_nothing_else(
    run: Run, dry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str, words: str
) -> None:
    monkeypatch.setattr(IsolatedStream.__init__, "__defaults__", (1.0,))
    bundle, before = trap(tmp_path, deed), children()
    code, out, err = run("effects", "render", bundle, "--set", "danger=0.95", dry, tmp_path / "wet.wav")
    assert (code, out) == (1, "")
    assert err.startswith(f"fxstyle: {words}")
    assert "with danger 0.95; nothing was written: try other settings\n" in err
    assert err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {f"{deed}.lv2", "dry.wav"}
    assert children() == before
    if deed != "crash_at_start":
        assert run("effects", "render", bundle, "--set", "danger=0.5", dry, tmp_path / "wet.wav")[0] == 0
