"""Scores of emulations against plain formulas, SciPy and pyloudnorm."""

import numpy as np
import pyloudnorm
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.metrics import emulation
from fxstyle.metrics.emulation import (
    METRICS,
    SettingErrors,
    centroid_difference,
    error_to_signal_ratio,
    level_drift,
    level_in_silence,
    loudness_difference,
    mean_absolute_error,
    recording_scores,
    skill,
    spectral_distance,
)

pytestmark = pytest.mark.unit

RATE = 16_000


def noise(shape: tuple[int, ...], seed: int = 0, level: float = 0.1) -> NDArray[np.float32]:
    return (level * np.random.default_rng([7, seed]).standard_normal(shape)).astype(np.float32)


def batches() -> list[dict[str, Tensor]]:
    """Six batches; every other one, from the first on, never sees setting 2, and none sees 3."""
    made = []
    for index in range(6):
        dry, rest, error = (torch.from_numpy(noise((4, 1, 500), 10 * index + part)) for part in range(3))
        target = 0.5 * dry + 0.3 * rest
        made.append(
            {
                "prediction": target + 0.01 * (index + 1) * error,
                "target": target,
                "dry": dry,
                "setting": torch.tensor([0, 1, 0, 1] if index % 2 == 0 else [2, 1, 0, 2]),
                "mask": torch.from_numpy(noise((4, 500), 100 + index)) > -0.05,
            }
        )
    return made


def measure(selected: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    metric = SettingErrors(4)
    for batch in selected:
        metric.update(**batch)
    return metric.compute()


def test_sums_of_each_setting_against_least_squares() -> None:
    found = measure(batches())
    for setting in range(3):
        chosen = {
            name: np.concatenate(
                [b[name][:, 0][(b["setting"] == setting)[:, None] & b["mask"]].double().numpy() for b in batches()]
            )
            for name in ("prediction", "target", "dry")
        }
        wet, dry, output = chosen["target"], chosen["dry"], chosen["prediction"]
        gain = np.linalg.lstsq(dry[:, None], wet, rcond=None)[0][0]
        esr = np.mean((wet - output) ** 2) / np.mean(wet**2)
        esr_gain = np.mean((wet - gain * dry) ** 2) / np.mean(wet**2)
        expected = {
            "esr": esr,
            "esr_gain": esr_gain,
            "esr_identity": np.mean((wet - dry) ** 2) / np.mean(wet**2),
            "skill": 1 - esr / esr_gain,
            "mae": np.mean(np.abs(wet - output)),
        }
        assert {name: float(values[setting]) for name, values in found.items()} == pytest.approx(expected, rel=1e-9)
    assert all(values[3].isnan() for values in found.values())


def test_the_parts_of_two_ranks_add_up() -> None:
    first, second = SettingErrors(4), SettingErrors(4)
    for index, batch in enumerate(batches()):
        (first if index % 2 == 0 else second).update(**batch)
    first.merge_state(second)
    for name, value in measure(batches()).items():
        torch.testing.assert_close(first.compute()[name], value, equal_nan=True, rtol=1e-12, atol=0)


def test_small_errors_survive_long_sums() -> None:
    target = torch.full((1, 1, 3_000_000), 0.9)
    metric = SettingErrors(1)
    metric.update(target + 2.0**-13, target, target, torch.zeros(1, dtype=torch.long))
    assert float(metric.compute()["esr"]) == pytest.approx((2.0**-13 / 0.9) ** 2, rel=1e-3)


def test_what_the_mask_hides_does_not_count_and_silence_has_no_ratio() -> None:
    sound = torch.from_numpy(noise((1, 1, 100)))
    broken = sound.clone()
    broken[..., 40:] = torch.nan
    mask = torch.zeros(1, 100, dtype=torch.bool)
    mask[:, :40] = True
    metric = SettingErrors(2)
    metric.update(broken, sound, sound, torch.zeros(1, dtype=torch.long), mask)
    metric.update(sound, 0 * sound, sound, torch.ones(1, dtype=torch.long))
    found = metric.compute()
    assert found["esr"][0] == 0
    assert found["esr"][1].isnan()
    assert float(found["mae"][1]) == pytest.approx(float(sound.abs().mean()), rel=1e-6)
    metric.update(broken, sound, sound, torch.zeros(1, dtype=torch.long))
    assert metric.compute()["esr"][0].isnan()


def test_silent_dry_sound_has_no_gain() -> None:
    sound = torch.from_numpy(noise((1, 1, 100)))
    metric = SettingErrors(1)
    metric.update(sound, sound, 0 * sound, torch.zeros(1, dtype=torch.long))
    assert float(metric.compute()["esr_gain"]) == float(metric.compute()["esr_identity"]) == 1


def test_gradients_are_not_kept_and_shapes_are_checked() -> None:
    sound, setting = torch.ones(2, 1, 8, requires_grad=True), torch.zeros(2, dtype=torch.long)
    metric = SettingErrors(1)
    metric.update(sound, sound, sound, setting)
    assert not metric.error.requires_grad
    assert metric.error.dtype == torch.float64
    with pytest.raises(ValueError, match="must be"):
        metric.update(sound, sound[:1], sound, setting)
    with pytest.raises(ValueError, match="must be"):
        metric.update(sound, sound, sound, setting, torch.ones(2, 1, 8))


def test_skill() -> None:
    found = skill(torch.tensor([0.1, 0.0, 0.4, 0.001]), torch.tensor([0.2, 0.2, 0.2, 0.019]))
    torch.testing.assert_close(found, torch.tensor([0.5, 1.0, -1.0, torch.nan]), equal_nan=True)
    assert float(skill(0.01, 0.02)) == 0.5


@settings(deadline=None, max_examples=40)
@given(st.floats(-3, 3), st.floats(1e-3, 10), st.integers(0, 1000))
def test_esr_of_a_gain_and_its_invariance(gain: float, level: float, seed: int) -> None:
    target = noise((2, 300), seed, level)
    assert error_to_signal_ratio(np.float32(gain) * target, target) == pytest.approx((1 - gain) ** 2, abs=1e-6)
    other = noise((2, 300), seed + 1, level)
    assert error_to_signal_ratio(4 * other, 4 * target) == pytest.approx(error_to_signal_ratio(other, target))


def test_scores_of_a_recording() -> None:
    dry, target = noise((2, RATE), 1), noise((2, RATE), 2)
    prediction = 0.5 * target
    found = recording_scores(dry, prediction, target, RATE)
    assert list(found) == list(METRICS)
    assert found["esr"] == pytest.approx(0.25)
    assert found["mae"] == pytest.approx(float(np.abs(target).mean()) / 2, rel=1e-5)
    assert found["lufs"] == pytest.approx(6.0206, abs=1e-3)
    assert found["centroid"] == pytest.approx(0, abs=1e-2)
    assert found["drift"] == pytest.approx(0, abs=1e-2)
    assert np.isnan(found["silence"])
    before, output, wet = (torch.from_numpy(sound) for sound in (dry, prediction, target))
    assert recording_scores(before, output, wet, RATE) == pytest.approx(found, nan_ok=True)
    with pytest.raises(ValueError, match="alike"):
        recording_scores(dry, prediction[:, 1:], target, RATE)


def test_silent_targets_and_predictions() -> None:
    sound = noise((1, RATE))
    assert np.isnan(error_to_signal_ratio(sound, 0 * sound))
    assert error_to_signal_ratio(0 * sound, sound) == 1
    assert np.isnan(centroid_difference(0 * sound, sound, RATE))
    loudness = pyloudnorm.Meter(RATE).integrated_loudness(sound.T)
    assert loudness_difference(0 * sound, sound, RATE) == pytest.approx(-70 - loudness)
    assert loudness_difference(0 * sound, 0 * sound, RATE) == 0


def test_spectral_distance_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    prediction, target = noise((1, 3000), 1), noise((1, 3000), 2)
    whole = MultiResolutionSTFT()
    pieces = [
        float(whole(*(torch.from_numpy(s[None, :, p]) for s in (prediction, target)))[0])
        for p in (slice(0, 2000), slice(2000, 3000))
    ]
    tensors = [torch.from_numpy(s)[None] for s in (prediction, target)]
    assert spectral_distance(prediction, target) == pytest.approx(float(whole(*tensors)[0]))
    monkeypatch.setattr(emulation, "_PIECE_SAMPLES", 2000)
    assert spectral_distance(prediction, target) == pytest.approx((2 * pieces[0] + pieces[1]) / 3)


def test_centroid_of_sines() -> None:
    time = np.arange(RATE, dtype=np.float32) / RATE
    low, high = (np.sin(2 * np.pi * f * time)[None] for f in (500, 2000))
    assert centroid_difference(high, low, RATE) == pytest.approx(1500, abs=20)
    assert centroid_difference(low, high, RATE) == pytest.approx(-1500, abs=20)
    assert mean_absolute_error(low, high) == pytest.approx(float(np.abs(low - high).mean()), rel=1e-5)


def test_drift_is_a_slope_in_db_a_minute() -> None:
    target = noise((1, 8 * RATE))
    seconds = np.arange(8 * RATE) / RATE
    drifting = (target * 10 ** (0.5 * seconds / 20)).astype(np.float32)
    assert level_drift(drifting, target, RATE) == pytest.approx(30, rel=0.01)
    assert level_drift(3 * target, target, RATE) == pytest.approx(0, abs=1e-4)
    target[:, : 3 * RATE] = 0
    assert np.isnan(level_drift(drifting, target, RATE))


def test_level_in_silence_is_that_of_the_prediction_only_there() -> None:
    dry, target = noise((1, RATE)), noise((1, RATE), 1)
    prediction = target.copy()
    dry[:, 4000:], target[:, 8000:] = 0, 0
    prediction[:, 8000:] = 0.01
    assert level_in_silence(dry, prediction, target, RATE) == pytest.approx(-40, abs=1e-4)
    # The 0.1 s after the last sound do not count, all later samples do.
    prediction[:, 8000 : 8000 + RATE // 10 - 1] = 1
    assert level_in_silence(dry, prediction, target, RATE) == pytest.approx(-40, abs=1e-4)
    prediction[:, 8000 + RATE // 10 - 1] = 1
    assert level_in_silence(dry, prediction, target, RATE) > -38
    assert level_in_silence(target, prediction, dry, RATE) > -38
    dry[:] = 1
    assert np.isnan(level_in_silence(dry, prediction, target, RATE))
