import json
import re

import numpy as np
import pytest
from matplotlib.colors import to_hex

from fxstyle.plots.latent import latent_map_figure, latent_map_html
from fxstyle.plots.style import CLEAN, effect_styles

pytestmark = pytest.mark.unit


def _study(n=30, effects=("ambience", "combo")):
    rng = np.random.default_rng([2, n])
    names = [effects[i // 2 % len(effects)] for i in range(n)]
    return {
        "points": rng.normal(size=(n, 2)),
        "effect_names": names,
        "brightness": rng.uniform(20, 90, n),
        "depth": rng.uniform(20, 90, n),
        "is_wet": np.arange(n) % 2 == 1,
    }


def _page(study, **changes):
    n = len(study["points"])
    extras = {"recordings": [f"take {i}.wav" for i in range(n)], "parameters": [{"threshold": (-18.0, "dB")}] * n}
    return latent_map_html(**study, **{**extras, **changes})


def _caption(figure):
    return figure.get_supxlabel().replace("\n", " ")


def _data(page):
    """Read back the traces that the page hands to plotly.js."""
    call = page.index("Plotly.newPlot(", page.index('id="latent-map"'))
    return json.JSONDecoder().raw_decode(page, page.index("[{", call))[0]


def test_three_panels_with_legend_and_colour_bars():
    figure = latent_map_figure(**_study())
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Effect", "Brightness", "Depth"]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["clean", "ambience", "combo"]
    assert [len(axes.child_axes) for axes in figure.axes] == [0, 1, 1]
    assert [axes.child_axes[0].get_xlabel() for axes in figure.axes[1:]] == ["brightness", "depth"]
    assert _caption(figure) == "30 points: 15 clean, 15 effected."


def test_clean_is_grey_smaller_and_first():
    figure = latent_map_figure(**_study())
    clean, *effected = figure.axes[0].collections
    assert to_hex(clean.get_facecolor()[0]) == CLEAN
    assert all(clean.get_sizes()[0] < other.get_sizes()[0] for other in effected)
    assert len(clean.get_offsets()) == 15


def test_an_effect_keeps_its_colour_when_others_are_absent():
    effects = ["delay", "combo", "ambience"]
    figure = latent_map_figure(**_study(effects=("ambience",)), effects=effects)
    drawn = to_hex(figure.axes[0].collections[1].get_facecolor()[0])
    assert drawn == effect_styles(effects)["ambience"].colour


def test_nan_descriptors_are_hollow_and_counted():
    study = _study()
    study["brightness"][[2, 5, 7]] = np.nan
    figure = latent_map_figure(**study)
    hollow, filled = figure.axes[1].collections
    assert len(hollow.get_offsets()) == 3
    assert len(hollow.get_facecolor()) == 0
    assert len(filled.get_offsets()) == 27
    assert "3 without brightness (NaN), drawn hollow." in _caption(figure)
    assert "depth" not in _caption(figure)


def test_all_nan_descriptors_leave_no_colour_bar(tmp_path):
    study = _study()
    study["brightness"][:] = np.nan
    study["depth"][:] = np.inf
    figure = latent_map_figure(**study)
    assert [len(axes.child_axes) for axes in figure.axes] == [0, 0, 0]
    assert "30 without brightness" in _caption(figure)
    assert "30 without depth" in _caption(figure)
    figure.savefig(tmp_path / "map.png")


def test_positions_that_are_not_finite_are_left_out_and_counted():
    study = _study()
    study["points"][4] = np.nan
    figure = latent_map_figure(**study)
    assert sum(len(drawn.get_offsets()) for drawn in figure.axes[0].collections) == 29
    assert "1 left out: their position is not finite." in _caption(figure)
    assert len(_data(_page(study))[0]["hovertext"]) == 14


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_points(n, tmp_path):
    study = _study(n)
    figure = latent_map_figure(**study, title="few $points$")
    figure.savefig(tmp_path / "map.png")
    assert len(figure.axes) == 3
    assert f"{n} points" in _page(study)


def test_descriptors_of_one_value_and_names_that_look_like_formulas(tmp_path):
    study = _study(effects=("a$_b$", "$\\frac{1}"))
    study["brightness"][:] = 50.0
    latent_map_figure(**study).savefig(tmp_path / "map.png")


def test_panels_are_square_and_hold_every_point():
    figure = latent_map_figure(**_study())
    for axes in figure.axes:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert right - left == pytest.approx(top - bottom)
        for drawn in axes.collections:
            x, y = np.asarray(drawn.get_offsets()).T
            assert ((left < x) & (x < right) & (bottom < y) & (y < top)).all()


def test_lengths_must_agree():
    study = _study()
    with pytest.raises(ValueError, match="depth"):
        latent_map_figure(**{**study, "depth": study["depth"][:-1]})
    with pytest.raises(ValueError, match="recordings and parameters"):
        _page(study, recordings=["one"])


def test_page_switches_the_colouring_and_shows_units():
    study = _study()
    study["depth"][3] = np.nan
    page = _page(study)
    traces = _data(page)
    colourings = json.loads(re.search(r"const colouringOfTrace = (\[.*?\]);", page).group(1))
    assert colourings == ["effect"] * 3 + ["brightness"] + ["depth"] * 2
    assert [trace["visible"] for trace in traces] == [colouring == "effect" for colouring in colourings]
    assert re.findall(r'data-colouring="(\w+)" aria-pressed="(\w+)"', page) == [
        ("effect", "true"),
        ("brightness", "false"),
        ("depth", "false"),
    ]
    text = traces[1]["hovertext"][0]
    assert text.startswith("<b>ambience</b><br>take 1.wav<br>brightness ")
    assert "threshold: -18.0 dB" in text
    assert "depth NaN" in " ".join(traces[2]["hovertext"])


def test_page_escapes_what_comes_from_data():
    hostile = '</script><script>alert("x")</script><b>'
    study = _study(effects=(hostile,))
    page = _page(
        study,
        recordings=[hostile] * 30,
        parameters=[{hostile: (1.0, hostile)}] * 30,
        title=hostile,
        axis_name=hostile,
        effects=[hostile],
    )
    assert hostile not in page
    assert "<script>alert" not in page
    effected = _data(page)[1]
    assert "<script" not in effected["name"] + effected["hovertext"][0]
    assert effected["hovertext"][0].count("&lt;script&gt;") == 4


def test_page_asks_nothing_of_the_network():
    page = _page(_study())
    before, after = page.split("<main>")[0], page[page.index("Plotly.newPlot(", page.index('id="latent-map"')) :]
    assert not re.findall(r"https?:", before + after)
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*\s(?:src|href)=", page)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert "default-src 'none'" in policy
    assert "http" not in policy
    # plotly.js offers to upload a chart unless its buttons are named one by one.
    assert '"modeBarButtons"' in after
    assert "sendChartToCloud" not in after
