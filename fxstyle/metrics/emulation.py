"""How near a model is to the effect that it emulates: sums for each setting, and scores of whole recordings."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from torch import Tensor
from torchmetrics import Metric

from fxstyle.audio.levels import from_db, loudness_lufs
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.metrics.style import level_db, spectral_centroid

Sound = NDArray[np.float32] | Tensor
"""``(channels, samples)``, on any device."""

METRICS: dict[str, str] = {
    "esr": "error-to-signal ratio",
    "mae": "mean absolute error",
    "mrstft": "multi-resolution spectral distance",
    "lufs": "loudness error (LU)",
    "centroid": "spectral centroid error (Hz)",
    "drift": "drift of the level (dB a minute)",
    "silence": "level in silence (dBFS)",
}
"""What :func:`recording_scores` measures; the first one is the headline."""

SKILL_FLOOR = 0.02
"""Where the best fixed gain comes nearer than this ESR, the effect is next to none and skill has no meaning."""

_ABSOLUTE_GATE_LUFS = -70.0
_SILENCE_DB = -80.0
_SETTLE_SECONDS = 0.1
_PIECE_SAMPLES = 1 << 21


class SettingErrors(Metric):
    """ESR and mean absolute error for each setting, with the ESR of two baselines, from sums over all samples.

    Every value is a ratio of sums over all recordings of a setting, so that neither the batches nor the ranks matter
    and silent stretches do no harm.

    Args:
        num_settings: Number of settings; they are numbered from 0.
    """

    full_state_update = False
    error: Tensor
    target: Tensor
    absolute: Tensor
    samples: Tensor
    dry: Tensor
    product: Tensor

    def __init__(self, num_settings: int) -> None:
        super().__init__()
        for name in ("error", "target", "absolute", "samples", "dry", "product"):
            self.add_state(name, torch.zeros(num_settings, dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self, prediction: Tensor, target: Tensor, dry: Tensor, setting: Tensor, mask: Tensor | None = None
    ) -> None:
        """Add sounds.

        Args:
            prediction: Output of the model ``(batch, channels, samples)``.
            target: Wet sound of the same shape.
            dry: Dry sound of the same shape.
            setting: ``(batch,)``, integers from 0 to ``num_settings - 1``.
            mask: ``(batch, samples)``, which samples count; all without it.

        Raises:
            ValueError: Shapes that do not fit.
        """
        batch, _, length = prediction.shape
        fits = target.shape == prediction.shape == dry.shape and setting.shape == (batch,)
        if not fits or (mask is not None and mask.shape != (batch, length)):
            raise ValueError(
                f"prediction, target and dry must be (batch, channels, samples), setting (batch,) and mask "
                f"(batch, samples), not {[tuple(sound.shape) for sound in (prediction, target, dry)]}, "
                f"{tuple(setting.shape)} and {None if mask is None else tuple(mask.shape)}"
            )
        counts = torch.ones_like(target[:, :1], dtype=torch.bool) if mask is None else mask.bool()[:, None]
        sounds = (sound.to(torch.float64) for sound in (prediction, target, dry))
        output, wet, before = (torch.where(counts, sound, 0.0) for sound in sounds)
        difference = output - wet
        sums = {
            "error": _energy(difference),
            "target": _energy(wet),
            "absolute": difference.abs().sum(dim=(1, 2)),
            "samples": counts.expand_as(wet).sum(dim=(1, 2)),
            "dry": _energy(before),
            "product": (before * wet).sum(dim=(1, 2)),
        }
        for name, values in sums.items():
            state = getattr(self, name)
            setattr(self, name, state.index_add(0, setting, values.to(state)))

    def compute(self) -> dict[str, Tensor]:
        """Values of each setting ``(num_settings,)``; ``nan`` for a setting whose target is silent or was not seen.

        Returns:
            ``esr``; ``esr_gain``, that of the dry sound with the best fixed gain for exactly these sounds;
            ``esr_identity``, that of the dry sound; ``skill`` against the gain; ``mae``.
        """
        wet = torch.where(self.target > 0, self.target, torch.nan)
        fitted = torch.where(self.dry > 0, self.product.square() / self.dry, 0.0)
        esr = self.error / wet
        esr_gain = (1 - fitted / wet).clamp(min=0)
        return {
            "esr": esr,
            "esr_gain": esr_gain,
            "esr_identity": ((self.dry - 2 * self.product + wet) / wet).clamp(min=0),
            "skill": skill(esr, esr_gain),
            "mae": self.absolute / self.samples,
        }


def skill(esr: Tensor | float, esr_gain: Tensor | float) -> Tensor:
    """``1 - ESR / ESR(gain)``: 1 for a perfect model, 0 for one no better than the best fixed gain.

    Args:
        esr: Error-to-signal ratio of the model, any shape.
        esr_gain: That of the dry sound with the best fixed gain.

    Returns:
        Of the same shape; ``nan`` where the gain's is below :data:`SKILL_FLOOR`.
    """
    model, gain = torch.as_tensor(esr), torch.as_tensor(esr_gain)
    return torch.where(gain >= SKILL_FLOOR, 1 - model / gain, torch.nan)


def error_to_signal_ratio(prediction: Sound, target: Sound) -> float:
    """Energy of the error over that of the target, both over the whole recording; ``nan`` for a silent target."""
    output, wet = _samples(prediction).astype(np.float64), _samples(target).astype(np.float64)
    energy = float(np.vdot(wet, wet))
    difference = output - wet
    return float(np.vdot(difference, difference)) / energy if energy > 0 else float("nan")


def mean_absolute_error(prediction: Sound, target: Sound) -> float:
    """Mean over channels and samples of the absolute difference; ``nan`` for no samples."""
    difference = _samples(prediction).astype(np.float64) - _samples(target)
    return float(np.abs(difference).mean()) if difference.size else float("nan")


def spectral_distance(prediction: Sound, target: Sound) -> float:
    """Multi-resolution STFT distance with all six sizes of the FFT.

    Recordings of more than 2,097,152 samples are measured in pieces of that length, to save memory; pieces count by
    their length.
    """
    output, wet = (torch.from_numpy(_samples(sound))[None] for sound in (prediction, target))
    total = 0.0
    with torch.inference_mode():
        for start in range(0, output.shape[-1], _PIECE_SAMPLES):
            piece = output[..., start : start + _PIECE_SAMPLES]
            total += float(_distance()(piece, wet[..., start : start + _PIECE_SAMPLES])[0]) * piece.shape[-1]
    return total / output.shape[-1]


def loudness_difference(prediction: Sound, target: Sound, sample_rate: int) -> float:
    """Loudness of the prediction minus that of the target in LU; below -70 LUFS, the gate, nothing is measured."""
    output, wet = (
        max(loudness_lufs(_samples(sound), sample_rate), _ABSOLUTE_GATE_LUFS) for sound in (prediction, target)
    )
    return output - wet


def centroid_difference(prediction: Sound, target: Sound, sample_rate: int) -> float:
    """Spectral centroid of the prediction minus that of the target in Hz; ``nan`` where one of them is silent."""
    return spectral_centroid(_samples(prediction), sample_rate) - spectral_centroid(_samples(target), sample_rate)


def level_drift(prediction: Sound, target: Sound, sample_rate: int) -> float:
    """How fast the level of a prediction leaves that of the target, in dB a minute.

    The level error of the last quarter minus that of the first, over the time between their centres. ``nan`` where
    the target is below -80 dBFS in one of them.
    """
    output, wet = _samples(prediction), _samples(target)
    quarter = max(1, output.shape[-1] // 4)
    errors = []
    for part in (slice(None, quarter), slice(-quarter, None)):
        wanted = level_db(wet[:, part])
        errors.append(level_db(output[:, part]) - wanted if wanted >= _SILENCE_DB else float("nan"))
    minutes = (output.shape[-1] - quarter) / sample_rate / 60
    return (errors[1] - errors[0]) / minutes if minutes > 0 else float("nan")


def level_in_silence(dry: Sound, prediction: Sound, target: Sound, sample_rate: int) -> float:
    """RMS level in dBFS of a prediction where dry sound and target are silent; not below -100 dBFS.

    A sample is silent if neither has exceeded -80 dBFS in the 0.1 s up to it. ``nan`` where there is none.
    """
    loudest = np.maximum(np.abs(_samples(dry)), np.abs(_samples(target))).max(axis=0)
    settle = max(1, round(_SETTLE_SECONDS * sample_rate))
    recent = maximum_filter1d(loudest, settle, origin=(settle - 1) // 2, mode="nearest")
    silent = _samples(prediction)[:, recent < from_db(_SILENCE_DB)]
    return level_db(silent) if silent.size else float("nan")


def recording_scores(dry: Sound, prediction: Sound, target: Sound, sample_rate: int) -> dict[str, float]:
    """Every one of :data:`METRICS` for one whole recording; ``nan`` where it does not exist.

    Args:
        dry: Dry sound ``(channels, samples)``.
        prediction: Output of the model, of the same shape.
        target: Wet sound, of the same shape.
        sample_rate: In Hz.

    Returns:
        Loudness, centroid and drift as absolute differences.

    Raises:
        ValueError: Shapes differ or there are no samples.
    """
    if not dry.shape == prediction.shape == target.shape or target.shape[-1] == 0:
        shapes = [tuple(sound.shape) for sound in (dry, prediction, target)]
        raise ValueError(f"dry, prediction and target must be (channels, samples) and alike, not {shapes}")
    return {
        "esr": error_to_signal_ratio(prediction, target),
        "mae": mean_absolute_error(prediction, target),
        "mrstft": spectral_distance(prediction, target),
        "lufs": abs(loudness_difference(prediction, target, sample_rate)),
        "centroid": abs(centroid_difference(prediction, target, sample_rate)),
        "drift": abs(level_drift(prediction, target, sample_rate)),
        "silence": level_in_silence(dry, prediction, target, sample_rate),
    }


def _energy(audio: Tensor) -> Tensor:
    return audio.square().sum(dim=(1, 2))


def _samples(audio: Sound) -> NDArray[np.float32]:
    array = audio.detach().cpu().numpy() if isinstance(audio, Tensor) else audio
    return np.asarray(array, dtype=np.float32)


@cache
def _distance() -> MultiResolutionSTFT:
    return MultiResolutionSTFT()
