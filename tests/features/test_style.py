"""Cepstral statistics against written-out formulas and against values of librosa 0.11."""

import numpy as np
import pytest
from scipy.signal import get_window

from fxstyle.features.mel import hz_to_mel, mel_filter_bank, mel_to_hz
from fxstyle.features.style import mfcc, mfcc_statistics, slopes
from tests.features import timbre_clips

pytestmark = pytest.mark.unit


def test_mel_scale_has_the_published_points_and_inverts() -> None:
    np.testing.assert_allclose(hz_to_mel(np.array([0.0, 200.0, 1000.0, 6400.0])), [0.0, 3.0, 15.0, 42.0])
    frequencies = np.linspace(0.0, 24_000.0, 500)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(frequencies)), frequencies, atol=1e-9)


def test_filters_have_unit_area_and_tile_the_axis() -> None:
    bank = mel_filter_bank(44_100, 16_384, 40).toarray()
    width = 44_100 / 16_384
    np.testing.assert_allclose(bank.sum(axis=1) * width, 1.0, rtol=2e-3)
    # Neighbours overlap so that every bin between the first and the last centre is covered by weights adding to 1.
    corners = mel_to_hz(np.linspace(0.0, float(hz_to_mel(np.array(22_050.0))), 42))
    heights = bank / (2.0 / (corners[2:] - corners[:-2]))[:, None]
    bins = np.arange(bank.shape[1]) * width
    inner = (bins >= corners[1]) & (bins <= corners[-2])
    np.testing.assert_allclose(heights.sum(axis=0)[inner], 1.0, atol=1e-9)


def test_a_filter_is_the_triangle_it_claims() -> None:
    bank = mel_filter_bank(16_000, 2048, 20).toarray()
    corners = mel_to_hz(np.linspace(0.0, float(hz_to_mel(np.array(8_000.0))), 22))
    low, centre, high = corners[7:10]
    bins = np.arange(1025) * 16_000 / 2048
    expected = np.interp(bins, [low, centre, high], [0.0, 2.0 / (high - low), 0.0], left=0.0, right=0.0)
    np.testing.assert_allclose(bank[7], expected, atol=1e-12)


def test_mfcc_is_the_written_out_formula() -> None:
    clip = timbre_clips.notes(16_000)[:6000]
    found = mfcc(clip, 16_000)
    frame = clip[512 : 512 + 2048] * get_window("hann", 2048)
    power = np.abs(np.fft.rfft(frame)) ** 2
    frames = [np.abs(np.fft.rfft(clip[s : s + 2048] * get_window("hann", 2048))) ** 2 for s in range(0, 3953, 512)]
    bank = mel_filter_bank(16_000, 2048, 128).toarray()
    ceiling = 10 * np.log10(max((bank @ f).max() for f in frames))
    level = np.maximum(10 * np.log10(np.maximum(bank @ power, 1e-10)), ceiling - 80)
    angles = np.pi * (np.arange(128) + 0.5) / 128
    expected = [np.sqrt((1 if k == 0 else 2) / 128) * (level * np.cos(k * angles)).sum() for k in range(20)]
    assert found.shape == (len(frames), 20)
    np.testing.assert_allclose(found[1], expected, atol=1e-9)


def test_slope_of_a_line_is_its_slope_and_short_clips_have_none() -> None:
    line = 3.0 + 0.7 * np.arange(12)[:, None] * np.array([1.0, -2.0])
    np.testing.assert_allclose(slopes(line), np.broadcast_to([0.7, -1.4], (12, 2)))
    np.testing.assert_allclose(slopes(line[:4]), np.broadcast_to([0.7, -1.4], (4, 2)))
    np.testing.assert_array_equal(slopes(line[:2]), np.zeros((2, 2)))
    bump = np.zeros((21, 1))
    bump[10] = 1.0
    np.testing.assert_allclose(slopes(bump)[6:15, 0], np.arange(4, -5, -1) / 60.0, atol=1e-12)


def test_statistics_equal_librosa() -> None:
    # librosa 0.11.0: m = feature.mfcc(y=clip, sr=rate, n_mfcc=20, center=False); d = feature.delta(m, mode="interp");
    # then mean and std of both over time; rows 0 to 2 of each, for notes and noise at 24 kHz.
    audio = np.stack([timbre_clips.notes(24_000), timbre_clips.noise(24_000)])
    found = mfcc_statistics(audio, 24_000).reshape(2, 4, 20)[:, :, :3]
    np.testing.assert_allclose(found, LIBROSA, atol=1e-4)


def test_a_batch_equals_its_clips_and_broken_ones_are_nan() -> None:
    audio = np.stack([timbre_clips.notes(24_000), timbre_clips.hits(24_000), timbre_clips.noise(24_000)])
    audio[1, 5] = np.nan
    found = mfcc_statistics(audio.astype(np.float32), 24_000)
    assert found.shape == (3, 80)
    assert np.isnan(found[1]).all()
    for index in (0, 2):
        np.testing.assert_array_equal(found[index], mfcc_statistics(audio[[index]].astype(np.float32), 24_000)[0])


def test_gain_moves_the_first_mean_only() -> None:
    audio = timbre_clips.noise(24_000)[None]
    difference = mfcc_statistics(2.0 * audio, 24_000) - mfcc_statistics(audio, 24_000)
    assert difference[0, 0] == pytest.approx(20 * np.log10(2.0) * np.sqrt(128), rel=1e-6)
    np.testing.assert_allclose(difference[0, 1:], 0.0, atol=1e-8)


def test_silence_and_short_clips_are_finite_and_do_not_move() -> None:
    found = mfcc_statistics(np.zeros((1, 100), dtype=np.float32), 16_000)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[0, 20:], 0.0)


@pytest.mark.parametrize(("shape", "rate"), [((100,), 16_000), ((1, 2, 100), 16_000), ((1, 0), 16_000), ((1, 9), 0)])
def test_other_shapes_and_rates_are_refused(shape: tuple[int, ...], rate: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        mfcc_statistics(np.zeros(shape, dtype=np.float32), rate)


LIBROSA = np.array(
    [
        [
            [-373.796035, 170.551347, 65.326978],
            [117.209106, 45.636067, 33.995826],
            [-3.171114, -0.056526, 0.526093],
            [26.040362, 10.318226, 4.893461],
        ],
        [
            [-27.874509, -4.591734, -0.829298],
            [3.219332, 3.576522, 3.233316],
            [0.018521, -0.006217, 0.052841],
            [0.491855, 0.669845, 0.714209],
        ],
    ]
)
