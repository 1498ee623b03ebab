import math

import pytest

from fxstyle.plots.numbers import quantity, short_number

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9, "0.900"),
        (-0.3, "-0.300"),
        (123.4, "123"),
        (999.6, "1,000"),
        (12345.0, "12,345"),
        (0.00012, "1.20e-04"),
        (0.0, "0"),
        (-0.0, "0"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
    ],
)
def test_three_digits_and_no_hidden_nan(value, text):
    assert short_number(value) == text


def test_a_quantity_has_its_unit():
    assert quantity(1200.0, "Hz") == "1,200 Hz"
    assert quantity(0.5) == "0.500"
