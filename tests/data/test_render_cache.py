from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxstyle.data import render_cache
from fxstyle.data.render_cache import RenderCache, render_keys
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.preset import Preset
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from tests.data.sounds import DRIVE, GAIN, RATE

pytestmark = pytest.mark.unit

SOUND = np.linspace(-1, 1, 500, dtype=np.float32)[None]
KEY = "ab" + "0" * 62
HALF = np.array([[0.5]], np.float32)


def key(effect: EffectSpec = GAIN, place: float = 0.5, dry: np.ndarray = SOUND, rate: int = RATE) -> str:
    (found,) = render_keys(effect, np.full((1, len(effect.parameters)), place, np.float32), dry, rate)
    return found


def test_what_is_kept_is_found_to_the_bit(tmp_path: Path) -> None:
    cache = RenderCache(tmp_path / "new")
    assert cache.find(KEY, 500) is None
    cache.keep(KEY, SOUND)
    found = cache.find(KEY, 500)
    assert found is not None
    np.testing.assert_array_equal(found, SOUND)
    assert found.dtype == np.float32
    assert found.flags.writeable
    assert [path.name for path in (tmp_path / "new" / "ab").iterdir()] == [f"{KEY}.f32"]


@pytest.mark.parametrize("fault", ["cut", "longer", "a bit", "empty", "other length"])
def test_damaged_files_are_not_found(tmp_path: Path, fault: str) -> None:
    cache = RenderCache(tmp_path)
    cache.keep(KEY, SOUND)
    path = tmp_path / "ab" / f"{KEY}.f32"
    content = path.read_bytes()
    damaged = bytes([content[0] ^ 1]) + content[1:]
    changed = {"cut": content[:-40], "longer": content + b"\0" * 4, "a bit": damaged, "empty": b""}
    path.write_bytes(changed.get(fault, content))
    assert cache.find(KEY, 499 if fault == "other length" else 500) is None
    cache.keep(KEY, SOUND)
    assert cache.find(KEY, 500) is not None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"data\.cache_dir or FXSTYLE_CACHE"):
        RenderCache(tmp_path / "file").keep(KEY, SOUND)


def test_another_key_for_whatever_is_heard() -> None:
    louder = replace(GAIN, parameters=(Parameter("gain_db", -20, 10, -10, unit="dB"),))
    other_link = replace(DRIVE, links=(DRIVE.links[0], louder))
    quiet = SOUND.copy()
    quiet[0, 250] += 1e-6
    keys = [
        key(),
        key(place=0.5 + 1e-6),
        key(dry=quiet),
        key(dry=SOUND[:, :-1]),
        key(rate=RATE + 1),
        key(louder),
        key(replace(GAIN, plugin="Limiter")),
        key(replace(GAIN, settings=(("quality", 2),))),
        key(replace(GAIN, block=64)),
        key(replace(GAIN, loudness_match=True)),
        key(DRIVE),
        key(other_link),
    ]
    assert len(set(keys)) == len(keys)


def test_the_same_key_where_nothing_is_heard() -> None:
    renamed = replace(GAIN, name="volume", group="level", warnings=("dead: x",), jitter=0.1)
    assert key(renamed) == key()
    assert key(replace(GAIN, presets=(Preset("loud", (("gain_db", -1.0),)),), sampling="presets")) == key()
    one, two = render_keys(GAIN, np.array([[0.5], [0.6]], np.float32), SOUND, RATE)
    assert (one, two) == (key(), key(place=0.6))


def test_software_and_files_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    response = tmp_path / "room.wav"
    response.write_bytes(b"one")
    room = EffectSpec("room", "pedalboard", "Convolution", settings=(("impulse_response_filename", str(response)),))
    before = key(room)
    assert key(room) == before
    response.write_bytes(b"four")
    assert key(room) != before
    gate, gain = EffectSpec("gate", "dsp", "gate"), key()
    before = key(gate)
    monkeypatch.setattr(render_cache, "_dsp_source", lambda: "edited")
    assert key(gate) != before
    monkeypatch.setattr(render_cache, "__version__", "another")
    assert key() != gain
