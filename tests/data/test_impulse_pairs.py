from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from fxstyle.audio.levels import Level
from fxstyle.audio.resample import resample
from fxstyle.audio.source import SPLITS
from fxstyle.data.impulse_pairs import ImpulsePairs
from fxstyle.errors import InputError
from tests.data.sounds import RATE, Noises

pytestmark = pytest.mark.unit


def plate(tmp_path: Path, samples: int = 400, rate: int = RATE, channels: int = 1) -> Path:
    path = tmp_path / "plate.wav"
    decay = np.random.default_rng(0).standard_normal((samples, channels)) * np.exp(-np.arange(samples) / 100)[:, None]
    soundfile.write(path, 0.3 * decay, rate, subtype="FLOAT")
    return path


def pairs_of(path: Path, source: Noises | None = None, **options: Any) -> ImpulsePairs:
    return ImpulsePairs(str(path), source or Noises(), options.pop("level", Level("none")), **options)


def test_the_test_is_the_convolution_and_the_rest_has_noise(tmp_path: Path) -> None:
    path = plate(tmp_path)
    found = pairs_of(path, snr_db=40, licence="CC-BY").load()
    response = soundfile.read(path)[0]
    assert (found.name, found.settings, found.sample_rate, found.licence) == ("plate", ("",), RATE, "CC-BY")
    assert [(pair.split, pair.recording) for pair in found.pairs] == [(s, f"{s}{n}") for s in SPLITS for n in (0, 1)]
    for pair in found.pairs:
        clean = np.convolve(pair.dry[0], response)[: pair.samples]
        error = pair.wet[0] - clean
        assert pair.wet.shape == pair.dry.shape
        assert pair.wet.dtype == np.float32
        assert pair.condition.shape == (0,)
        if pair.split == "test":
            np.testing.assert_allclose(pair.wet[0], clean, atol=1e-6)
        else:
            assert 10 * np.log10(np.mean(clean**2) / np.mean(error**2)) == pytest.approx(40, abs=0.3)


def test_noise_is_seeded_and_differs_between_recordings(tmp_path: Path) -> None:
    path = plate(tmp_path)
    one, again, other = (pairs_of(path, seed=seed).load().pairs for seed in (0, 0, 1))
    np.testing.assert_array_equal(one[0].wet, again[0].wet)
    assert not np.array_equal(one[0].wet, other[0].wet)
    clean = [np.convolve(pair.dry[0], soundfile.read(path)[0])[: pair.samples] for pair in one[:2]]
    noises = [pair.wet[0, :1500] - sound[:1500] for pair, sound in zip(one, clean, strict=False)]
    assert abs(np.corrcoef(noises)[0, 1]) < 0.2


def test_one_gain_keeps_the_loudest_below_full_scale(tmp_path: Path) -> None:
    path = plate(tmp_path)
    quiet = pairs_of(path, snr_db=200).load().pairs
    loud = pairs_of(path, snr_db=200, level=Level("peak", 20)).load()
    assert max(float(np.abs(pair.wet).max()) for pair in loud.pairs) == pytest.approx(0.99, abs=1e-5)
    for one, other in zip(quiet, loud.pairs, strict=True):
        ratio = (np.dot(other.wet[0], one.wet[0]) / np.dot(one.wet[0], one.wet[0])) / (other.dry[0, 5] / one.dry[0, 5])
        assert f"at a gain of {ratio:.3g}" in loud.notes[-1]


def test_the_tail_sounds_on_and_counts(tmp_path: Path) -> None:
    source = Noises(lengths=(8000,) * 5)
    found = pairs_of(plate(tmp_path), source, tail_seconds=0.5, train_seconds=3.5, snr_db=200).load()
    assert [pair.samples for pair in found.split("train")] == [12_000, 12_000]
    assert not found.pairs[0].dry[:, 8000:].any()
    assert np.abs(found.pairs[0].wet[:, 8000:8100]).max() > 1e-3
    assert np.abs(found.pairs[0].wet[:, 8400:]).max() < 1e-6


def test_a_response_at_another_rate_sounds_the_same(tmp_path: Path) -> None:
    # Band-limited, so that both rates can hold it.
    time = np.arange(1600) / 16_000
    soundfile.write(tmp_path / "slow.wav", 0.1 * np.sin(2 * np.pi * 500 * time) ** 2, 16_000, subtype="FLOAT")
    found = pairs_of(tmp_path / "slow.wav", snr_db=200).load()
    dry = found.pairs[0].dry
    wanted = np.convolve(resample(dry, RATE, 16_000)[0], soundfile.read(tmp_path / "slow.wav")[0])
    wanted = resample(wanted[None, : 2 * dry.shape[1]].astype(np.float32), 16_000, RATE)[0]
    gain = float(found.notes[-1].split("gain of ")[1].split(";")[0])
    error = found.pairs[0].wet[0, 50:-50] - gain * wanted[50:-50]
    assert np.abs(error).max() < 0.02 * np.abs(gain * wanted).max()
    assert found.notes[0] == "slow.wav was resampled from 16000 Hz to 8000 Hz."


def test_of_a_stereo_response_the_first_channel_counts(tmp_path: Path) -> None:
    path = plate(tmp_path, channels=2)
    found = pairs_of(path).load()
    pair = found.split("test")[0]
    clean = np.convolve(pair.dry[0], soundfile.read(path)[0][:, 0])[: pair.samples]
    np.testing.assert_allclose(pair.wet[0], clean, atol=1e-6)
    assert found.notes[0] == "plate.wav has 2 channels; the first is used."


def test_silent_recordings_get_no_noise(tmp_path: Path) -> None:
    found = pairs_of(plate(tmp_path), Noises(silent=frozenset({"train0"}))).load()
    assert not found.pairs[0].wet.any()


@pytest.mark.parametrize("fault", ["missing", "noise", "nan", "silent", "no samples"])
def test_a_response_that_cannot_be_used_is_named(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "plate.wav"
    if fault == "noise":
        path.write_bytes(bytes(range(256)))
    elif fault != "missing":
        sound = {"nan": np.full(100, np.nan), "silent": np.zeros(100), "no samples": np.zeros(0)}[fault]
        soundfile.write(path, sound, RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"plate\.wav"):
        pairs_of(path).load()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"snr_db": -1}, "data.snr_db is -1"),
        ({"snr_db": float("nan")}, "data.snr_db is nan"),
        ({"seed": -1}, "data.seed is -1"),
        ({"tail_seconds": float("inf")}, "data.tail_seconds is inf"),
        ({"train_seconds": 0}, "data.train_seconds is 0"),
        ({"level": Level(jitter_db=1)}, "jitter_db"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        pairs_of(plate(tmp_path), **options)
