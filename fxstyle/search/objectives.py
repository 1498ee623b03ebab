"""What a search makes small: distances of rendered excerpts to a reference, with the reference's side computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.features.style_features import style_features
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.losses.style import StyleDistance

SEARCH_FFT_SIZES = (256, 2048)
LONGEST_SAMPLES = 65_536
_SAMPLES_AT_ONCE = 1 << 19
"""Candidates are scored in pieces that stay in the processor's cache."""


class Objective(Protocol):
    """Scores candidates on an excerpt; lower is better, 0 is best."""

    def __call__(self, wet: NDArray[np.float32], excerpt: int) -> NDArray[np.float64]:
        """Distances ``(K,)`` of rendered sound ``(K, channels, samples)`` of the excerpt of this number."""
        ...

    def differences(self, wet: NDArray[np.float32], excerpt: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The distances, and signed differences ``(K, R)`` whose absolute values sum to about the distance."""
        ...


class MatchedObjective:
    """Distance of spectra, for a reference that plays what the dry sound plays.

    A cheap stand-in for the multi-resolution STFT distance at six sizes: two sizes, on the loudest 65,536 samples of
    each excerpt. docs/style_transfer.md shows how well it ranks settings.

    Args:
        references: Sound ``(channels, samples)`` of each excerpt; what is rendered must have the same shape.
        fft_sizes: Sizes of the FFT in samples.
        bandwidth: Share of the frequencies up to half the sample rate that the references can have.
    """

    def __init__(
        self,
        references: Sequence[NDArray[np.float32]],
        fft_sizes: Sequence[int] = SEARCH_FFT_SIZES,
        bandwidth: float = 1.0,
    ) -> None:
        self._distance = MultiResolutionSTFT(fft_sizes, bandwidth=bandwidth)
        self._starts = [_loudest(reference) for reference in references]
        with torch.inference_mode():
            self._spectra = [
                self._distance.spectra(self._cut(reference[None], place)) for place, reference in enumerate(references)
            ]
            self._logs = [[spectrum.log() for spectrum in spectra] for spectra in self._spectra]
        self._chosen = [[_chosen(spectrum) for spectrum in spectra] for spectra in self._spectra]

    def __call__(self, wet: NDArray[np.float32], excerpt: int) -> NDArray[np.float64]:
        """See :meth:`Objective.__call__`."""
        with torch.inference_mode():
            sound = self._cut(wet, excerpt)
            parts = [self._distance(part, self._spectra[excerpt]) for part in _pieces(sound)]
            return torch.cat(parts).double().numpy()

    def differences(self, wet: NDArray[np.float32], excerpt: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """See :meth:`Objective.differences`; a fixed part of bins and frames stands for all."""
        scores, rows = [], []
        with torch.inference_mode():
            for part in _pieces(self._cut(wet, excerpt)):
                spectra = self._distance.spectra(part)
                score = torch.zeros(len(part))
                columns = []
                for spectrum, target, target_log, chosen in zip(
                    spectra, self._spectra[excerpt], self._logs[excerpt], self._chosen[excerpt], strict=True
                ):
                    linear, log = spectrum - target, spectrum.log() - target_log
                    score += linear.abs().mean(dim=(1, 2, 3)) + log.abs().mean(dim=(1, 2, 3))
                    for difference in (linear, log):
                        columns.append(difference.flatten(1)[:, chosen] / (len(chosen) * len(spectra)))
                scores.append(score / len(spectra))
                rows.append(torch.cat(columns, dim=1))
            return torch.cat(scores).double().numpy(), torch.cat(rows).numpy()

    def _cut(self, wet: NDArray[np.float32], excerpt: int) -> Tensor:
        start = self._starts[excerpt]
        return torch.from_numpy(np.ascontiguousarray(wet[..., start : start + LONGEST_SAMPLES]))


class StyleObjective:
    """Distance of style features, for a reference that plays something else.

    Args:
        references: One or more excerpts ``(channels, samples)`` of the reference; their features are averaged.
        sample_rate: In Hz, of the references and of what is rendered.
        highest_hz: Frequencies above it are left out: the lower of the two sounds' bandwidths.
        distance: Distance of features; the default weights where it is ``None``.

    Raises:
        InputError: There is no reference.
    """

    def __init__(
        self,
        references: Sequence[NDArray[np.float32]],
        sample_rate: int,
        highest_hz: float | None = None,
        distance: StyleDistance | None = None,
    ) -> None:
        if not references:
            raise InputError("style search: give at least one excerpt of the reference")
        self._sample_rate = sample_rate
        self._highest_hz = highest_hz
        self._distance = distance or StyleDistance()
        self._mono = len(references[0]) == 1
        with torch.inference_mode():
            features = [self._features(torch.from_numpy(reference[None])) for reference in references]
            self._wanted = torch.cat(features).mean(dim=0, keepdim=True)

    def __call__(self, wet: NDArray[np.float32], excerpt: int) -> NDArray[np.float64]:
        """See :meth:`Objective.__call__`; what is wanted is the same for every excerpt."""
        return self.differences(wet, excerpt)[0]

    def differences(self, wet: NDArray[np.float32], excerpt: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """See :meth:`Objective.differences`."""
        with torch.inference_mode():
            features = torch.cat([self._features(part) for part in _pieces(torch.from_numpy(wet))])
            scores = self._distance(features, self._wanted)
            weighted = (features - self._wanted) * self._distance.weight
            return scores.double().numpy(), weighted.numpy()

    def _features(self, sound: Tensor) -> Tensor:
        # Width has no meaning against mono sound.
        mono = self._mono and sound.shape[1] > 1
        return style_features(sound.mean(dim=1, keepdim=True) if mono else sound, self._sample_rate, self._highest_hz)


def _pieces(sound: Tensor) -> Sequence[Tensor]:
    return sound.split(max(1, _SAMPLES_AT_ONCE // (sound.shape[1] * sound.shape[2])))


def _loudest(reference: NDArray[np.float32]) -> int:
    """Where the loudest 65,536 samples of ``(channels, samples)`` begin; 0 for a shorter sound."""
    if reference.shape[1] <= LONGEST_SAMPLES:
        return 0
    energy = np.concatenate(([0.0], np.cumsum(np.square(reference, dtype=np.float64).sum(axis=0))))
    return int(np.argmax(energy[LONGEST_SAMPLES:] - energy[:-LONGEST_SAMPLES]))


def _chosen(spectrum: Tensor) -> Tensor:
    """Places of at most 4,096 values of a spectrum, spread over it without a pattern."""
    count = spectrum[0].numel()
    places = np.random.default_rng([count]).permutation(count)[: 1 << 12]
    return torch.from_numpy(np.sort(places))
