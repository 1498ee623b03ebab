"""What a style sounds like, whatever is being played: statistics over time that searches and controllers compare."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from fxstyle.features.mel import mel_filter_bank

BANDS = 40
HIGHEST_HZ = 11_000.0
LAGS = 24
POOLS = 24
COARSE = 3
FRAME_SECONDS = 0.0427
BLOCK_SECONDS = 0.005
MODULATION_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SLOW_BANDS = 5
POWER_FLOOR = 1e-7

GROUPS: tuple[tuple[str, int], ...] = (
    ("spectrum", BANDS),
    ("variation", BANDS),
    ("level", 3),
    ("shape", 4),
    ("dynamics", 5),
    ("modulation", len(MODULATION_HZ) - 1 + COARSE * SLOW_BANDS),
    ("echo", LAGS),
    ("comb", POOLS),
    ("width", 2),
)
"""Name and number of features of each group, in order."""

FEATURES = sum(count for _, count in GROUPS)


def style_features(audio: Tensor, sample_rate: int, highest_hz: float | None = None) -> Tensor:
    """Statistics of a sound that depend on its timbre, dynamics and space more than on its notes.

    Groups, each divided by what is clearly heard, so that 1 counts the same everywhere: ``spectrum`` and ``variation``
    (level of 40 mel bands over the whole clip and its deviation over time; 3 dB), ``level`` (RMS, peak, crest; 2 dB),
    ``shape`` (spectral centroid, spread and rolloff in quarter octaves, flatness in 3 dB), ``dynamics`` (percentiles of
    the level of 5 ms blocks against the RMS; 3 dB), ``modulation`` (strength of level changes from .5 to 64 Hz, of
    the whole sound and of three bands up to 16 Hz; 3 dB), ``echo`` (autocorrelation of onsets at 10 ms to 1 s; .1),
    ``comb`` (cepstrum of the average spectrum at .25 to 20 ms; .5 dB) and ``width`` (side against mid, correlation).

    Stereo is analysed as its mid; only ``width`` sees the side. Differentiable but for the percentiles.

    Args:
        audio: ``(batch, channels, samples)``; what is shorter than a frame is padded with silence.
        sample_rate: In Hz; both of two sounds that are compared need the same.
        highest_hz: Bands above it are left out: the lower of two sounds' bandwidths.

    Returns:
        ``(batch, FEATURES)`` float32.
    """
    with torch.autocast(audio.device.type, enabled=False):
        sound = audio.float()
        mid = sound.mean(dim=1)
        size = 2 ** round(float(torch.log2(torch.tensor(FRAME_SECONDS * sample_rate))))
        if mid.shape[1] < 2 * size:
            mid = torch.nn.functional.pad(mid, (0, 2 * size - mid.shape[1]))
        power = _power(mid, size)
        highest = min(HIGHEST_HZ, sample_rate / 2, highest_hz or HIGHEST_HZ)
        filters, inside = _bank(sample_rate, size, highest, str(audio.device))
        bands = power @ filters
        blocks = _blocks(mid, max(1, round(BLOCK_SECONDS * sample_rate)))
        mean_square = mid.square().mean(dim=1, keepdim=True)
        levels = 10.0 * torch.log10(bands + POWER_FLOOR)
        average = 10.0 * torch.log10(bands.mean(dim=1) + POWER_FLOOR)
        parts = (
            torch.where(inside, average, average.new_zeros(())) / 3.0,
            torch.where(inside, levels.std(dim=1), levels.new_zeros(())) / 3.0,
            _level(mid, mean_square),
            _shape(power.mean(dim=1), sample_rate, highest),
            _dynamics(blocks, mean_square),
            _modulation(blocks, bands, sample_rate, size),
            _echo(blocks),
            _comb(power, sample_rate, size),
            _width(sound),
        )
        return torch.cat(parts, dim=1)


def _power(mid: Tensor, size: int) -> Tensor:
    """Power spectra ``(batch, frames, bins)``, 1 for a sine of full scale."""
    window = torch.hann_window(size, device=mid.device)
    spectra = torch.fft.rfft(mid.unfold(1, size, size // 2) * (window * (2.0 / window.sum())))
    return spectra.real.square() + spectra.imag.square()


@lru_cache(maxsize=16)
def _bank(sample_rate: int, size: int, highest_hz: float, device: str) -> tuple[Tensor, Tensor]:
    """Mel filters ``(bins, bands)`` that sum power, and which bands lie below the highest frequency."""
    # The bands reach to a fixed frequency, so that they mean the same at every sample rate.
    wide = mel_filter_bank(round(2 * HIGHEST_HZ), 2 * round(HIGHEST_HZ / sample_rate * size), BANDS)
    bins = wide.shape[1]
    weights = torch.zeros(size // 2 + 1, BANDS)
    dense = torch.tensor(wide.toarray().T, dtype=torch.float32)
    count = min(bins, size // 2 + 1)
    weights[:count] = dense[:count]
    weights = weights * (sample_rate / size)
    hz = torch.arange(bins) * (2 * HIGHEST_HZ / (2 * (bins - 1)))
    centres = (dense * hz[:, None]).sum(0) / dense.sum(0).clamp_min(1e-9)
    return weights.to(device), (centres <= highest_hz).to(device)


def _blocks(mid: Tensor, size: int) -> Tensor:
    """Mean square of consecutive blocks, ``(batch, blocks)``."""
    count = mid.shape[1] // size
    return mid[:, : count * size].reshape(len(mid), count, size).square().mean(dim=2)


def _level(mid: Tensor, mean_square: Tensor) -> Tensor:
    rms = 10.0 * torch.log10(mean_square + POWER_FLOOR)
    peak = 20.0 * torch.log10(mid.abs().amax(dim=1, keepdim=True) + POWER_FLOOR**0.5)
    return torch.cat((rms, peak, peak - rms), dim=1) / 2.0


def _shape(average: Tensor, sample_rate: int, highest_hz: float) -> Tensor:
    hz = torch.linspace(0, sample_rate / 2, average.shape[1], device=average.device)
    chosen = (hz >= 40.0) & (hz <= highest_hz)
    octave, weight = torch.log2(hz[chosen]), average[:, chosen].sqrt() + 1e-9
    weight = weight / weight.sum(dim=1, keepdim=True)
    centroid = weight @ octave
    spread = (weight * (octave - centroid[:, None]).square()).sum(dim=1).clamp_min(1e-9).sqrt()
    energy = average[:, chosen] + 1e-12
    share = energy.cumsum(dim=1) / energy.sum(dim=1, keepdim=True)
    # A soft count of the bins below 85 % of the energy: a step would have no gradient.
    below = torch.sigmoid((0.85 - share) * 50.0)
    rolloff = torch.log2(40.0 + below.mean(dim=1) * (hz[chosen][-1] - hz[chosen][0]))
    flatness = 10.0 * (energy.log10().mean(dim=1) - energy.mean(dim=1).log10())
    return torch.stack((centroid * 4.0, spread * 4.0, rolloff * 4.0, flatness / 3.0), dim=1)


def _dynamics(blocks: Tensor, mean_square: Tensor) -> Tensor:
    smooth = torch.nn.functional.avg_pool1d(blocks[:, None], 4, 2, ceil_mode=True)[:, 0]
    ordered = smooth.sort(dim=1).values
    places = [round(share * (ordered.shape[1] - 1)) for share in (0.05, 0.25, 0.5, 0.75, 0.95)]
    levels = 10.0 * torch.log10(ordered[:, places] + POWER_FLOOR)
    return (levels - 10.0 * torch.log10(mean_square + POWER_FLOOR)) / 3.0


def _modulation(blocks: Tensor, bands: Tensor, sample_rate: int, size: int) -> Tensor:
    fast = _strengths(10.0 * torch.log10(blocks + POWER_FLOOR), 1.0 / BLOCK_SECONDS, len(MODULATION_HZ) - 1)
    coarse = torch.stack([part.sum(dim=2) for part in bands.tensor_split(COARSE, dim=2)], dim=1)
    slow = _strengths(
        10.0 * torch.log10(coarse.flatten(0, 1) + POWER_FLOOR), 2.0 * sample_rate / size, SLOW_BANDS
    ).reshape(len(bands), -1)
    return torch.cat((fast, slow), dim=1) / 3.0


def _strengths(levels: Tensor, rate: float, count: int) -> Tensor:
    """Strength in dB of the changes of levels ``(batch, frames)`` in octaves of modulation frequency."""
    frames = levels.shape[1]
    centred = levels - levels.mean(dim=1, keepdim=True)
    spectrum = torch.fft.rfft(centred * torch.hann_window(frames, device=levels.device))
    power = (spectrum.real.square() + spectrum.imag.square()) / frames**2
    hz = torch.linspace(0, rate / 2, power.shape[1], device=levels.device)
    members = [(hz >= low) & (hz < high) for low, high in pairwise(MODULATION_HZ)][:count]
    sums = power @ torch.stack(members, dim=1).to(power)
    return 10.0 * torch.log10(sums + 1e-3)


def _echo(blocks: Tensor) -> Tensor:
    """Autocorrelation of onsets, pooled over log-spaced lags."""
    level = 10.0 * torch.log10(blocks + 1e-6)
    onset = torch.relu(level[:, 1:] - level[:, :-1])
    onset = onset - onset.mean(dim=1, keepdim=True)
    frames = onset.shape[1]
    longest = round(1.0 / BLOCK_SECONDS)
    spectrum = torch.fft.rfft(onset, n=frames + longest + 1)
    correlation = torch.fft.irfft(spectrum.abs().square(), n=frames + longest + 1)[:, : longest + 1]
    correlation = correlation / correlation[:, :1].clamp_min(1e-3)
    return _pooled(correlation, 0.01 / BLOCK_SECONDS, longest + 1, LAGS) / 0.1


def _comb(power: Tensor, sample_rate: int, size: int) -> Tensor:
    """Cepstrum of the average spectrum: what evenly spaced notches and peaks show up in."""
    average = 10.0 * torch.log10(power.mean(dim=1) + 1e-9)
    cepstrum = torch.fft.irfft(average, n=size)[:, : size // 2]
    return _pooled(cepstrum.abs(), 0.00025 * sample_rate, 0.02 * sample_rate, POOLS) / 0.5


def _pooled(values: Tensor, first: float, last: float, count: int) -> Tensor:
    """The largest of the values ``(batch, places)`` in each of ``count`` log-spaced ranges."""
    ratio = (last / first) ** (1.0 / count)
    edges = [first * ratio**step for step in range(count + 1)]
    parts = []
    for low, high in pairwise(edges):
        start = min(int(low), values.shape[1] - 1)
        parts.append(values[:, start : max(start + 1, int(high))].amax(dim=1))
    return torch.stack(parts, dim=1)


def _width(sound: Tensor) -> Tensor:
    if sound.shape[1] == 1:
        return sound.new_zeros(len(sound), 2)
    left, right = sound[:, 0], sound[:, 1]
    mid, side = (left + right).square().mean(dim=1), (left - right).square().mean(dim=1)
    power = (left.square().mean(dim=1) * right.square().mean(dim=1)).sqrt()
    correlation = (left * right).mean(dim=1) / (power + POWER_FLOOR)
    width = 10.0 * torch.log10((side + POWER_FLOOR) / (mid + POWER_FLOOR))
    return torch.stack((width.clamp_min(-40.0) / 3.0, correlation / 0.1), dim=1)
