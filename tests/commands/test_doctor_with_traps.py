"""``fxstyle doctor`` on plugins that take a process down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Run
from tests.effects.native import trap

pytestmark = pytest.mark.system

FEW = ("--quick", "--json", "--memory-limit", "100")


@pytest.mark.parametrize(
    ("deed", "code"),
    [("crash", "crash"), ("hang", "hang"), ("not_a_number", "not_finite"), ("eat_memory", "memory")],
)
def test_a_plugin_that_spoils_renders_fails_with_its_settings(deed: str, code: str, run: Run, tmp_path: Path) -> None:
    # Only the one that hangs is waited for.
    limit = 1.5 if deed == "hang" else 20
    status, text, _ = run("doctor", "plugin", trap(tmp_path, deed), *FEW, "--time-limit", limit)
    found = json.loads(text)
    assert status == 1
    assert not found["passed"]
    failed = [finding for finding in found["findings"] if finding["level"] == "FAIL"]
    assert [finding["code"] for finding in failed] == [code]
    assert "danger" in failed[0]["sentence"]


def test_a_plugin_that_crashes_at_once_fails(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "bad.yaml"
    status, text, error = run("doctor", "plugin", trap(tmp_path, "crash_at_start"), *FEW, "--write", target)
    assert status == 1
    assert [finding["code"] for finding in json.loads(text)["findings"]] == ["crash"]
    assert "was not written" in error
    assert not target.exists()
