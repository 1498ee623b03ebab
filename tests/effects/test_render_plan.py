"""Outputs, channels and settings that cannot be are refused before anything is rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fxstyle.effects.render_plan import plan_render
from fxstyle.errors import InputError
from tests.effects.catalogue import effect, noise
from tests.effects.test_file_rendering import sound_file

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("dry.wav", {"overwrite": True}, "is the input itself"),
        ("link.wav", {"overwrite": True}, "is the input itself"),
        ("there.wav", {}, "already there: add --overwrite"),
        ("folder.wav", {"overwrite": True}, "is a folder"),
        ("there.wav/wet.wav", {}, "there.wav is a file"),
        ("wet.xyz", {}, "no sound file ends in '.xyz'"),
        ("wet", {}, "no sound file ends in 'nothing'"),
        ("wet.raw", {}, "no sound file ends in '.raw'"),
        ("wet.flac", {"as_float": True}, "cannot hold float"),
        ("wet.wav", {"tail_seconds": -1.0}, "--tail must lie between 0 and 600 s, not -1"),
        ("wet.wav", {"tail_seconds": float("nan")}, "--tail must lie between"),
        ("wet.wav", {"tail_seconds": 601.0}, "--tail must lie between"),
    ],
)
def test_outputs_that_cannot_be_are_refused_first(tmp_path: Path, target: str, options: Any, words: str) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(1, 900))
    (tmp_path / "link.wav").symlink_to(dry)
    (tmp_path / "there.wav").write_text("mine")
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(InputError, match=words):
        plan_render(effect("gain"), {}, dry, tmp_path / target, **options)
    assert (tmp_path / "there.wav").read_text() == "mine"


@pytest.mark.parametrize(("kind", "channels", "words"), [("mono", 2, "is mono"), ("stereo", 1, "is stereo")])
def test_channels_that_the_effect_does_not_take_are_refused(
    tmp_path: Path, kind: Any, channels: int, words: str
) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(channels, 900))
    with pytest.raises(InputError, match=f"{words}, but .*dry.wav is .*: convert the file first"):
        plan_render(replace(effect("gain"), channels=kind), {}, dry, tmp_path / "wet.wav")


def test_settings_are_refused_by_name(tmp_path: Path) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(1, 900))
    with pytest.raises(InputError, match="no parameter 'gian'"):
        plan_render(effect("gain"), {"gian": 1.0}, dry, tmp_path / "wet.wav")
    with pytest.raises(InputError, match="must lie between"):
        plan_render(effect("gain"), {"gain_db": 99.0}, dry, tmp_path / "wet.wav")
