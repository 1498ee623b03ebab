"""What the benchmarks share: recordings, configs, threads, and a table of what they found."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from fxstyle.audio.generate import generate_files
from fxstyle.run.conf import CONF

FILES, FILE_SECONDS, RATE = 24, 30.0, 24_000
_FIGURES = pytest.StashKey[dict[str, dict[str, Any]]]()
_LOAD_BEFORE = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def dry_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings: ``dry`` in the folder that ``FXSTYLE_RECORDINGS`` names, else generated files."""
    if chosen := os.environ.get("FXSTYLE_RECORDINGS"):
        return Path(chosen) / "dry"
    folder = tmp_path_factory.mktemp("dry")
    for _ in generate_files(folder, FILES, FILE_SECONDS, RATE):
        pass
    return folder


@pytest.fixture(scope="session")
def composed(dry_folder: Path) -> Callable[..., DictConfig]:
    """Composes ``experiment=weekly_report`` on that folder, with further overrides."""

    def compose_with(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose(
                "train",
                overrides=["experiment=weekly_report", "audio=folder", f"audio.root='{dry_folder}'", *overrides],
            )

    return compose_with


@pytest.fixture
def torch_threads() -> Iterator[int]:
    """A thread for each core; ordinary tests have one."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores())
    yield torch.get_num_threads()
    torch.set_num_threads(before)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_average() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def machine() -> str:
    """Processor, cores, system, Python and torch."""
    name = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).is_file():
        models = [line.partition(": ")[2] for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = models[0] if models else name
    return (
        f"{name}, {cores()} cores, {platform.system()}, Python {platform.python_version()}, torch {torch.__version__}"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = {}
    config.stash[_LOAD_BEFORE] = load_average()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    benchmark = getattr(item, "funcargs", {}).get("benchmark")
    if benchmark is not None and benchmark.extra_info:
        item.config.stash[_FIGURES][item.nodeid] = dict(benchmark.extra_info)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.stash[_FIGURES]:
        return
    terminalreporter.section("benchmarks", sep="=")
    terminalreporter.write_line(f"machine: {machine()}")
    # Torch's threads wait for each other: beside another busy program they lose far more than its share.
    terminalreporter.write_line(f"load average before: {config.stash[_LOAD_BEFORE]} (figures need an idle machine)")
    for name, figures in config.stash[_FIGURES].items():
        terminalreporter.section(name.rpartition("/")[2], sep="-")
        for figure, value in figures.items():
            terminalreporter.write_line(f"{figure}: {f'{value:.4g}' if isinstance(value, float) else value}")
