"""Sound files through effects: the same bits as the renderer, whatever the pieces, and nothing half-written."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from fxstyle.audio import target as target_file
from fxstyle.audio.files import read_audio, read_info
from fxstyle.effects import file_rendering
from fxstyle.effects.file_rendering import PIECE_FRAMES, render_file
from fxstyle.effects.hosts import build
from fxstyle.effects.render_plan import plan_render
from fxstyle.effects.renderer import RenderError, ThreadRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from tests.effects.catalogue import RATE, built_in, effect, noise

pytestmark = pytest.mark.unit


def sound_file(path: Path, audio: NDArray[np.float32], subtype: str = "FLOAT", rate: int = RATE) -> Path:
    soundfile.write(path, audio.T, rate, subtype=subtype)
    return path


def rendered(spec: EffectSpec, values: dict[str, Any], audio: NDArray[np.float32], tail: int) -> NDArray[np.float32]:
    """What the renderer makes of the whole sound with its tail of silence."""
    audio = np.pad(audio, ((0, 0), (0, tail)))
    return ThreadRenderer(1).render([spec], audio[None], spec.positions(values)[None, None], RATE).audio[0, 0]


class Fake:
    """A stream that does what a test wants to the pieces."""

    def __init__(self, change: Any) -> None:
        self.change = change
        self.pieces: list[int] = []
        self.closed = False

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        self.pieces.append(audio.shape[1])
        return self.change(audio)

    def finish(self) -> NDArray[np.float32]:
        return np.zeros((1, 0), np.float32)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Any:
    def fake(change: Any) -> Fake:
        stream = Fake(change)
        monkeypatch.setattr(file_rendering, "open_safely", lambda *arguments: stream)
        return stream

    return fake


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", built_in())
def test_a_file_equals_one_render_to_the_bit(tmp_path: Path, name: str, channels: int) -> None:
    spec, audio = effect(name), noise(channels, 9001)
    values = {p.name: float(p.to_unit(0.7)) for p in spec.parameters if not p.held}
    dry = sound_file(tmp_path / "dry.wav", audio)
    expected = rendered(spec, values, audio, tail=1000)
    assert np.abs(expected - np.pad(audio, ((0, 0), (0, 1000)))).max() > 1e-4
    for size in (737, PIECE_FRAMES):
        plan = plan_render(spec, values, dry, tmp_path / f"{size}.wav", tail_seconds=1000 / RATE)
        assert (plan.memory_bytes > 0) == (not spec.streams)
        done = render_file(plan, piece_frames=size)
        wet, rate = read_audio(tmp_path / f"{size}.wav")
        assert rate == RATE
        np.testing.assert_array_equal(wet, expected)
        assert done.frames == 10001
        assert done.peak_db == pytest.approx(20 * np.log10(np.abs(expected).max()))


def test_a_plugin_in_a_process_of_its_own_gives_the_same(tmp_path: Path) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(2, 5000))
    for name, spec in {"here": effect("reverb"), "there": replace(effect("reverb"), isolated=True)}.items():
        render_file(plan_render(spec, {}, dry, tmp_path / f"{name}.wav", 0.1), piece_frames=999)
    np.testing.assert_array_equal(read_audio(tmp_path / "here.wav")[0], read_audio(tmp_path / "there.wav")[0])


def test_the_tail_is_the_effects_own_unless_given(tmp_path: Path) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(1, 2205))
    spec = replace(effect("reverb"), tail_seconds=0.5)
    frames = [render_file(plan_render(spec, {}, dry, tmp_path / f"{tail}.wav", tail)).frames for tail in (None, 0, 1)]
    assert frames == [2205 + 11025, 2205, 2205 + RATE]
    assert np.abs(read_audio(tmp_path / "None.wav")[0][0, 2205:]).max() > 1e-4


def test_a_minute_is_rendered_in_constant_memory(tmp_path: Path, fake: Any) -> None:
    minute = 60 * 48000
    with soundfile.SoundFile(tmp_path / "dry.wav", "w", 48000, 2, "PCM_16") as file:
        for second in range(60):
            file.write(noise(2, 48000, second).T)
    stream = fake(lambda audio: audio)
    given: list[int] = []
    plan = plan_render(effect("gain"), {}, tmp_path / "dry.wav", tmp_path / "wet.wav")
    tracemalloc.start()
    try:
        render_file(plan, given.append)
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert max(stream.pieces) <= PIECE_FRAMES
    assert sum(stream.pieces) == sum(given) == minute
    assert len(given) > 40
    # The whole sound takes 23 MB.
    assert used < 8e6
    assert read_info(tmp_path / "wet.wav").frames == minute


def test_what_comes_at_the_end_is_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    write = soundfile.SoundFile.write
    monkeypatch.setattr(soundfile.SoundFile, "write", lambda self, data: (written.append(len(data)), write(self, data)))
    dry = sound_file(tmp_path / "dry.wav", noise(1, 5000))
    written.clear()
    render_file(plan_render(effect("resample"), {}, dry, tmp_path / "wet.wav"), piece_frames=512)
    assert max(written) <= 512
    assert sum(written) == 5000


@pytest.mark.parametrize(
    ("subtype", "target", "as_float", "expected"),
    [
        ("PCM_16", "wet.wav", False, ("WAV", "PCM_24")),
        ("PCM_24", "wet.WAV", False, ("WAV", "PCM_24")),
        ("FLOAT", "wet.wav", False, ("WAV", "FLOAT")),
        ("DOUBLE", "wet.aif", False, ("AIFF", "FLOAT")),
        ("PCM_16", "wet.wav", True, ("WAV", "FLOAT")),
        ("FLOAT", "wet.flac", False, ("FLAC", "PCM_24")),
        ("FLOAT", "wet.ogg", False, ("OGG", "VORBIS")),
        ("PCM_16", "wet.mp3", False, ("MP3", "MPEG_LAYER_III")),
    ],
)
def test_formats(tmp_path: Path, subtype: str, target: str, as_float: bool, expected: tuple[str, str]) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(2, 4000), subtype, 44100)
    render_file(plan_render(effect("gain"), {}, dry, tmp_path / "new" / target, as_float=as_float))
    with soundfile.SoundFile(tmp_path / "new" / target) as file:
        assert (file.format, file.subtype) == expected
        assert (file.samplerate, file.channels) == (44100, 2)
        assert file.frames >= 4000


def test_more_than_4_gib_needs_another_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_file, "_LARGEST_BYTES", 1000)
    audio = noise(1, 500)
    dry = sound_file(tmp_path / "dry.wav", audio)
    render_file(plan_render(effect("invert"), {}, dry, tmp_path / "wet.wav"))
    with soundfile.SoundFile(tmp_path / "wet.wav") as file:
        assert file.format == "RF64"
    np.testing.assert_array_equal(read_audio(tmp_path / "wet.wav")[0], -audio)
    with pytest.raises(InputError, match="larger than AIFF files can be"):
        plan_render(effect("invert"), {}, dry, tmp_path / "wet.aiff")


def test_above_full_scale_is_clipped_and_told(tmp_path: Path) -> None:
    audio = np.full((1, 1000), 0.5, np.float32)
    audio[0, 300:310] = -0.9
    dry = sound_file(tmp_path / "dry.wav", audio, "PCM_16")
    done = render_file(plan_render(effect("gain"), {"gain_db": 4.0}, dry, tmp_path / "wet.wav"))
    assert (done.clipped, done.first_clipped_seconds) == (10, 300 / RATE)
    assert done.peak_db == pytest.approx(20 * np.log10(0.9) + 4, abs=1e-3)
    assert read_audio(tmp_path / "wet.wav")[0].min() == -1
    done = render_file(plan_render(effect("gain"), {"gain_db": 4.0}, dry, tmp_path / "float.wav", as_float=True))
    assert done.clipped == 0
    assert read_audio(tmp_path / "float.wav")[0].min() == pytest.approx(-0.9 * 10**0.2, rel=1e-4)


def test_a_held_control_is_set_by_hand(tmp_path: Path) -> None:
    audio = noise(1, 2000)
    dry = sound_file(tmp_path / "dry.wav", audio)
    gain = effect("gain")
    held = replace(gain, parameters=(replace(gain.parameters[0], held=True),))
    render_file(plan_render(held, {}, dry, tmp_path / "held.wav"))
    render_file(plan_render(held, {"gain_db": -6.0}, dry, tmp_path / "set.wav"))
    np.testing.assert_array_equal(read_audio(tmp_path / "held.wav")[0], audio)
    np.testing.assert_allclose(read_audio(tmp_path / "set.wav")[0], audio * 10**-0.3, rtol=1e-5)
    # A held default is not rounded on its way.
    odd = replace(held, parameters=(replace(held.parameters[0], default=1.23456789),))
    render_file(plan_render(odd, {}, dry, tmp_path / "odd.wav"))
    expected = build(odd)(audio, np.array([1.23456789]), RATE)
    np.testing.assert_array_equal(read_audio(tmp_path / "odd.wav")[0], expected)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, "gave NaN or infinite samples, at 0.016 s"),
        (-np.inf, "gave NaN or infinite samples, at 0.016 s"),
        (200.0, "ran away: its output passes \\+40 dBFS, at 0.016 s"),
        (None, "gave 2700 samples for 3000, at 0.122 s"),
    ],
)
def test_bad_output_is_told_and_not_written(tmp_path: Path, fake: Any, value: float | None, words: str) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(1, 3000))

    def spoil_the_second(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        audio = audio.copy()
        if len(stream.pieces) == 2:
            audio = audio[:, :0] if value is None else audio
            audio[:, 50:51] = value
        return audio

    stream = fake(spoil_the_second)
    (tmp_path / "wet.wav").write_text("older")
    plan = plan_render(effect("gain"), {"gain_db": 3.0}, dry, tmp_path / "wet.wav", overwrite=True)
    with pytest.raises(RenderError, match=words) as caught:
        render_file(plan, piece_frames=300)
    assert "effect 'gain'" in str(caught.value)
    assert "with gain_db 3 dB; nothing was written" in str(caught.value)
    assert stream.closed
    assert (tmp_path / "wet.wav").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dry.wav", "wet.wav"]


@pytest.mark.parametrize("error", [RuntimeError("out of\ntune"), MemoryError(), RenderError("crashed (SIGSEGV)")])
def test_a_plugin_that_fails_is_named(tmp_path: Path, fake: Any, error: Exception) -> None:
    def fail(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        raise error

    fake(fail)
    plan = plan_render(effect("gain"), {}, sound_file(tmp_path / "dry.wav", noise(1, 900)), tmp_path / "wet.wav")
    reason = {RuntimeError: "failed: out of tune", MemoryError: "failed: MemoryError"}.get(type(error), str(error))
    with pytest.raises(RenderError) as caught:
        render_file(plan)
    assert str(caught.value).startswith(f"effect 'gain' {reason}, at 0.000 s of ")
    assert [path.name for path in tmp_path.iterdir()] == ["dry.wav"]


def test_an_interrupt_leaves_nothing(tmp_path: Path, fake: Any) -> None:
    def interrupt(frames: int) -> None:
        raise KeyboardInterrupt

    stream = fake(lambda audio: audio)
    plan = plan_render(effect("gain"), {}, sound_file(tmp_path / "dry.wav", noise(1, 900)), tmp_path / "wet.wav")
    with pytest.raises(KeyboardInterrupt):
        render_file(plan, interrupt)
    assert stream.closed
    assert [path.name for path in tmp_path.iterdir()] == ["dry.wav"]


@pytest.mark.parametrize("problem", ["nan", "silent", "cut off", "empty", "text", "missing", "folder", "quad", "rate"])
def test_bad_input_is_refused_and_nothing_is_written(tmp_path: Path, problem: str) -> None:
    dry, audio = tmp_path / "dry.wav", noise(1, 4000)
    words = {
        "quad": "4 channels: split",
        "rate": "sample rate of 1 Hz",
        "silent": "nothing but silence",
        "nan": "NaN or infinite",
        "empty": "no samples",
    }
    words |= {"text": "cannot be read as audio", "missing": "does not exist", "folder": "not a file"}
    if problem == "folder":
        dry.mkdir()
    elif problem == "text":
        dry.write_text("not a sound")
    elif problem != "missing":
        audio = audio.repeat(4, axis=0) if problem == "quad" else audio[:, :0] if problem == "empty" else audio
        audio = audio * 0 if problem == "silent" else audio
        audio[0, 3500:3501] = np.nan if problem == "nan" else audio[0, 3500:3501]
        sound_file(dry, audio, **({"rate": 1} if problem == "rate" else {}))
    if problem == "cut off":
        dry.write_bytes(dry.read_bytes()[:9000])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=words.get(problem, problem)) as caught:
        render_file(plan_render(effect("reverb"), {}, dry, tmp_path / "wet.wav"), piece_frames=1000)
    assert str(dry) in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_rate_that_the_format_lacks_is_refused(tmp_path: Path) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(1, 900), rate=7777)
    with pytest.raises(
        InputError, match=r"cannot be written as MP3 MPEG_LAYER_III of 7777 Hz.*use the extension \.wav"
    ):
        render_file(plan_render(effect("gain"), {}, dry, tmp_path / "wet.mp3"))
    assert [path.name for path in tmp_path.iterdir()] == ["dry.wav"]


def test_ogg_stops_where_its_library_crashes(tmp_path: Path) -> None:
    dry = sound_file(tmp_path / "dry.wav", noise(1, 900), rate=384_000)
    with pytest.raises(InputError, match=r"wet\.ogg cannot hold 384000 Hz.*use the extension \.wav"):
        plan_render(effect("gain"), {}, dry, tmp_path / "wet.ogg")
    plan_render(effect("gain"), {}, dry, tmp_path / "wet.wav")
