"""The doctor on every effect of conf/effects that runs wherever the package does.

Marked ``system``, which CI never leaves out, although no package is needed: unit tests are to take no minutes.
"""

from __future__ import annotations

import pytest

from tests.doctor.catalogue_examinations import check_effect
from tests.effects.catalogue import built_in

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", built_in())
def test_nothing_fails_and_each_warning_is_recorded(name: str) -> None:
    check_effect(name)
