"""What no net is needed for: the dry sound itself, a gain and a linear filter, which every emulation stands beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve, toeplitz
from scipy.signal import oaconvolve

from fxstyle.audio.linear_fit import correlations
from fxstyle.data.pair import Pair

TAPS = 512
"""Length of the filter in samples, as the doctor's."""

ARMS: dict[str, str] = {
    "identity": "the dry sound",
    "gain": "the best gain on the training recordings",
    "fir": f"the best causal filter of {TAPS} taps on the training recordings",
    "gain_oracle": "the best gain on the scored recording itself",
    "fir_oracle": f"the best causal filter of {TAPS} taps on the scored recording itself",
}
"""The baselines; no model that is a gain or a short filter can be better than its oracle."""

# Against the power of the dry sound: sound without treble leaves the equations singular.
_RIDGE = 1e-9


class LinearBaselines:
    """The gain and the filter that fit the training recordings of each setting best.

    Args:
        train: Training pairs of any settings.
        taps: Length of the filters in samples.
    """

    def __init__(self, train: Sequence[Pair], taps: int = TAPS) -> None:
        self.taps = taps
        settings = sorted({pair.setting for pair in train})
        groups = {setting: [pair for pair in train if pair.setting == setting] for setting in settings}
        self.gains = {setting: fit_fir(pairs, 1) for setting, pairs in groups.items()}
        self.filters = {setting: fit_fir(pairs, taps) for setting, pairs in groups.items()}

    def outputs(self, pair: Pair) -> dict[str, NDArray[np.float32]]:
        """What each of :data:`ARMS` makes of a pair's dry sound, ``(channels, samples)``.

        ``gain`` and ``fir`` are missing for settings without training pairs.
        """
        outputs = {
            "identity": pair.dry,
            "gain_oracle": apply_fir(pair.dry, fit_fir([pair], 1)),
            "fir_oracle": apply_fir(pair.dry, fit_fir([pair], self.taps)),
        }
        if pair.setting in self.filters:
            outputs["gain"] = apply_fir(pair.dry, self.gains[pair.setting])
            outputs["fir"] = apply_fir(pair.dry, self.filters[pair.setting])
        return {arm: outputs[arm] for arm in ARMS if arm in outputs}


def fit_fir(pairs: Sequence[Pair], taps: int = TAPS) -> NDArray[np.float64]:
    """The causal FIR filter ``(taps,)`` with the least squared error over all pairs; zeros where dry is silent.

    Each recording comes after silence. With one tap it is the best gain.
    """
    power, shared = np.zeros(taps), np.zeros(taps)
    beyond = np.zeros((taps, taps))
    for pair in pairs:
        for dry, wet in zip(pair.dry, pair.wet, strict=True):
            own, other = correlations(dry, wet, 0, taps - 1)
            power += own[taps - 1 :]
            shared += other
            # The correlation of dry sound with itself counts its echoes after the end, where there is no wet sound.
            end = np.zeros(taps - 1)
            end[max(taps - 1 - len(dry), 0) :] = dry[-(taps - 1) :] if taps > 1 else []
            echoes = toeplitz(np.zeros(taps - 1), np.concatenate([[0.0], end[::-1]]))
            beyond += echoes.T @ echoes
    if not power[0] > 0:
        return np.zeros(taps)
    matrix = toeplitz(power) - beyond + _RIDGE * power[0] * np.eye(taps)
    return np.asarray(solve(matrix, shared, assume_a="pos"), dtype=np.float64)


def apply_fir(dry: NDArray[np.float32], fir: NDArray[np.float64]) -> NDArray[np.float32]:
    """Dry sound ``(channels, samples)`` through a causal filter ``(taps,)``, as long as it was."""
    filtered = oaconvolve(dry.astype(np.float64), fir[None], axes=1)[:, : dry.shape[1]]
    return filtered.astype(np.float32)
