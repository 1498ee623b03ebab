from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from fxstyle.audio.source import SPLITS
from fxstyle.data.recorded_pairs import RecordedPairs
from fxstyle.doctor.pair import examine_pair
from fxstyle.errors import InputError
from tests.data.recordings import RATE, Doctor, Finding, row, write_sound, write_table

pytestmark = pytest.mark.unit

RECORDINGS = os.environ.get("FXSTYLE_RECORDINGS")


def two_files(folder: Path, **options: Any) -> RecordedPairs:
    dry, wet = write_sound(folder / "di.wav", 2 * RATE), write_sound(folder / "amp.wav", 2 * RATE, start=5)
    return RecordedPairs(str(dry), str(wet), **options)


def test_two_files_are_split_by_time(tmp_path: Path) -> None:
    found = two_files(tmp_path, licence="mine").load(Doctor())
    assert (found.name, found.sample_rate, found.settings, found.licence) == ("amp", RATE, ("",), "mine")
    assert found.setting_conditions.shape == (1, 0)
    assert [pair.split for pair in found.pairs] == list(SPLITS)
    assert [pair.name for pair in found.pairs] == ["di/train", "di/val", "di/test"]
    assert {pair.recording for pair in found.pairs} == {"di"}
    assert [pair.seconds for pair in found.pairs] == pytest.approx([0, 1.4, 1.7])
    whole = np.arange(2 * RATE) / 2**20
    np.testing.assert_allclose(np.concatenate([pair.dry for pair in found.pairs], axis=1)[0], whole, atol=1e-7)
    np.testing.assert_allclose(found.pairs[2].wet[0], found.pairs[2].dry[0] + 5 / 2**20, atol=1e-7)
    for pair in found.pairs:
        assert pair.dry.dtype == pair.wet.dtype == pair.condition.dtype == np.float32
        assert pair.condition.shape == (0,)


def test_a_known_lag_reaches_the_doctor_and_its_repairs_the_notes(tmp_path: Path) -> None:
    doctor = Doctor()
    found = two_files(tmp_path, lag=100).load(doctor)
    assert doctor.asked[0]["lag"] == 100
    assert doctor.asked[0]["names"] == (str(tmp_path / "di.wav"), str(tmp_path / "amp.wav"))
    assert sum(pair.samples for pair in found.pairs) == 2 * RATE - 100
    # Without the folder: reports are read elsewhere.
    assert found.notes == ("amp.wav was 100 samples late.",)


def test_a_table_says_the_lag_of_each_pair(tmp_path: Path) -> None:
    rows = [row("a", "train", late=3), row("b", "val", late=0), row("c", "test", late=-2)]
    path = write_table(tmp_path / "pairs.csv", rows)
    for lag, wanted in (("late", [3, 0, -2]), (7, [7, 7, 7]), (None, [None] * 3)):
        doctor = Doctor()
        RecordedPairs(pairs=str(path), lag=lag).load(doctor)
        assert [asked["lag"] for asked in doctor.asked] == wanted


def test_channels_and_rates_are_the_doctors_business(tmp_path: Path) -> None:
    write_sound(tmp_path / "di.wav", channels=2)
    write_sound(tmp_path / "amp.wav", 11_025, 11_025)
    doctor = Doctor()
    RecordedPairs(str(tmp_path / "di.wav"), str(tmp_path / "amp.wav")).load(doctor)
    assert doctor.asked[0]["shapes"] == ((2, RATE), (1, 11_025))
    assert doctor.asked[0]["rates"] == (RATE, 11_025)


def test_what_the_doctor_refuses_is_refused(tmp_path: Path) -> None:
    doctor = Doctor([Finding("hum", "warn", "It hums."), Finding("silence", "refuse", "amp.wav is silent.")])
    with pytest.raises(InputError, match=r"^amp\.wav is silent\.$"):
        two_files(tmp_path).load(doctor)
    assert two_files(tmp_path).load(Doctor(doctor.findings[:1])).notes == ("It hums.",)


def test_the_doctor_of_the_command_line_fits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dry = 0.1 * rng.standard_normal(3 * RATE)
    soundfile.write(tmp_path / "di.wav", dry, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "amp.wav", np.concatenate([np.zeros(70), np.tanh(5 * dry)]), RATE, subtype="FLOAT")
    found = RecordedPairs(str(tmp_path / "di.wav"), str(tmp_path / "amp.wav")).load(examine_pair)
    for pair in found.pairs:
        np.testing.assert_allclose(pair.wet[:, :400], np.tanh(5 * pair.dry[:, :400]), atol=1e-5)
    assert any("amp.wav" in note and "70" in note for note in found.notes)
    soundfile.write(tmp_path / "amp.wav", 0 * dry, RATE)
    with pytest.raises(InputError, match=r"amp\.wav is digital silence"):
        RecordedPairs(str(tmp_path / "di.wav"), str(tmp_path / "amp.wav")).load(examine_pair)


def test_knob_settings_are_conditions_and_need_not_be_trained_on(tmp_path: Path) -> None:
    rows = [
        row("riff", "train", "0.1_0.9", device="od", licence="CC0"),
        row("riff", "val", "0.5_0.5", device="od", licence="CC0"),
        row("solo", "test", "0.9_0.2", device="od", licence="CC-BY"),
    ]
    path = write_table(tmp_path / "pairs.csv", rows)
    found = RecordedPairs(pairs=str(path), knobs=["drive", "tone"]).load(Doctor())
    assert (found.name, found.condition_names, found.licence) == ("od", ("drive", "tone"), "CC0; CC-BY")
    for split, values in (("train", [0.1, 0.9]), ("val", [0.5, 0.5]), ("test", [0.9, 0.2])):
        (pair,) = found.split(split)  # type: ignore[arg-type]
        np.testing.assert_allclose(pair.condition, values, atol=1e-6)
        np.testing.assert_array_equal(found.setting_conditions[pair.setting], pair.condition)
    assert [pair.name for pair in found.pairs] == ["riff/0.1_0.9", "riff/0.5_0.5", "solo/0.9_0.2"]
    assert any("1 of 3 knob settings are trained on" in note for note in found.notes)
    assert any("several splits, at other settings: riff." in note for note in found.notes)


def test_named_settings_must_be_trained_on(tmp_path: Path) -> None:
    rows = [row("a", "train", "lo"), row("b", "val", "lo"), row("c", "test", "lo"), row("d", "test", "hi")]
    path = str(write_table(tmp_path / "pairs.csv", rows))
    with pytest.raises(InputError, match=r"setting 'hi' has no train row.*data\.settings"):
        RecordedPairs(pairs=path).load(Doctor())
    assert RecordedPairs(pairs=path, settings=["lo"]).load(Doctor()).settings == ("lo",)


def test_presets_of_whole_recordings_are_all_split_by_time(tmp_path: Path) -> None:
    path = write_table(tmp_path / "pairs.csv", [row("a", setting="lo"), row("a", setting="hi")])
    found = RecordedPairs(pairs=str(path), time_edges=[0.5, 0.75]).load(Doctor())
    assert [(pair.name, pair.samples) for pair in found.split("val")] == [("a/lo/val", 2000), ("a/hi/val", 2000)]
    np.testing.assert_array_equal([pair.condition for pair in found.split("test")], np.eye(2))
    assert not found.notes


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_needs_a_recording(tmp_path: Path, split: str) -> None:
    rows = [row(other, other) for other in SPLITS if other != split]
    with pytest.raises(InputError, match=f"pairs has no recording for {split}: give a row"):
        RecordedPairs(pairs=str(write_table(tmp_path / "pairs.csv", rows))).load(Doctor())


def test_rates_agree_or_are_brought_to_one(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", 16_000, 16_000)
    write_sound(tmp_path / "a_wet.wav", 16_000, 16_000)
    path = str(write_table(tmp_path / "pairs.csv", [row("a", "train"), row("b", "val"), row("c", "test")]))
    with pytest.raises(
        InputError, match=r"several sample rates .*a\.wav has 16000 Hz.*b\.wav has 8000 Hz.*sample_rate"
    ):
        RecordedPairs(pairs=path).load(Doctor())
    found = RecordedPairs(pairs=path, sample_rate=16_000).load(Doctor())
    assert found.sample_rate == 16_000
    assert [pair.samples for pair in found.pairs] == [16_000] * 3
    assert found.notes == ("Recordings at 8000 Hz were resampled to 16000 Hz.",)


def test_a_table_with_the_wrong_rate_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "pairs.csv", [row("a", sr=44_100)])
    with pytest.raises(InputError, match=r"line 2: sr is 44100 Hz, but .*a\.wav has 8000 Hz"):
        RecordedPairs(pairs=str(path)).load(Doctor())


def test_a_pair_that_is_too_short_is_refused(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", 799)
    write_sound(tmp_path / "a_wet.wav", 799)
    path = write_table(tmp_path / "pairs.csv", [row("a", "train"), row("b", "val"), row("c", "test")])
    with pytest.raises(InputError, match=r"a_wet\.wav are 0\.10 s long"):
        RecordedPairs(pairs=str(path)).load(Doctor())
    with pytest.raises(InputError, match=r"a\.wav is 0\.10 s long, too short"):
        RecordedPairs(str(tmp_path / "a.wav"), str(tmp_path / "a_wet.wav")).load(Doctor())


@pytest.mark.parametrize("which", ["di.wav", "amp.wav"])
@pytest.mark.parametrize("fault", ["missing", "empty", "noise", "nan", "no samples", "cut off"])
def test_files_that_cannot_be_used_are_named(tmp_path: Path, which: str, fault: str) -> None:
    pairs = two_files(tmp_path)
    path = tmp_path / which
    if fault == "missing":
        path.unlink()
    elif fault == "nan":
        soundfile.write(path, np.full(RATE, np.nan), RATE, subtype="FLOAT")
    elif fault == "no samples":
        soundfile.write(path, np.zeros(0), RATE)
    else:
        path.write_bytes({"empty": b"", "noise": bytes(range(256)), "cut off": path.read_bytes()[:9000]}[fault])
    doctor = Doctor()
    with pytest.raises(InputError, match=which):
        pairs.load(doctor)
    assert not doctor.asked


def test_every_file_is_looked_at_before_the_doctor_begins(tmp_path: Path) -> None:
    path = write_table(tmp_path / "pairs.csv", [row("a", "train"), row("b", "val"), row("c", "test")])
    (tmp_path / "c_wet.wav").unlink()
    doctor = Doctor()
    with pytest.raises(InputError, match=r"c_wet\.wav does not exist"):
        RecordedPairs(pairs=str(path)).load(doctor)
    assert not doctor.asked


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "data.dry and data.wet, or a table"),
        ({"dry": "a.wav"}, "data.dry and data.wet, or a table"),
        ({"dry": "a.wav", "wet": "b.wav", "pairs": "pairs.csv"}, "data.dry and data.wet, or a table"),
        ({"wet": "b.wav", "pairs": "pairs.csv"}, "data.dry and data.wet, or a table"),
        ({"dry": "a.wav", "wet": "b.wav", "device": "ts"}, "use data.pairs"),
        ({"dry": "a.wav", "wet": "b.wav", "lag": "late"}, "names a column"),
        ({"dry": "a.wav", "wet": "b.wav", "sample_rate": 0}, "data.sample_rate is 0"),
        ({"dry": "a.wav", "wet": "b.wav", "fractions": [1, 0, 0]}, "data.fractions"),
        ({"dry": "a.wav", "wet": "b.wav", "time_edges": [3, 2]}, "data.time_edges"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RecordedPairs(**options)


@pytest.mark.skipif(not RECORDINGS, reason="FXSTYLE_RECORDINGS names no folder of recordings")
def test_the_real_recordings_load() -> None:
    table = str(Path(str(RECORDINGS)) / "pairs.csv")
    clipper = RecordedPairs(pairs=table, device="diode_clipper_1n4148", time_edges=[20, 24]).load(Doctor())
    assert [round(pair.samples / clipper.sample_rate) for pair in clipper.pairs] == [20, 4, 5]
    optical = RecordedPairs(pairs=table, device="tubetech_cl1b", settings=["medium", "heavy"]).load(Doctor())
    assert optical.condition_names == ("medium", "heavy")
    with pytest.raises(InputError, match=r"different kinds.*data\.settings"):
        RecordedPairs(pairs=table, device="tubetech_cl1b").load(Doctor())
