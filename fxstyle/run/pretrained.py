"""An encoder that comes from another run."""

from __future__ import annotations

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.run import folder

_KEY = "model.encoder.run"
_PREFIX = "model."


def adopt_encoder(config: DictConfig) -> dict[str, Tensor] | None:
    """Put the VAE of the run that ``model.encoder.run`` names into the config, and read its weights.

    The config then says by itself what the encoder is built from, so that the run may go.

    Returns:
        The weights of the VAE; ``None`` where no run is named.

    Raises:
        InputError: The run is no representation run, or it listens at another rate or to clips of another length.
    """
    if OmegaConf.select(config, _KEY) is None:
        return None
    where, trained, checkpoint = folder.read_run(config.model.encoder.run)
    if trained.task.name != "representation":
        raise InputError(f"{_KEY}={where} is a run of the task {trained.task.name!r}: give one of representation")
    for key in ("sample_rate", "channels", "data.clip_samples"):
        own, its = OmegaConf.select(config, key), OmegaConf.select(trained, key)
        if own != its:
            raise InputError(f"{_KEY}={where} was trained with {key}={its}, not {own}: set {key}={its}")
    with open_dict(config):
        config.model.encoder.vae = OmegaConf.to_container(trained.model, resolve=True)
    state = folder.load_checkpoint(checkpoint).get("state_dict", {})
    return {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}


def load_encoder(task: pl.LightningModule, weights: dict[str, Tensor] | None) -> None:
    """Load the weights that :func:`adopt_encoder` gave into the task's encoder.

    Raises:
        InputError: When they do not fit.
    """
    if weights is None:
        return
    try:
        task.model.encoder.vae.load_state_dict(weights)  # type: ignore[union-attr]
    except (RuntimeError, AttributeError) as error:
        raise InputError(f"the checkpoint of {_KEY} does not fit its config; give another run") from error
