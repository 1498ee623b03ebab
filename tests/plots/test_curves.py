import numpy as np
import pytest
from matplotlib.colors import to_hex

from fxstyle.plots.curves import training_curves_figure
from fxstyle.plots.style import effect_styles

pytestmark = pytest.mark.unit

_EFFECTS = ["delay", "combo", "ambience"]


def _run(epochs=9):
    falling = np.linspace(1.0, 0.4, epochs)
    per_effect = {effect: falling + 0.1 * place for place, effect in enumerate(_EFFECTS)}
    return {
        "train": falling - 0.05,
        "validation": falling + 0.1,
        "per_effect": per_effect,
        "epoch_effects": [_EFFECTS[epoch % 3] for epoch in range(epochs)],
    }


def _labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_scores_effects_and_strip():
    figure = training_curves_figure(**_run(), best_epoch=6, effects=_EFFECTS, score="loss")
    total, by_effect, strip = figure.axes
    assert _labels(total) == ["train", "validation, mean over effects", "best: epoch 6"]
    assert _labels(by_effect) == _EFFECTS
    assert total.get_ylabel() == "loss"
    assert strip.get_xlabel() == "epoch"
    marked = total.lines[-1]
    assert (marked.get_xdata()[0], marked.get_ydata()[0]) == (6, pytest.approx(_run()["validation"][6]))


def test_strip_has_the_colour_of_each_epochs_effect():
    figure = training_curves_figure(**_run(), effects=_EFFECTS)
    by_effect, strip = figure.axes[1:]
    colours = {line.get_label(): line.get_color() for line in by_effect.lines}
    assert colours == {effect: style.colour for effect, style in effect_styles(_EFFECTS).items()}
    for collection, effect in zip(strip.collections, _EFFECTS, strict=True):
        assert to_hex(collection.get_facecolor()[0]) == colours[effect]
        starts = sorted(path.vertices[:, 0].min() + 0.5 for path in collection.get_paths())
        assert starts == [epoch for epoch in range(9) if epoch % 3 == _EFFECTS.index(effect)]


def test_mixed_batches_have_no_strip():
    run = {**_run(), "epoch_effects": []}
    assert len(training_curves_figure(**run).axes) == 2


def test_missing_scores_are_counted_and_bridged(tmp_path):
    run = _run()
    run["validation"][[2, 3]] = np.nan
    figure = training_curves_figure(**run, best_epoch=2)
    assert "Validation: no finite score in 2 of 9 epochs." in figure.get_supxlabel().replace("\n", " ")
    assert len(figure.axes[0].lines[1].get_xdata()) == 7
    assert "best: epoch 2" in _labels(figure.axes[0])
    figure.savefig(tmp_path / "curves.png")


def test_wide_ranges_get_a_logarithmic_axis():
    run = _run()
    run["validation"] = np.geomspace(10, 0.01, 9)
    figure = training_curves_figure(**run)
    assert [axes.get_yscale() for axes in figure.axes[:2]] == ["log", "linear"]
    assert figure.axes[0].get_ylabel() == "score (log)"


def test_one_epoch_one_effect_and_nothing_at_all(tmp_path):
    training_curves_figure([1.0], [1.0], {"delay": [1.0]}, ["delay"], 0).savefig(tmp_path / "one.png")
    training_curves_figure([np.nan], [np.nan], {}, ["delay"]).savefig(tmp_path / "nan.png")
    training_curves_figure([], [], {}, []).savefig(tmp_path / "none.png")


def test_an_effect_that_is_only_trained_is_named():
    run = {**_run(), "epoch_effects": ["leslie"] * 9}
    assert _labels(training_curves_figure(**run).axes[1])[-1] == "leslie (training only)"


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="validation has 8"):
        training_curves_figure(**{**_run(), "validation": np.ones(8)})
    with pytest.raises(ValueError, match="epoch_effects has 1"):
        training_curves_figure(**{**_run(), "epoch_effects": ["delay"]})
