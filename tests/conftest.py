"""What holds for every test: one mark each, one thread for torch, no network, no writes outside temporary folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

MARKS = ("unit", "system", "slow")
REQUIRE_SYSTEM = "FXSTYLE_REQUIRE_SYSTEM"


def check_lightning() -> None:
    """Refuse releases that steal credentials (2.6.2, 2.6.3) or run code from checkpoints (up to 2.6.5)."""
    for package in ("pytorch-lightning", "lightning"):
        try:
            found = Version(version(package))
        except PackageNotFoundError:
            continue
        if found in (Version("2.6.2"), Version("2.6.3")):
            raise pytest.UsageError(
                f"{package} {found} is a malicious release: delete .venv and change your credentials"
            )
        if found < Version("2.6.6"):
            raise pytest.UsageError(f"{package} {found} runs code from checkpoints: install 2.6.6 or newer")


def pytest_configure(config: pytest.Config) -> None:
    # Before anything imports it: the malicious releases act on import.
    check_lightning()
    import torch

    torch.set_num_threads(1)
    config.stash[_SCRATCH] = scratch = Path(tempfile.mkdtemp(prefix="fxstyle-tests-"))
    os.environ.pop("WANDB_API_KEY", None)
    os.environ["WANDB_MODE"] = "offline"
    for variable in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "FXSTYLE_CACHE"):
        folder = scratch / variable.lower()
        folder.mkdir()
        os.environ[variable] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if scratch := config.stash.get(_SCRATCH, None):
        shutil.rmtree(scratch, ignore_errors=True)


_SCRATCH = pytest.StashKey[Path]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse tests that no make target, or more than one, would run."""
    benchmarks = config.rootpath / "tests" / "benchmarks"
    wrong = [
        f"{item.nodeid} ({', '.join(marks) or 'none'})"
        for item in items
        if len(marks := sorted({mark.name for mark in item.iter_markers() if mark.name in MARKS})) != 1
        and benchmarks not in item.path.parents
    ]
    if wrong:
        raise pytest.UsageError(f"each test needs exactly one mark of {', '.join(MARKS)}; see {'; '.join(wrong[:5])}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the Debian packages must be there, a ``system`` test that is skipped has failed."""
    report = yield
    required = os.environ.get(REQUIRE_SYSTEM, "0") not in ("", "0")
    if required and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("system"):
        reason: Any = report.longrepr
        report.outcome = "failed"
        report.longrepr = (
            f"skipped although {REQUIRE_SYSTEM} is set: {reason[2] if isinstance(reason, tuple) else reason}"
        )
    return report


def require_command(name: str) -> str:
    """The path of a command; skips the test where it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"the command {name!r} is not installed")
    return found


@pytest.fixture(scope="session")
def recordings_root() -> Path:
    """A folder of real dry recordings: ``dry`` in the folder that ``FXSTYLE_RECORDINGS`` names."""
    chosen = os.environ.get("FXSTYLE_RECORDINGS")
    if not chosen:
        pytest.skip("FXSTYLE_RECORDINGS is not set")
    root = Path(chosen) / "dry"
    if not root.is_dir():
        pytest.fail(f"FXSTYLE_RECORDINGS is set, but {root} is not a folder")
    return root
