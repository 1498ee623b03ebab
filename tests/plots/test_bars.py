import math

import pytest
from matplotlib.colors import to_hex

from fxstyle.plots.bars import Bar, baseline_bars_figure
from fxstyle.plots.style import BASELINE, MODEL

pytestmark = pytest.mark.unit


def _rows():
    return [
        Bar(metric, arm, value, value - 0.05, value + 0.04)
        for metric, values in {"r2": (0.9, 0.7), "score": (0.2, 0.5), "knn": (0.8, 0.6), "mad": (1, 2)}.items()
        for arm, value in zip(("identity", "model"), values, strict=True)
    ]


def _caption(figure):
    return figure.get_supxlabel().replace("\n", " ")


def test_one_chart_per_metric_with_the_model_first():
    figure = baseline_bars_figure(_rows(), {"r2": "higher", "score": "lower"})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["r2", "score", "knn", "mad"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["higher is better", "lower is better", "", ""]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["model", "identity"]
    colours = [to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches]
    assert colours == [MODEL, BASELINE]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.7, 0.9]
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]


def test_whiskers_span_the_interval():
    axes = baseline_bars_figure([Bar("r2", "model", -0.2, -0.5, 0.1)]).axes[0]
    assert list(axes.lines[1].get_xdata()) == [-0.5, 0.1]
    assert axes.texts[0].get_text() == "-0.200"


def test_what_is_missing_is_said():
    rows = [Bar("r2", "model", 0.5), Bar("r2", "pca", math.nan), Bar("knn", "model", 0.5, 0.4, 0.6)]
    figure = baseline_bars_figure(rows)
    assert "No interval for 2 of 3 bars. 1 of 3 values are not finite." in _caption(figure)
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.500", "NaN"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["0.500", "–"]


def test_only_nan_is_still_a_figure(tmp_path):
    baseline_bars_figure([Bar("a$b", "$model", math.nan)]).savefig(tmp_path / "bars.png")


def test_rows_must_be_there_and_differ():
    with pytest.raises(ValueError, match="at least one"):
        baseline_bars_figure([])
    with pytest.raises(ValueError, match="one row per metric and arm"):
        baseline_bars_figure([Bar("r2", "model", 0.1), Bar("r2", "model", 0.2)])
