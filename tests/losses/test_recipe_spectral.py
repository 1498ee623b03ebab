"""The recipes' spectral distance; its value is held against theirs in ``test_emulation``."""

from __future__ import annotations

import pytest
import torch

from fxstyle.errors import InputError
from fxstyle.losses.recipe_spectral import ConvergenceSTFT

pytestmark = pytest.mark.unit


def test_it_mirrors_as_pytorch_does() -> None:
    audio = torch.randn(2, 1, 2000, generator=torch.Generator().manual_seed(0))
    distance = ConvergenceSTFT()
    spectrum = torch.stft(audio[:, 0], 512, 50, 240, torch.hann_window(240), return_complex=True)
    torch.testing.assert_close(distance._magnitude(audio, 512, 50, 240), spectrum.abs(), atol=1e-4, rtol=1e-4)


def test_gradients_reach_the_prediction_only_and_silence_is_finite() -> None:
    prediction, target = torch.randn(2, 1, 1100, requires_grad=True), torch.zeros(2, 1, 1100, requires_grad=True)
    ConvergenceSTFT()(prediction, target).backward()
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()
    assert prediction.grad.any()
    assert target.grad is None
    silence = torch.zeros(1, 1, 1100, requires_grad=True)
    assert float(ConvergenceSTFT()(silence, silence).detach()) == 0


def test_what_is_too_short_to_be_mirrored_is_refused() -> None:
    with pytest.raises(InputError, match="more than 1024 samples, not 1024"):
        ConvergenceSTFT()(torch.zeros(1, 1, 1024), torch.zeros(1, 1, 1024))
