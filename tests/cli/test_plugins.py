"""Training on plugins that somebody has installed, and what is refused about them."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.effects.native import trap
from tests.effects.test_processes import children
from tests.programs import TINY, check_refused, run_here

pytestmark = pytest.mark.system

ANY = tuple(override for override in TINY if not override.startswith("effects="))
OVERDRIVE = "http://drobilla.net/plugins/mda/Overdrive"


def renderers_of(run: Path) -> set[str]:
    """Worker processes that a run has started, wherever in its tree, and that still live."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command, environment = ((process / file).read_bytes() for file in ("cmdline", "environ"))
            if b"fxstyle.effects.worker" in command and f"FXSTYLE_TEST_RUN={run}\0".encode() in environment:
                found.add(process.name)
    return found


@pytest.mark.parametrize(
    "chosen",
    [
        ("effects=lv2", f"effects.uri={OVERDRIVE}"),
        ("effects=lv2", "effects.uri=http://drobilla.net/plugins/mda/Leslie", "+effects.sampling=presets"),
        ("effects=vst3", "effects.path=ZamComp.vst3", "effects.name=squeeze"),
        ("effects=vst3", "effects.path=ZamComp.vst3", "data.num_workers=1"),
        ("effects=mda_overdrive", "renderer=processes", "+effects.mda_overdrive.loudness_match=true"),
    ],
    ids=" ".join,
)
def test_a_plugin_trains_and_leaves_no_process(
    chosen: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FXSTYLE_TEST_RUN", str(tmp_path))
    done = run_here("train", *ANY, "trainer.max_epochs=1", *chosen, f"run_dir='{tmp_path}/run'")
    assert done.code == 0, done.err
    scores = json.loads((tmp_path / "run" / "metrics.json").read_text())
    name = "squeeze" if "effects.name=squeeze" in chosen else chosen[0].partition("=")[2]
    assert scores[f"val/score/{name}"] > 0
    # Those of a data loader's workers end when they find their pipe closed.
    deadline = time.monotonic() + 20
    while (left := renderers_of(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (("effects=vst3",), ("effects.path has no value",)),
        (("effects=lv2",), ("effects.uri has no value",)),
        (("effects=lv2", "effects.uri=urn:nowhere"), ("urn:nowhere",)),
        (("effects=vst3", "effects.path=nowhere.vst3"), ("nowhere.vst3",)),
        (("effects=vst3", "effects.path=ZamComp.vst3", "effects.plugin_name=Loud"), ("Loud", "ZamComp")),
        (("effects=vst3", "effects.path=ZamComp.vst3", "renderer=threads"), ("effects.vst3", "renderer=auto")),
        (("effects=lv2", "effects.uri=http://drobilla.net/plugins/mda/Piano"), ("Piano", "instrument")),
        (("effects=mda_overdrive", "+effects.mda_overdrive.parameters.drive.symbol=drvie"), ("drvie", "muffle")),
        (("effects=mda_overdrive", "+effects.mda_overdrive.presets.hot.drive=7"), ("preset 'hot'", "between 0 and 1")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_plugins_that_cannot_be_used_are_refused(
    chosen: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    done = run_here("train", *ANY, *chosen, f"run_dir='{tmp_path}/run'")
    check_refused(done, "train", words, tmp_path / "run")


def test_a_plugin_that_crashes_with_every_clip_is_named(tmp_path: Path) -> None:
    """It loads, and takes its process down at each start: the run ends in one sentence, and so do all processes."""
    before = children()
    bundle = trap(tmp_path, "crash_at_start")
    done = run_here("train", *ANY, "effects=lv2", f"effects.uri='{bundle}'", f"run_dir='{tmp_path}/run'")
    assert done.code == 2
    assert "effect 'lv2': 21 clips in a row gave no sound" in done.err
    assert "crashed (SIGSEGV)" in done.err
    assert children() == before
