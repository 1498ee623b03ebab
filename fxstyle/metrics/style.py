"""How far a processed sound is from the one that was wanted, in measures that an engineer reads."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import get_window

from fxstyle.audio.levels import loudness_lufs
from fxstyle.features.mel import mel_filter_bank
from fxstyle.features.style import mfcc_statistics
from fxstyle.losses.spectral import MultiResolutionSTFT

Sound = NDArray[np.float32]
"""``(channels, samples)``."""

METRICS: dict[str, str] = {
    "mrstft": "multi-resolution spectral distance",
    "mel": "mel-spectral distance (dB)",
    "centroid": "spectral centroid error (Hz)",
    "crest": "crest factor error (dB)",
    "rms": "RMS level error (dB)",
    "lufs": "loudness error (LU)",
    "mfcc": "distance of MFCC statistics",
}
"""What is measured, lower being better; the first one is the headline."""

LOWEST_DB = -100.0
_WINDOW = 2048
_HOP = 512
_BANDS = 128


def level_db(audio: Sound) -> float:
    """RMS level in dBFS of all channels together; nothing is below -100 dBFS."""
    rms = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    return float(20 * np.log10(max(rms, 10 ** (LOWEST_DB / 20))))


def crest_factor_db(audio: Sound) -> float:
    """Peak over RMS in dB (a sine: 3.01); ``nan`` below -100 dBFS."""
    level = level_db(audio)
    return float(20 * np.log10(np.abs(audio).max()) - level) if level > LOWEST_DB else float("nan")


def spectral_centroid(audio: Sound, sample_rate: int) -> float:
    """Centre in Hz of the mono sum's magnitude spectrum, averaged over time; ``nan`` for silence.

    Frames count by their level, so that pauses do not matter.
    """
    magnitude = np.sqrt(_power(audio)).sum(axis=0)
    total = float(magnitude.sum())
    return float(magnitude @ np.fft.rfftfreq(_WINDOW, 1.0 / sample_rate) / total) if total > 0 else float("nan")


def mel_levels_db(audio: Sound, sample_rate: int) -> NDArray[np.float64]:
    """Levels ``(frames, 128)`` of the mono sum's mel bands in dB, not below -100 dB.

    A band's level is the mean power of its bins, 0 dB being that of a sine of full scale in one bin. Hann frames of
    2,048 samples every 512.
    """
    # The filters have unit area in Hz: with the bins' width it becomes a mean.
    banded = _power(audio) @ mel_filter_bank(sample_rate, _WINDOW, _BANDS).T * (sample_rate / _WINDOW)
    full_scale = (get_window("hann", _WINDOW).sum() / 2) ** 2
    return np.asarray(10 * np.log10(np.maximum(banded / full_scale, 10 ** (LOWEST_DB / 10))))


class StyleScores:
    """Scores sounds against one target, whose side of every measure is computed once.

    ``mel`` is the mean over bands and frames of the difference of mel levels, ``mfcc`` the root mean square difference
    of the 80 statistics of :func:`fxstyle.features.style.mfcc_statistics`; the mono sum counts for these and for the
    centroid. All are absolute differences.

    Args:
        target: The hidden target ``(channels, samples)``.
        sample_rate: In Hz.
    """

    def __init__(self, target: Sound, sample_rate: int) -> None:
        self._rate = sample_rate
        self._spectra = _distance().spectra(torch.from_numpy(target)[None])
        self._target = self._describe(target)

    def score(self, prediction: Sound) -> dict[str, float]:
        """Every one of :data:`METRICS`; ``nan`` where it does not exist, as the centroid of silence."""
        with torch.inference_mode():
            mrstft = float(_distance()(torch.from_numpy(prediction)[None], self._spectra)[0])
        found = self._describe(prediction)
        errors = {name: float(np.abs(found[name] - self._target[name]).mean()) for name in METRICS if name in found}
        cepstra = found["cepstra"] - self._target["cepstra"]
        return {"mrstft": mrstft, **errors, "mfcc": float(np.sqrt(np.mean(cepstra**2)))}

    def _describe(self, audio: Sound) -> dict[str, NDArray[np.float64]]:
        loudness = loudness_lufs(audio, self._rate)
        return {
            "mel": mel_levels_db(audio, self._rate),
            "centroid": np.array(spectral_centroid(audio, self._rate)),
            "crest": np.array(crest_factor_db(audio)),
            "rms": np.array(level_db(audio)),
            "lufs": np.array(loudness if np.isfinite(loudness) else np.nan),
            "cepstra": mfcc_statistics(_mono(audio)[None], self._rate)[0],
        }


@cache
def _distance() -> MultiResolutionSTFT:
    return MultiResolutionSTFT()


def _mono(audio: Sound) -> NDArray[np.float32]:
    return audio.mean(axis=0)


def _power(audio: Sound) -> NDArray[np.float64]:
    """Power spectra ``(frames, bins)`` of the mono sum; a sound shorter than a frame is padded with silence."""
    mono = _mono(audio)
    padded = np.pad(mono, (0, max(_WINDOW - len(mono), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectra = rfft(frames * get_window("hann", _WINDOW))
    return np.asarray(spectra.real**2 + spectra.imag**2, dtype=np.float64)
