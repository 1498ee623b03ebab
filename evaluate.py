"""Evaluate a run on its test recordings: tables, pictures and a report."""

from __future__ import annotations

import logging

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

    if config.study == "style_benchmark":
        from fxstyle.run.style_benchmark import benchmark

        report = benchmark(config)
    else:
        from fxstyle.run.evaluate import evaluate_run

        report = evaluate_run(config)
    log.info("report: %s", report.resolve())


if __name__ == "__main__":
    launch(main, "evaluate")
