"""Train a model: compose, guard, build, fit, test, and return the objective of a sweep."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fxstyle.run.conf import CONF
from fxstyle.run.launch import launch, refusing

log = logging.getLogger("fxstyle")


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
@refusing
def main(config: DictConfig) -> float:
    """Run one experiment; see ``python train.py --help``."""
    # Imported here: `--help` and a refused config should not wait for torch.
    from fxstyle.run import guards

    began = time.monotonic()
    guards.check_config(config)

    from fxstyle.run import build, fit, folder, pretrained, tracking

    run_folder = Path(HydraConfig.get().runtime.output_dir)
    folder.refuse_taken(run_folder, config)
    if (reached := folder.finished(run_folder, config)) is not None:
        log.info("%s: finished already, after %d epochs", run_folder, reached["epochs"])
        return fit.objective(reached)
    encoder_weights = pretrained.adopt_encoder(config)
    experiment = build.build_experiment(config, guards.local_ranks(config))
    pretrained.load_encoder(experiment.task, encoder_weights)
    resume = folder.resume_from(config.ckpt, run_folder)
    callbacks = build.build_callbacks(config)
    trainer = build.build_trainer(config, callbacks, [], run_folder)
    try:
        if trainer.is_global_zero:
            folder.start_run(run_folder, config, HydraConfig.get().overrides.task)
        trainer.loggers = tracking.build_loggers(config, build.plain_config(config))
        for note in experiment.data.notes():
            log.info("%s", note)
        stopped_by = fit.fit(trainer, experiment.task, experiment.data, resume)
        best = fit.best_checkpoint(trainer)
        values = fit.summary(trainer, time.monotonic() - began, stopped_by, best)
        if config.test and best is not None and stopped_by != "interrupted":
            trainer.test(
                experiment.task, datamodule=experiment.data, ckpt_path=str(best), weights_only=True, verbose=False
            )
            values |= fit.numbers(trainer, "test/")
        if trainer.is_global_zero:
            folder.write_metrics(run_folder, values)
            log.info("%s after %d epochs; run folder: %s", stopped_by, values["epochs"], run_folder)
    finally:
        tracking.finish_loggers()
    return fit.objective(values)


if __name__ == "__main__":
    launch(main, "train")
