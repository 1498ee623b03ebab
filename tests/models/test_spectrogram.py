from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import get_window
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.models.spectrogram import Spectrogram

pytestmark = pytest.mark.unit

SMALL = Spectrogram(512, 512, 128, 0.3)


def noise(batch: int = 2, channels: int = 1, samples: int = 4096, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(batch, channels, samples, generator=generator)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([256, 510, 1024]), st.integers(1, 4), st.integers(1, 2), st.integers(300, 5000))
def test_shapes(n_fft: int, parts: int, channels: int, samples: int) -> None:
    front = Spectrogram(n_fft, n_fft, n_fft // (2 * parts), 0.3)
    result = front(noise(3, channels, samples))
    assert result.shape == (3, channels, front.bins, front.frames(samples))
    assert front.bins == n_fft // 2
    assert torch.isfinite(result).all()


def test_each_clip_is_normalised_by_itself() -> None:
    audio = noise(4, 2)
    result = SMALL(audio)
    torch.testing.assert_close(result.mean(dim=(1, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.var(dim=(1, 2, 3)), torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(SMALL(audio[2:3]), result[2:3])


@settings(deadline=None, max_examples=20)
@given(st.floats(-40, 40))
def test_volume_is_not_encoded(gain_db: float) -> None:
    audio = noise(2, 2)
    torch.testing.assert_close(SMALL(audio * 10 ** (gain_db / 20)), SMALL(audio), atol=1e-3, rtol=1e-3)


def test_silence_is_finite() -> None:
    assert not SMALL(torch.zeros(1, 1, 4096)).abs().max() > 1e-3
    audio = torch.zeros(1, 1, 4096, requires_grad=True)
    SMALL(audio).sum().backward()
    assert torch.isfinite(audio.grad).all()  # type: ignore[arg-type]


def test_transform_agrees_with_numpy() -> None:
    front = Spectrogram(512, 400, 100, 1.0)
    audio = noise(1, 1, 2000)
    window = np.pad(get_window("hann", 400), 56)
    padded = np.pad(audio[0, 0].numpy().astype(np.float64), 256)
    frames = [np.fft.rfft(window * padded[start : start + 512])[:-1] for start in range(0, 2000, 100)]
    np.testing.assert_allclose(front.transform(audio)[0, 0].numpy(), np.array(frames).T, atol=1e-5)


def test_a_tone_peaks_in_its_bin() -> None:
    audio = torch.sin(2 * torch.pi * 40 / 512 * torch.arange(4096))[None, None]
    assert (SMALL(audio)[0, 0, :, 4:-4].argmax(dim=0) == 40).all()


def test_stereo_is_mid_and_side() -> None:
    audio = noise(2, 2)
    spectrum = SMALL.transform(audio)
    mid = SMALL.transform((audio[:, :1] + audio[:, 1:]) / 2)
    side = SMALL.transform((audio[:, :1] - audio[:, 1:]) / 2)
    torch.testing.assert_close(spectrum, torch.cat([mid, side], dim=1))
    both = SMALL.transform(audio[:, :1].expand(-1, 2, -1))
    assert both[:, 1].abs().max() == 0


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [4096, 5001])
def test_a_spectrogram_of_the_sound_itself_gives_the_sound_back(channels: int, samples: int) -> None:
    audio = noise(2, channels, samples)
    again = SMALL.to_audio(SMALL(audio), audio)
    assert again.shape == audio.shape
    # The last frames are not part of the spectrogram.
    inner = slice(0, samples - 512)
    error = (again - audio)[..., inner].square().sum() / audio[..., inner].square().sum()
    assert error < 0.01
    whole = (again - audio).square().sum() / audio.square().sum()
    assert whole < 0.1


def test_the_sides_do_not_swap() -> None:
    audio = noise(1, 2)
    audio[:, 1] *= 0.1
    again = SMALL.to_audio(SMALL(audio), audio)
    assert again[:, 0].square().mean() > 50 * again[:, 1].square().mean()


def test_another_spectrogram_gives_another_sound_at_the_same_level() -> None:
    dull, bright = noise(1, 1), noise(1, 1, seed=1)
    dull = torch.nn.functional.avg_pool1d(dull, 8, 1, 4)[..., :4096]
    heard = SMALL.to_audio(SMALL(bright), dull)
    assert SMALL(heard)[..., 128:, :].mean() > SMALL(dull)[..., 128:, :].mean() + 0.3


@pytest.mark.parametrize("window", [2048, 1500])
@pytest.mark.parametrize("hop", [1499, 1024, 750, 512])
@pytest.mark.parametrize("rest", [0, -1])
def test_what_is_accepted_can_be_heard(window: int, hop: int, rest: int) -> None:
    """A hop that the window does not cover cannot be turned back into sound, nor an end that it does not reach."""
    try:
        front = Spectrogram(2048, window, hop, 0.3)
    except InputError:
        return
    audio = noise(1, 1, 6 * hop + rest)
    again = front.to_audio(front(audio), audio)
    assert torch.isfinite(again).all()
    assert again.abs().max() < 2 * audio.abs().max()


def test_half_precision_does_not_reach_the_transform() -> None:
    audio = noise()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(SMALL(audio.bfloat16()).float(), SMALL(audio.bfloat16().float()), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((512, 1024, 128, 0.3), "window <= n_fft"),
        ((512, 512, 0, 0.3), "hop=0"),
        ((512, 256, 300, 0.3), "hop=300"),
        ((511, 511, 128, 0.3), "even n_fft"),
        ((512, 512, 128, 0.0), "exponent"),
        ((512, 512, 128, 1.5), "exponent"),
    ],
)
def test_impossible_settings_are_refused(options: tuple[int, int, int, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Spectrogram(*options)
