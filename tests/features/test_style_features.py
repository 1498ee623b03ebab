from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.features.style_features import FEATURES, GROUPS, style_features
from fxstyle.losses.style import WEIGHTS, StyleDistance

pytestmark = pytest.mark.unit

RATE = 24000


def group(features: Tensor, name: str) -> Tensor:
    first = 0
    for other, count in GROUPS:
        if other == name:
            return features[:, first : first + count]
        first += count
    raise KeyError(name)


def noise(seconds: float = 1.5, channels: int = 1, rate: int = RATE, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn((1, channels, round(seconds * rate)), generator=generator)


def test_no_item_depends_on_another() -> None:
    sounds = torch.cat([noise(seed=seed) * (1 + seed) for seed in range(3)])
    together = style_features(sounds, RATE)
    assert together.shape == (3, FEATURES)
    for item in range(3):
        assert torch.allclose(style_features(sounds[item : item + 1], RATE)[0], together[item], atol=1e-4)


@pytest.mark.parametrize("samples", [1, 700, RATE])
@pytest.mark.parametrize("channels", [1, 2])
def test_silence_and_short_sounds_are_finite(samples: int, channels: int) -> None:
    for sound in (torch.zeros(1, channels, samples), torch.ones(1, channels, samples)):
        assert style_features(sound, RATE).isfinite().all()


def test_a_gain_moves_levels_and_nothing_else() -> None:
    quiet, loud = style_features(noise(), RATE), style_features(noise() * 2, RATE)
    moved = loud - quiet
    step = 20 * math.log10(2)
    assert torch.allclose(group(moved, "spectrum"), torch.full((1, 40), step / 3), atol=0.02)
    assert torch.allclose(group(moved, "level"), torch.tensor([[step / 2, step / 2, 0.0]]), atol=0.01)
    for name in ("variation", "shape", "dynamics", "modulation", "echo", "comb"):
        assert group(moved, name).abs().max() < 0.1, name


def test_an_echo_shows_at_its_lag() -> None:
    clicks = torch.zeros(1, 1, 4 * RATE)
    generator = torch.Generator().manual_seed(1)
    for start in torch.randint(0, 3 * RATE, (7,), generator=generator).tolist():
        clicks[0, 0, start : start + 600] += 0.5 * torch.randn(600, generator=generator)
    echoed = clicks + 0.8 * torch.roll(clicks, round(0.3 * RATE), dims=2)
    moved = group(style_features(echoed, RATE) - style_features(clicks, RATE), "echo")[0]
    place = int(moved.argmax())
    low = 0.01 * 100 ** (place / 24)
    assert low * 0.95 < 0.3 < low * 100 ** (1 / 24) * 1.05
    assert moved[place] > 1


def test_a_comb_shows_in_the_cepstrum() -> None:
    plain = noise()
    comb = plain + 0.8 * torch.roll(plain, round(0.005 * RATE), dims=2)
    moved = group(style_features(comb, RATE) - style_features(plain, RATE), "comb")[0]
    place = int(moved.argmax())
    low = 0.00025 * 80 ** (place / 24)
    assert low * 0.95 < 0.005 < low * 80 ** (1 / 24) * 1.05
    assert moved[place] > 1


def test_a_tremolo_shows_at_its_rate() -> None:
    time = torch.arange(3 * RATE) / RATE
    plain = noise(3.0)
    tremolo = plain * (1 + 0.7 * torch.sin(2 * math.pi * 5.5 * time))
    moved = group(style_features(tremolo, RATE) - style_features(plain, RATE), "modulation")[0][:7]
    assert int(moved.argmax()) == 3  # 4 to 8 Hz
    assert moved[3] > 2


def test_a_lowpass_darkens() -> None:
    dark = torch.nn.functional.avg_pool1d(noise(), 9, 1, padding=4)
    moved = style_features(dark, RATE) - style_features(noise(), RATE)
    assert group(moved, "shape")[0, 0] < -1
    assert group(moved, "spectrum")[0, -1] < -2


def test_sample_rates_agree_below_their_bandwidth() -> None:
    features = []
    for rate in (16000, 44100):
        time = torch.arange(2 * rate) / rate
        tones = [0.2 / n * torch.sin(2 * math.pi * 110 * n * time) for n in range(1, 30)]
        features.append(style_features(sum(tones)[None, None] * torch.exp(-3 * (time % 0.5)), rate, 8000))
    assert StyleDistance()(*features) < 0.5


def test_bands_above_the_highest_frequency_do_not_count() -> None:
    bright, dark = noise(), torch.nn.functional.avg_pool1d(noise(), 9, 1, padding=4)
    limited = style_features(bright, RATE, 1000.0) - style_features(dark, RATE, 1000.0)
    assert group(limited, "spectrum")[0, 20:].abs().max() < 1e-6
    assert group(limited, "variation")[0, 20:].abs().max() < 1e-6


def test_width_sees_the_sides() -> None:
    mono = noise().expand(1, 2, -1)
    wide = noise(channels=2)
    assert group(style_features(mono, RATE), "width")[0, 1] > 9
    assert group(style_features(wide, RATE), "width")[0, 1].abs() < 1
    assert torch.equal(group(style_features(noise(), RATE), "width"), torch.zeros(1, 2))


def test_the_distance_is_a_weighted_mean() -> None:
    features = torch.zeros(1, FEATURES)
    features[:, :40] = 2.0
    share = WEIGHTS["spectrum"] / sum(WEIGHTS.values())
    assert float(StyleDistance()(features, torch.zeros(1, FEATURES))) == pytest.approx(2.0 * share)
    only = {name: 0.0 for name, _ in GROUPS} | {"spectrum": 3.0}
    assert float(StyleDistance(only)(features, torch.zeros(1, FEATURES))) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("weights", "words"), [({"pitch": 1.0}, "'pitch' is no group"), ({name: 0.0 for name, _ in GROUPS}, "not all 0")]
)
def test_odd_weights_are_refused(weights: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        StyleDistance(weights)
