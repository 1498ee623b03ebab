"""The doctor on every effect of conf/effects that needs an installed plugin."""

from __future__ import annotations

import pytest

from tests.doctor.catalogue_examinations import check_effect
from tests.effects.catalogue import with_plugins

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", with_plugins())
def test_nothing_fails_and_each_warning_is_recorded(name: str) -> None:
    check_effect(name)
