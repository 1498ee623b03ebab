"""Evaluate a run on its test recordings: tables, pictures and a report."""

from __future__ import annotations

import logging
from pathlib import Path

import hydra
from omegaconf import DictConfig

from fxstyle.run.conf import CONF
from fxstyle.run.launch import launch, refusing

log = logging.getLogger("fxstyle")


@hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
@refusing
def main(config: DictConfig) -> None:
    """Evaluate one run, or run a benchmark; see ``python evaluate.py --help``."""
    # Imported here: `--help` and a refused config should not wait for torch.
    from fxstyle.run import guards

    guards.check_evaluation(config)

    report: Path | None
    if config.study == "style_benchmark":
        from fxstyle.run.style_benchmark import benchmark

        report = benchmark(config)
    elif config.study == "emulation_table":
        from fxstyle.run.emulation_table import emulation_table

        report = emulation_table(config)
    else:
        from fxstyle.run.evaluate import evaluate_run

        report = evaluate_run(config)
    if report is not None:
        log.info("report: %s", report.resolve())


if __name__ == "__main__":
    launch(main, "evaluate")
