import numpy as np
import pytest

from fxstyle.plots.spectrogram import spectrogram_figure

pytestmark = pytest.mark.unit

_FREQUENCIES = np.linspace(0, 12_000, 65)


def _spectrograms():
    rng = np.random.default_rng(4)
    return {name: rng.uniform(0.01, 1.0, (65, 20)) for name in ("dry", "wet", "reconstruction")}


def test_one_scale_and_named_axes():
    figure = spectrogram_figure(_spectrograms(), _FREQUENCIES, 0.02, title="overdrive")
    *panels, bar = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["dry", "wet", "reconstruction"]
    assert {axes.collections[0].get_clim() for axes in panels} == {(-80.0, 0.0)}
    assert [axes.get_xlabel() for axes in panels] == ["time (s)"] * 3
    assert panels[0].get_ylabel() == "frequency (Hz)"
    assert "dB" in bar.get_ylabel()
    # 20 frames of 20 ms, drawn from half a frame before the first to half a frame after the last.
    assert panels[0].get_xlim() == pytest.approx((-0.01, 0.39))


def test_decibels_are_relative_to_the_loudest_of_all():
    quiet, loud = np.full((65, 4), 0.1), np.full((65, 4), 10.0)
    figure = spectrogram_figure({"quiet": quiet, "loud": loud}, _FREQUENCIES, 0.02)
    values = [np.asarray(axes.collections[0].get_array()) for axes in figure.axes[:2]]
    np.testing.assert_allclose(values[0], -40.0)
    np.testing.assert_allclose(values[1], 0.0, atol=1e-12)


def test_zeros_and_negative_values_of_a_network_sit_on_the_floor():
    figure = spectrogram_figure(
        {"wet": np.ones((65, 4)), "reconstruction": np.full((65, 4), -0.2)}, _FREQUENCIES, 0.02, range_db=60
    )
    np.testing.assert_allclose(np.asarray(figure.axes[1].collections[0].get_array()), -60.0)


def test_silence_and_single_frames_are_drawn(tmp_path):
    spectrogram_figure({"dry": np.zeros((65, 1))}, _FREQUENCIES, 0.02).savefig(tmp_path / "silence.png")


def test_bins_that_are_not_finite_are_counted():
    spectrograms = _spectrograms()
    spectrograms["wet"][30, :3] = np.nan
    figure = spectrogram_figure(spectrograms, _FREQUENCIES, 0.02)
    assert "wet: 3 of 1,300 bins are not finite (white)." in figure.get_supxlabel().replace("\n", " ")
    assert np.ma.count_masked(figure.axes[1].collections[0].get_array()) == 3
    everything = {"wet": np.full((65, 4), np.nan)}
    assert "260 of 260" in spectrogram_figure(everything, _FREQUENCIES, 0.02).get_supxlabel().replace("\n", " ")


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="wet"):
        spectrogram_figure({"wet": np.ones((64, 4))}, _FREQUENCIES, 0.02)
    with pytest.raises(ValueError, match="at least one"):
        spectrogram_figure({}, _FREQUENCIES, 0.02)
