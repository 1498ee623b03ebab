"""Filters that are given as gains in frequency bands, short and without more delay than the gains need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import fft
from torch import Tensor

_GRID = 1 << 15


def band_cepstra(centres_hz: Sequence[float], sample_rate: int, taps: int) -> Tensor:
    """Cepstra ``(bands, taps)`` of minimum-phase filters, each with a gain of e at one centre and 1 at the others.

    Between the centres the logarithm of a gain is linear in the logarithm of frequency, beyond them level. Faded out
    towards their ends, they smooth this over frequency, so that no gain lies outside those of the bands.

    Args:
        centres_hz: Rising.
        sample_rate: In Hz.
        taps: Length of the cepstra; they resolve some ``2 sample_rate / taps`` Hz.
    """
    frequencies = fft.rfftfreq(_GRID, 1 / sample_rate).clip(1e-3)
    logarithms = np.log(centres_hz)
    shares = [np.interp(np.log(frequencies), logarithms, one) for one in np.eye(len(centres_hz))]
    cepstra = fft.irfft(np.stack(shares), _GRID)[:, :taps]
    cepstra[:, 1:] *= 2.0
    fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(taps) / taps)
    return torch.from_numpy(cepstra * fade).float()


def minimum_phase(log_gains: Tensor, cepstra: Tensor) -> Tensor:
    """The filters ``(..., taps)`` with gains ``(..., bands)`` given as natural logarithms.

    A filter's cepstrum is linear in the logarithms of its gains. Cut off filters may exceed the largest gain by a
    hair; they are scaled down to it, so that they can stand in a feedback loop.

    Source: Oppenheim and Schafer 2010, "Discrete-time signal processing", section 13.5.
    """
    taps = cepstra.shape[-1]
    spectrum = torch.fft.rfft(log_gains @ cepstra, 4 * taps).exp()
    response = torch.fft.irfft(spectrum, 4 * taps)[..., :taps]
    largest = torch.fft.rfft(response, 4 * taps).abs().amax(-1)
    return response * (log_gains.amax(-1).exp() / largest).clamp(max=1.0).unsqueeze(-1)
