from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal.windows import hann
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.losses.spectral import MultiResolutionSTFT

pytestmark = pytest.mark.unit

SIZES = (32, 512, 2048)


def clips(batch: int, channels: int = 1, samples: int = 3000, seed: int = 0) -> Tensor:
    rng = np.random.default_rng([seed, batch])
    return torch.from_numpy((0.1 * rng.standard_normal((batch, channels, samples))).astype(np.float32))


def magnitudes(audio: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Frame by frame, of one channel."""
    padded = np.pad(audio, size // 2)
    starts = range(0, len(audio) + 1, size // 2)
    frames = [padded[start : start + size] * hann(size, sym=False) for start in starts]
    return np.maximum(np.abs(np.fft.rfft(frames)), 1e-4)


def reference(prediction: Tensor, target: Tensor, linear: float = 1.0, log: float = 1.0) -> float:
    """The distance of one item, written out."""
    pair = [audio.double().numpy() for audio in (prediction, target)]
    if len(prediction) == 2:
        pair = [np.stack([audio[0] + audio[1], audio[0] - audio[1]]) / 2 for audio in pair]
    distances = []
    for size in SIZES:
        for channel in zip(*pair, strict=True):
            first, second = (magnitudes(audio, size) for audio in channel)
            distances.append(
                linear * np.abs(first - second).mean() + log * np.abs(np.log(first) - np.log(second)).mean()
            )
    return float(np.mean(distances))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("linear", "log"), [(1.0, 1.0), (0.5, 0.0), (0.0, 2.0)])
def test_against_a_reference(channels: int, linear: float, log: float) -> None:
    prediction, target = clips(2, channels), 0.3 * clips(2, channels, seed=1)
    target[1, :, 1000:] = 0.0
    got = MultiResolutionSTFT(SIZES, linear, log)(prediction, target)
    expected = [reference(*pair, linear, log) for pair in zip(prediction, target, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=2e-4)


def test_items_do_not_depend_on_each_other() -> None:
    loss, prediction, target = MultiResolutionSTFT(SIZES), clips(70, samples=5000), clips(70, samples=5000, seed=1)
    together = loss(prediction, target)
    torch.testing.assert_close(together[3:5], loss(prediction[3:5], target[3:5]), rtol=1e-5, atol=0)
    torch.testing.assert_close(together.flip(0), loss(prediction.flip(0), target.flip(0)), rtol=1e-5, atol=0)


@pytest.mark.parametrize("batch", [3, 70])
def test_one_target_serves_all_predictions_and_its_spectra_are_computed_once(batch: int) -> None:
    loss, prediction, target = MultiResolutionSTFT(SIZES), clips(batch, samples=5000), clips(1, samples=5000, seed=1)
    expected = loss(prediction, target.expand(batch, -1, -1).contiguous())
    torch.testing.assert_close(loss(prediction, target), expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(loss(prediction, loss.spectra(target)), expected, rtol=1e-5, atol=0)


def test_the_same_with_and_without_a_gradient() -> None:
    loss, prediction, target = MultiResolutionSTFT(SIZES), clips(5), clips(5, seed=1)
    without = loss(prediction, target)
    torch.testing.assert_close(loss(prediction.requires_grad_(), target).detach(), without, rtol=1e-6, atol=0)


@pytest.mark.parametrize("targets", [1, 3])
def test_candidates_are_judged_by_their_items_target(targets: int) -> None:
    loss, target = MultiResolutionSTFT(SIZES), clips(targets, 2, seed=1)
    predictions = torch.stack([clips(3, 2), 0.5 * clips(3, 2)], dim=1)
    expected = torch.stack([loss(predictions[:, place], target) for place in range(2)], dim=1)
    torch.testing.assert_close(loss.candidates(predictions, target), expected)
    torch.testing.assert_close(loss.candidates(predictions, loss.spectra(target)), expected)


@pytest.mark.parametrize("channels", [1, 2])
def test_gradient_is_the_slope_of_the_reference(channels: int) -> None:
    prediction, target, direction = clips(1, channels), clips(1, channels, seed=1), clips(1, channels, seed=2)
    moved = prediction.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(MultiResolutionSTFT(SIZES)(moved, target).sum(), moved)
    step = 1e-6 * direction.double()
    ahead, behind = (reference((prediction.double() + way * step)[0], target[0]) for way in (1, -1))
    assert float((gradient * direction).sum()) == pytest.approx((ahead - behind) / 2e-6, rel=1e-3)


def test_equal_sound_is_at_distance_zero() -> None:
    assert MultiResolutionSTFT(SIZES)(clips(2, 2), clips(2, 2)).tolist() == [0.0, 0.0]


def test_stereo_counts_as_mid_and_side() -> None:
    loss, prediction, target = MultiResolutionSTFT(SIZES), clips(2), clips(2, seed=1)
    # No side in either: half of the channels are equal.
    twice = loss(prediction.expand(-1, 2, -1), target.expand(-1, 2, -1))
    torch.testing.assert_close(twice, loss(prediction, target) / 2)


def test_clip_shorter_than_the_window_is_padded_with_silence() -> None:
    prediction, target = clips(1, samples=700), clips(1, samples=700, seed=1)
    got = MultiResolutionSTFT(SIZES)(prediction, target)
    np.testing.assert_allclose(got, [reference(prediction[0], target[0])], rtol=2e-4)


@pytest.mark.parametrize("silent", [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
def test_silence_has_a_finite_loss_and_gradient(silent: tuple[float, float]) -> None:
    prediction = (silent[0] * clips(2, 2)).requires_grad_()
    distance = MultiResolutionSTFT(SIZES)(prediction, silent[1] * clips(2, 2, seed=1))
    distance.sum().backward()
    assert torch.isfinite(distance).all()
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()
    assert bool(prediction.grad.any()) == bool(silent[0])  # below the floor nothing has a slope


def test_autocast_does_not_reach_it() -> None:
    loss, prediction, target = MultiResolutionSTFT(SIZES), clips(2), clips(2, seed=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(prediction, target)
        halved = loss(prediction.bfloat16(), target.bfloat16())
    assert inside.dtype == halved.dtype == torch.float32
    assert torch.equal(inside, loss(prediction, target))


@pytest.mark.parametrize(("batch", "channels", "samples"), [(2, 1, 3000), (3, 2, 3000), (3, 1, 2000)])
def test_sounds_that_do_not_fit_are_refused(batch: int, channels: int, samples: int) -> None:
    with pytest.raises(ValueError, match="does not fit a target"):
        MultiResolutionSTFT(SIZES)(clips(3), clips(batch, channels, samples))


@pytest.mark.parametrize("options", [{"fft_sizes": ()}, {"fft_sizes": (33,)}, {"linear": -1}, {"linear": 0, "log": 0}])
def test_impossible_settings_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"loss\."):
        MultiResolutionSTFT(**options)  # type: ignore[arg-type]


def test_frequencies_above_the_bandwidth_do_not_count() -> None:
    one, other = torch.randn((2, 1, 1, 4096), generator=torch.Generator().manual_seed(0)) * 0.1
    whole, half = MultiResolutionSTFT((512,)), MultiResolutionSTFT((512,), bandwidth=0.5)
    first, second = (whole.spectra(sound)[0][..., :128] for sound in (one, other))
    wanted = (first - second).abs().mean() + (first.log() - second.log()).abs().mean()
    assert float(half(one, other)) == pytest.approx(float(wanted), rel=1e-5)
    assert half.spectra(one)[0].shape[-1] == 128
    assert float(whole(one, other)) != pytest.approx(float(wanted), rel=1e-3)
    with pytest.raises(InputError, match=r"loss\.bandwidth"):
        MultiResolutionSTFT(bandwidth=0.0)
