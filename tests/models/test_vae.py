from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.models.spectrogram import Spectrogram
from fxstyle.models.vae import Posterior, SpectrogramVAE

pytestmark = pytest.mark.unit

Pooling = Literal["none", "statistics"]
POOLINGS: tuple[Pooling, ...] = ("none", "statistics")


def vae(
    n_fft: int = 256,
    hop: int = 128,
    samples: int = 4096,
    audio_channels: int = 1,
    channels: Sequence[int] = (4, 8),
    latent: int = 6,
    pooling: Pooling = "none",
) -> SpectrogramVAE:
    torch.manual_seed(0)
    return SpectrogramVAE(Spectrogram(n_fft, n_fft, hop, 0.3), samples, audio_channels, channels, latent, pooling)


def noise(batch: int, channels: int, samples: int) -> Tensor:
    return 0.1 * torch.randn(batch, channels, samples, generator=torch.Generator().manual_seed(1))


@settings(deadline=None, max_examples=25)
@given(
    st.integers(8, 40),
    st.integers(9, 40),
    st.integers(1, 2),
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.integers(1, 5),
    st.sampled_from(POOLINGS),
)
def test_any_size_comes_back(
    bins: int, frames: int, audio_channels: int, channels: list[int], latent: int, pooling: Pooling
) -> None:
    """Odd and even sizes, one and two channels."""
    samples = frames * bins + 3
    model = vae(2 * bins, bins, samples, audio_channels, channels, latent, pooling)
    audio = noise(2, audio_channels, samples)
    posterior = model(audio)
    assert posterior.mean.shape == posterior.log_variance.shape == (2, latent)
    decoded = model.decode(posterior.mean)
    assert decoded.shape == model.spectrogram(audio).shape == (2, audio_channels, bins, frames)
    assert torch.isfinite(decoded).all()


@pytest.mark.parametrize("channels", [(1, 1, 1), (8, 8, 8), (4, 8), (8, 16, 32)])
def test_what_is_accepted_listens(channels: tuple[int, ...]) -> None:
    """Where one value is left of each group, normalisation makes it a constant."""
    try:
        model = vae(16, 4, 32, 1, channels)
    except InputError:
        return
    for batch in (1, 2):
        first, second = noise(2 * batch, 1, 32).split(batch)
        assert (model(first).mean - model(second).mean).abs().max() > 1e-3


def test_volume_is_not_encoded() -> None:
    model, audio = vae(), noise(3, 1, 4096)
    torch.testing.assert_close(model(0.05 * audio).mean, model(audio).mean, atol=1e-3, rtol=1e-3)


def test_clips_of_a_batch_do_not_see_each_other() -> None:
    model, audio = vae().train(), noise(4, 1, 4096)
    together = model(audio)
    for item in range(4):
        alone = model(audio[item : item + 1])
        torch.testing.assert_close(alone.mean[0], together.mean[item], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(model.decode(alone.mean)[0], model.decode(together.mean)[item], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_weight_learns(pooling: Pooling) -> None:
    model, audio = vae(pooling=pooling), noise(2, 1, 4096)
    posterior = model(audio)
    latent = posterior.sample(torch.Generator().manual_seed(0))
    loss = (model.decode(latent) - model.spectrogram(audio)).square().mean() + posterior.divergence().sum()
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_it_can_learn_two_sounds_by_heart() -> None:
    model, audio = vae(), noise(2, 1, 4096)
    target = torch.zeros(2, 1, 128, 32)
    target[0, :, :64] = 1.0
    target[1, :, :, :16] = 1.0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        error = (model.decode(model(audio).mean) - target).square().mean()
        error.backward()
        optimizer.step()
    assert error < 0.02


def test_pooling_hears_what_happens_but_not_when() -> None:
    spectrogram = torch.zeros(1, 1, 128, 32)
    spectrogram[..., 40:80, 8:12] = 2.0
    later, other = spectrogram.roll(8, dims=3), spectrogram.roll(16, dims=2)
    here, there, elsewhere = (vae(pooling="statistics").encode(x).mean for x in (spectrogram, later, other))
    torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-4)
    assert (here - elsewhere).abs().max() > 0.01
    assert (vae().encode(spectrogram).mean - vae().encode(later).mean).abs().max() > 0.01


def test_pooling_what_never_changes_has_a_gradient() -> None:
    spectrogram = torch.zeros(1, 1, 128, 32, requires_grad=True)
    vae(pooling="statistics").encode(spectrogram).mean.sum().backward()
    assert torch.isfinite(spectrogram.grad).all()  # type: ignore[arg-type]


def test_a_model_keeps_to_its_clip_length() -> None:
    with pytest.raises(InputError, match="built for clips of 4096 samples, but got 4095"):
        vae()(noise(1, 1, 4095))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent": 0}, "must be positive"),
        ({"pooling": "max"}, "'max' is unknown; choose none or statistics"),
        ({"channels": ()}, "must be positive"),
        ({"channels": (4, 0)}, "must be positive"),
        ({"channels": (4,) * 8}, "8 layers halve a spectrogram of .*128.*32.* to nothing"),
        ({"samples": 100}, "128.* 0.* to nothing"),
    ],
)
def test_impossible_models_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        vae(**options)  # type: ignore[arg-type]


def test_sampling_is_a_function_of_its_generator() -> None:
    posterior = Posterior(torch.zeros(1000, 2), torch.tensor([0.0, 2 * math.log(3.0)]).expand(1000, 2))
    first = posterior.sample(torch.Generator().manual_seed(5))
    assert torch.equal(first, posterior.sample(torch.Generator().manual_seed(5)))
    assert not torch.equal(first, posterior.sample(torch.Generator().manual_seed(6)))
    torch.testing.assert_close(first.std(dim=0), torch.tensor([1.0, 3.0]), rtol=0.1, atol=0)


def test_divergence_agrees_with_torch() -> None:
    mean, log_variance = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(2))
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(Posterior(mean, log_variance).divergence(), expected)
    assert Posterior(torch.zeros(1, 1), torch.zeros(1, 1)).divergence().item() == 0
