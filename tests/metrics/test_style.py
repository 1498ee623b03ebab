from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import get_window

from fxstyle.audio.levels import loudness_lufs
from fxstyle.features.style import mfcc_statistics
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.metrics.style import METRICS, StyleScores, crest_factor_db, level_db, mel_levels_db, spectral_centroid

pytestmark = pytest.mark.unit

RATE = 24000


def sine(hz: float, amplitude: float = 0.5, samples: int = 24000) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / RATE)).astype(np.float32)[None]


def noise(seed: int, channels: int = 1) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, 24000))).astype(np.float32)


def test_levels_of_a_sine() -> None:
    assert level_db(sine(1000)) == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1e-3)
    assert crest_factor_db(sine(1000)) == pytest.approx(3.0103, abs=1e-3)


@pytest.mark.parametrize("hz", [375.0, 3000.0, 9000.0])
def test_the_centroid_of_a_sine_is_its_frequency(hz: float) -> None:
    assert spectral_centroid(sine(hz), RATE) == pytest.approx(hz, rel=0.02)


def test_the_centroid_does_not_mind_pauses_and_level() -> None:
    tone = sine(3000)
    paused = np.concatenate([tone * 0.1, np.zeros_like(tone)], axis=1)
    assert spectral_centroid(paused, RATE) == pytest.approx(spectral_centroid(tone, RATE), rel=0.01)


def test_mel_levels_of_white_noise_are_even() -> None:
    window = get_window("hann", 2048)
    expected = 10 * np.log10(0.01 * np.sum(window**2) / (window.sum() / 2) ** 2)
    levels = 10 * np.log10(np.mean(10 ** (mel_levels_db(noise(7), RATE) / 10), axis=0))
    assert np.median(levels) == pytest.approx(expected, abs=0.5)
    assert np.median(levels[90:]) == pytest.approx(expected, abs=0.5)
    assert (mel_levels_db(np.zeros((1, 4096), np.float32), RATE) == -100).all()


def test_scores_equal_what_they_are_made_of() -> None:
    prediction, target = noise(0, 2), 0.3 * noise(1, 2)
    scores = StyleScores(target, RATE).score(prediction)
    assert list(scores) == list(METRICS)
    spectral = MultiResolutionSTFT()(torch.from_numpy(prediction)[None], torch.from_numpy(target)[None])
    cepstra = [mfcc_statistics(sound.mean(axis=0)[None], RATE)[0] for sound in (prediction, target)]
    assert scores["mrstft"] == pytest.approx(float(spectral), rel=1e-6)
    assert scores["mel"] == pytest.approx(
        np.mean(np.abs(mel_levels_db(prediction, RATE) - mel_levels_db(target, RATE)))
    )
    assert scores["lufs"] == pytest.approx(abs(loudness_lufs(prediction, RATE) - loudness_lufs(target, RATE)))
    assert scores["mfcc"] == pytest.approx(np.sqrt(np.mean((cepstra[0] - cepstra[1]) ** 2)))
    assert scores["centroid"] == pytest.approx(
        abs(spectral_centroid(prediction, RATE) - spectral_centroid(target, RATE))
    )


def test_a_gain_is_measured_in_db() -> None:
    scores = StyleScores(noise(2), RATE).score(noise(2) / 2)
    assert {name: round(scores[name], 2) for name in ("rms", "lufs", "crest", "centroid")} == {
        "rms": 6.02,
        "lufs": 6.02,
        "crest": 0.0,
        "centroid": 0.0,
    }
    assert scores["mel"] == pytest.approx(6.02, abs=0.05)


def test_the_target_itself_scores_zero_and_silence_lacks_what_it_lacks() -> None:
    scorer = StyleScores(noise(3), RATE)
    assert all(value == pytest.approx(0.0, abs=1e-9) for value in scorer.score(noise(3)).values())
    silence = scorer.score(np.zeros((1, 24000), np.float32))
    assert {name for name, value in silence.items() if np.isnan(value)} == {"centroid", "crest", "lufs"}
    assert silence["rms"] > 50
