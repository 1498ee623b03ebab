from __future__ import annotations

import pytest

from fxstyle.errors import InputError
from fxstyle.run.arguments import check_arguments

pytestmark = pytest.mark.unit


class Thing:
    def __init__(
        self, count: int, share: float | None, names: list[str], flag: bool = False, other: object = 1
    ) -> None:
        """Takes one of each kind."""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 1.5}, r"thing\.count must be a whole number, not 1\.5"),
        ({"count": True}, r"thing\.count must be a whole number, not True"),
        ({"count": None}, r"thing\.count must be a whole number, not None"),
        ({"share": "x"}, r"thing\.share must be a number or null, not 'x'"),
        ({"share": float("nan")}, r"thing\.share must be a number or null, not nan"),
        ({"names": "x"}, r"thing\.names must be a list of texts, not 'x'"),
        ({"names": ["x", 1]}, r"thing\.names must be a list of texts"),
        ({"flag": 1}, r"thing\.flag must be true or false, not 1"),
        ({"cuont": 1}, r"'thing' .* no key 'cuont'; choose from count, share, names, flag, other"),
        ("x", r"thing must hold keys \(count, share"),
    ],
)
def test_arguments_of_a_wrong_kind(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_arguments(Thing, values, "thing")


def test_arguments_that_fit() -> None:
    fitting = {"count": -1, "share": 2, "names": [], "flag": True, "other": "x"}
    for values in (fitting, {**fitting, "share": None, "names": ["a"], "other": {"a": 1}}, {}):
        check_arguments(Thing, values, "thing")
