from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from fxstyle.audio.folder import FolderSource
from fxstyle.audio.levels import Level
from fxstyle.audio.source import SPLITS
from fxstyle.data.pair import PairSet
from fxstyle.data.rendered_pairs import RenderedPairs
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.preset import Preset
from fxstyle.effects.renderer import Rendered, Status, ThreadRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from tests.data.sounds import DRIVE, ECHO, RATE, Noises

pytestmark = pytest.mark.unit

CHORUS = EffectSpec(
    "chorus",
    "pedalboard",
    "Chorus",
    (Parameter("mix", 0, 1, 0.5), Parameter("rate_hz", 0.1, 8, 1, unit="Hz", scale="log")),
    presets=(Preset("slow", (("rate_hz", 0.4),)), Preset("fast", (("rate_hz", 6.0), ("mix", 1.0))), Preset("off", ())),
)
NO_LEVEL = Level("none")


class Counting(ThreadRenderer):
    """Counts the sounds that it renders."""

    count = 0

    def render(self, effects: Sequence[EffectSpec], audio: Any, parameters: Any, *more: Any) -> Rendered:
        self.count += parameters.shape[0] * parameters.shape[1]
        return super().render(effects, audio, parameters, *more)


class Failing(ThreadRenderer):
    """Gives a status."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self.status = status

    def render(self, effects: Sequence[EffectSpec], audio: Any, parameters: Any, *more: Any) -> Rendered:
        rendered = super().render(effects, audio, parameters, *more)
        return Rendered(rendered.audio, np.full_like(rendered.status, self.status))


def load(
    tmp_path: Path, effect: EffectSpec = CHORUS, source: Any = None, renderer: Any = None, **options: Any
) -> PairSet:
    return RenderedPairs(
        effect,
        source or Noises(),
        renderer or ThreadRenderer(),
        options.pop("level", NO_LEVEL),
        cache_dir=str(tmp_path / "cache"),
        **options,
    ).load()


def test_each_preset_is_rendered_over_whole_recordings(tmp_path: Path) -> None:
    found = load(tmp_path, lfo_parameter="rate_hz", licence="CC0")
    assert (found.name, found.sample_rate, found.licence) == ("chorus", RATE, "CC0")
    assert found.settings == found.condition_names == ("slow", "fast", "off")
    assert found.lfo_hz == pytest.approx((0.4, 6.0, 1.0), rel=1e-5)
    np.testing.assert_array_equal(found.setting_conditions, np.eye(3))
    for split in SPLITS:
        # The third recording is shorter than 0.1 s.
        assert [(pair.recording, pair.setting) for pair in found.split(split)] == [
            (f"{split}{number}", setting) for number in range(2) for setting in range(3)
        ]
    source, renderer = Noises(), ThreadRenderer()
    for pair in found.pairs:
        (recording,) = [one for one in source.recordings(pair.split) if one.name == pair.recording]
        dry = source.read(recording, 0, recording.samples)
        positions = CHORUS.preset_positions(CHORUS.presets[pair.setting])
        wet = renderer.render([CHORUS], dry[None], positions[None, None], RATE).audio[0, 0]
        np.testing.assert_array_equal(pair.dry, dry)
        np.testing.assert_array_equal(pair.wet, wet)
        np.testing.assert_array_equal(pair.condition, np.eye(3)[pair.setting])
        assert pair.name == f"{pair.recording}/{found.settings[pair.setting]}"
        assert pair.seconds == 0
    assert found.notes[0] == "train: 1 s of 2 recordings (there are 1 s of 3)."


def same(one: PairSet, two: PairSet) -> bool:
    return all(np.array_equal(a.wet, b.wet) and a.name == b.name for a, b in zip(one.pairs, two.pairs, strict=True))


def test_nothing_is_rendered_twice(tmp_path: Path) -> None:
    renderer = Counting()
    first = load(tmp_path, renderer=renderer)
    assert renderer.count == 18
    assert same(first, load(tmp_path, renderer=renderer))
    assert renderer.count == 18
    load(tmp_path, renderer=renderer, presets=["off", "slow"])
    assert renderer.count == 18
    # One preset is edited, then the level, then the tail.
    edited = (Preset("slow", (("rate_hz", 0.5),)), *CHORUS.presets[1:])
    assert not same(first, load(tmp_path, replace(CHORUS, presets=edited), renderer=renderer))
    assert renderer.count == 18 + 6
    load(tmp_path, renderer=renderer, level=Level("peak", -6))
    assert renderer.count == 18 + 6 + 18
    load(tmp_path, renderer=renderer, tail_seconds=0.1)
    assert renderer.count == 18 + 6 + 18 + 18


def test_an_edited_recording_is_rendered_anew(tmp_path: Path) -> None:
    renderer = Counting()

    def recordings(scale: float) -> FolderSource:
        for number, split in enumerate(SPLITS):
            path = tmp_path / "sounds" / split / "a.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            tone = np.sin(np.arange(RATE) * (0.1 + 0.01 * number)) * (scale if split == "val" else 0.5)
            soundfile.write(path, tone, RATE, subtype="FLOAT")
        return FolderSource(tmp_path / "sounds", RATE, cache_dir=tmp_path / "decoded")

    for scale, count in ((0.5, 9), (0.5, 9), (0.25, 12)):
        found = load(tmp_path, source=recordings(scale), renderer=renderer)
        assert renderer.count == count
    assert np.abs(found.split("val")[0].dry).max() == pytest.approx(0.25, rel=1e-3)


def test_a_cut_file_of_the_cache_is_repaired(tmp_path: Path) -> None:
    renderer = Counting()
    first = load(tmp_path, renderer=renderer)
    files = sorted((tmp_path / "cache").rglob("*.f32"))
    assert len(files) == 18
    whole = files[3].read_bytes()
    files[3].write_bytes(whole[:1000])
    files[4].unlink()
    assert same(first, load(tmp_path, renderer=renderer))
    assert renderer.count == 20
    assert files[3].read_bytes() == whole


@pytest.mark.parametrize("status", [Status.FAILED, Status.NOT_FINITE])
def test_renders_that_fail_are_named_and_not_kept(tmp_path: Path, status: Status) -> None:
    with pytest.raises(InputError, match=r"'chorus', setting 'slow', gave .* on recording 'train0'"):
        load(tmp_path, renderer=Failing(status))
    assert not list((tmp_path / "cache").rglob("*.f32"))


def test_why_a_render_failed_is_told(tmp_path: Path) -> None:
    picky = replace(CHORUS, plugin="Gain")
    with pytest.raises(InputError, match=r"'chorus', setting 'slow', failed: .*rate_hz"):
        load(tmp_path, picky, renderer=Raising())


class Raising(ThreadRenderer):
    """Runs an effect that always raises an error."""

    def _built(self, spec: EffectSpec) -> Any:
        def process(audio: NDArray[np.float32], values: Any, sample_rate: float) -> NDArray[np.float32]:
            raise RuntimeError("there is no rate_hz")

        return process


@pytest.mark.parametrize("status", [Status.SILENT, Status.CLIPPED])
def test_silent_and_clipped_sound_is_kept(tmp_path: Path, status: Status) -> None:
    assert same(load(tmp_path, renderer=Failing(status)), load(tmp_path / "other"))


def test_silent_recordings_stay_silent(tmp_path: Path) -> None:
    found = load(tmp_path, source=Noises(silent=frozenset({"val0"})), level=Level())
    assert not any(pair.dry.any() or pair.wet.any() for pair in found.pairs if pair.recording == "val0")


def test_a_tail_is_silence_that_is_rendered(tmp_path: Path) -> None:
    found = load(tmp_path, ECHO, tail_seconds=0.1, lfo_parameter=None)
    assert found.settings == ("default",)
    assert found.setting_conditions.shape == (1, 0)
    pair = found.pairs[0]
    assert pair.samples == 1500 + 800
    assert not pair.dry[:, 1500:].any()
    assert pair.wet[:, 1500:1800].any()
    assert not pair.wet[:, 1901:].any()


def test_chains_and_settings_by_hand(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"loud": {"clip.drive_db": 30, "gain.gain_db": 0}, "wet_only": {"gain.bypass": "on"}}
    found = load(tmp_path, DRIVE, settings=settings)
    assert found.settings == ("loud", "wet_only")
    loud, bypassed = found.pairs[:2]
    drive = {place: 10 ** (db / 20) for place, db in enumerate((30, 10))}
    np.testing.assert_allclose(loud.wet, np.tanh(drive[0] * loud.dry), atol=1e-3)
    # A control that training holds moves where a person says so.
    np.testing.assert_allclose(bypassed.wet, np.tanh(drive[1] * bypassed.dry), atol=1e-3)


def test_settings_take_turns_in_training_but_not_in_the_test(tmp_path: Path) -> None:
    source = Noises(lengths=(1500,) * 5)
    found = load(tmp_path, source=source, assignment="rotate", val_seconds=0.4)
    assert [pair.setting for pair in found.split("train")] == [0, 1, 2, 0, 1]
    # Fewer recordings than settings.
    assert [pair.setting for pair in found.split("val")] == [0, 1, 2, 0, 1, 2]
    assert len(found.split("test")) == 15


def test_limits_hold_for_each_split(tmp_path: Path) -> None:
    source = Noises(lengths=(8000,) * 5)
    found = load(
        tmp_path, source=source, train_seconds=2, val_seconds=1, test_seconds=3, recording_seconds=0.5, presets=["off"]
    )
    assert [len(found.split(split)) for split in SPLITS] == [4, 2, 5]
    assert {pair.samples for pair in found.pairs} == {4000}


def test_stereo_recordings_are_mixed_down(tmp_path: Path) -> None:
    found = load(tmp_path, source=Noises(channels=2))
    assert {pair.dry.shape[0] for pair in found.pairs} == {pair.wet.shape[0] for pair in found.pairs} == {1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"presets": ["sloww"]}, "has no preset 'sloww'"),
        ({"presets": []}, "name nothing to render"),
        ({"settings": {}}, "name nothing to render"),
        ({"presets": ["slow"], "settings": {"a": {}}}, "use one of them"),
        ({"settings": {"a": {"speed": 1}}}, "no parameter 'speed'"),
        ({"settings": {"a": {"rate_hz": 100}}}, "rate_hz must lie between"),
        ({"lfo_parameter": "speed"}, r"data\.lfo_parameter: .*choose from mix, rate_hz"),
        ({"assignment": "some"}, "data.assignment is 'some'"),
        ({"tail_seconds": -1}, "data.tail_seconds is -1"),
        ({"train_seconds": 0}, "data.train_seconds is 0"),
        ({"recording_seconds": float("nan")}, "data.recording_seconds is nan"),
        ({"level": Level(jitter_db=1)}, "jitter_db"),
        ({"effect": replace(CHORUS, highest_rate=4000)}, "^effect 'chorus' is made for sample rates up to 4000 Hz"),
        ({"effect": replace(CHORUS, channels="stereo")}, "is stereo"),
        ({"source": Noises(lengths=(10,))}, "no recording to train on"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        load(tmp_path, **options)
