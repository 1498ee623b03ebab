"""How a model of an effect with an LFO is scored on a recording that does not say where the LFO stood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.models.emulator import Emulator

Floats = NDArray[np.float32]

_COARSE, _ROUNDS = 48, 4
FIR_TAPS = 512


@dataclass(frozen=True)
class HalfScore:
    """Error-to-signal ratios on the second half of a recording; each arm's gain was fitted on the first.

    Attributes:
        model: Of the model, with its LFO's phase fitted on the first half too.
        gain_only: Of the dry sound.
        fir: Of the dry sound through the linear filter given; ``nan`` without one.
        seconds: Time since the reset that was fitted, in s.
        gain: The model's output gain that was fitted.
    """

    model: float
    gain_only: float
    fir: float
    seconds: float
    gain: float

    @property
    def skill(self) -> float:
        """1 where the model is exact, 0 where it is no better than a gain."""
        return 1.0 - self.model / self.gain_only


@torch.no_grad()
def fit_phase_and_gain(
    model: Emulator, dry: Floats, wet: Floats, condition: Tensor | None, rate_hz: float, sample_rate: int
) -> tuple[float, float]:
    """The time since the reset and the output gain with which a model comes nearest to a recording.

    A grid over one period of the LFO, then ever finer ones around the best.

    Args:
        model: Takes ``seconds``.
        dry: ``(1, samples)``.
        wet: ``(1, samples)``.
        condition: ``(conditions,)`` or ``None``.
        rate_hz: Rate of the model's LFO in Hz: other times since the reset are tried within one period.
        sample_rate: In Hz; phases are told apart to a sixteenth of a sample or a millionth of a period.

    Returns:
        Seconds since the reset and gain.
    """
    period = 1.0 / rate_hz
    centre, width = 0.5 * period, period
    gain = 1.0
    for _ in range(_ROUNDS):
        tried = centre + width * (np.arange(_COARSE) / _COARSE - 0.5)
        # The reset lies before the recording.
        tried = np.where(tried < 0.0, tried + period, tried)
        errors, gains = [], []
        for seconds in tried:
            heard = play(model, dry, condition, float(seconds))
            gains.append(best_gain(heard, wet))
            errors.append(float(np.square(wet - gains[-1] * heard).sum()))
        best = int(np.argmin(errors))
        centre, gain = float(tried[best]), gains[best]
        width *= 4.0 / _COARSE
        if width < 1.0 / (16.0 * sample_rate):
            break
    return centre % period, gain


def score_second_half(
    model: Emulator,
    dry: Floats,
    wet: Floats,
    condition: Tensor | None,
    rate_hz: float,
    sample_rate: int,
    filter_taps: NDArray[np.float64] | None = None,
) -> HalfScore:
    """Fit the LFO's phase and one gain on the first half of a recording and score the second; see the arguments above.

    Args:
        model: Takes ``seconds``.
        dry: ``(1, samples)``.
        wet: ``(1, samples)``.
        condition: ``(conditions,)`` or ``None``.
        rate_hz: Rate of the model's LFO in Hz.
        sample_rate: In Hz.
        filter_taps: A linear baseline from training pairs, ``(taps,)``; it gets a gain from the first half as well.
    """
    half = dry.shape[-1] // 2
    seconds, gain = fit_phase_and_gain(model, dry[:, :half], wet[:, :half], condition, rate_hz, sample_rate)
    heard = gain * play(model, dry, condition, seconds)
    alone = best_gain(dry[:, :half], wet[:, :half]) * dry
    linear = float("nan")
    if filter_taps is not None:
        filtered = np.convolve(dry[0], filter_taps)[None, : dry.shape[-1]]
        filtered = best_gain(filtered[:, :half], wet[:, :half]) * filtered
        linear = _ratio(filtered[:, half:], wet[:, half:])
    return HalfScore(
        _ratio(heard[:, half:], wet[:, half:]), _ratio(alone[:, half:], wet[:, half:]), linear, seconds, gain
    )


@torch.no_grad()
def play(model: Emulator, dry: Floats, condition: Tensor | None, seconds: float) -> Floats:
    """What a model makes of ``dry`` ``(1, samples)`` so many seconds after its reset, of the same shape."""
    device = model.device
    since = torch.tensor([seconds], dtype=torch.float64, device=device)
    told = None if condition is None or not len(condition) else condition[None].to(device)
    return model(torch.from_numpy(dry)[None].to(device), told, since)[0].cpu().numpy()


def best_gain(heard: NDArray, wet: NDArray) -> float:
    """The gain by which ``heard`` comes nearest to ``wet``."""
    energy = float(np.square(heard, dtype=np.float64).sum())
    return float(np.multiply(heard, wet, dtype=np.float64).sum()) / energy if energy > 0.0 else 0.0


def _ratio(prediction: NDArray, target: NDArray) -> float:
    energy = float(np.square(target, dtype=np.float64).sum())
    return float(np.square(target - prediction, dtype=np.float64).sum()) / energy if energy > 0.0 else float("nan")
