import itertools

import numpy as np
import pytest

from fxstyle.plots.style import effect_styles

pytestmark = pytest.mark.unit

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
_VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def _lab(colour, vision):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(_VISIONS[vision] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    ratio = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", _VISIONS)
def test_six_training_effects_differ_by_colour_to_every_eye(vision):
    colours = [style.colour for style in effect_styles("abcdef").values()]
    distances = [np.linalg.norm(_lab(a, vision) - _lab(b, vision)) for a, b in itertools.combinations(colours, 2)]
    assert min(distances) > 11


@pytest.mark.parametrize("vision", _VISIONS)
def test_every_colour_is_seen_on_white(vision):
    assert all(_lab(style.colour, vision)[0] < 75 for style in effect_styles("abcdefghi").values())


def test_no_two_of_many_effects_look_the_same():
    styles = effect_styles(str(i) for i in range(60))
    assert len({(style.colour, style.marker) for style in styles.values()}) == 60


def test_a_name_given_twice_takes_one_place():
    assert effect_styles(["a", "b", "a", "c"]) == effect_styles(["a", "b", "c"])
