"""Sound and pictures of the validation: dry, wet and what the model makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback

from fxstyle.audio.files import write_audio
from fxstyle.data.module import EffectDataModule
from fxstyle.errors import InputError
from fxstyle.plots.spectrogram import spectrogram_figure

TRANSFORM, HOP = 2048, 512
"""Samples of a transform and between frames in the pictures."""


def magnitudes(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitude spectrogram ``(bins, frames)`` of the mono sum of ``(channels, samples)``, for pictures."""
    window = torch.hann_window(TRANSFORM)
    mono = torch.from_numpy(np.ascontiguousarray(audio)).mean(dim=0)
    return torch.stft(mono, TRANSFORM, HOP, window=window, return_complex=True).abs().numpy()


class Media(Callback):
    """Writes one clip of each training effect to ``samples/`` and to W&B every few epochs.

    A task gives the sounds of a batch by name, in ``sounds``.

    Args:
        folder: Where the files go.
        every_epochs: Epochs between two sets; the first and every n-th.
    """

    def __init__(self, folder: str, every_epochs: int) -> None:
        if every_epochs < 1:
            raise InputError(f"callbacks.media.every_epochs must be at least 1, not {every_epochs}")
        self.folder = Path(folder)
        self.every_epochs = every_epochs

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write files and log them."""
        if trainer.sanity_checking or not trainer.is_global_zero or trainer.current_epoch % self.every_epochs:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, EffectDataModule)
        count = len(data.effects.train)
        batch = data.dataset("val").__getitems__(data.fixed_keys("val")[:count])
        with torch.inference_mode():
            made = pl_module.sounds(batch)  # type: ignore[operator]
        folder = self.folder / f"epoch_{trainer.current_epoch:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        rate = data.source.sample_rate
        for item in range(count):
            spec = data.effects.train[int(batch["effect"][item])]
            sounds = {name: audio[item].cpu().numpy() for name, audio in made.items()}
            for name, audio in sounds.items():
                write_audio(folder / f"{spec.name}_{name}.flac", np.clip(audio, -1.0, 1.0), rate, "PCM_16")
            settings = spec.text(batch["parameters"][item].numpy())
            figure = spectrogram_figure(
                {name: magnitudes(audio) for name, audio in sounds.items()},
                np.linspace(0.0, rate / 2, TRANSFORM // 2 + 1),
                HOP / rate,
                title=f"{spec.name}: {settings}",
            )
            picture = folder / f"{spec.name}.png"
            figure.savefig(picture, dpi=80)
            self._log(trainer, spec.name, sounds, picture, rate)

    def _log(self, trainer: pl.Trainer, effect: str, sounds: dict[str, Any], picture: Path, rate: int) -> None:
        for logger in trainer.loggers:
            if not hasattr(logger, "log_image"):
                continue
            logger.log_image(f"media/{effect}/spectrograms", [str(picture)])
            for name, audio in sounds.items():
                logger.log_audio(  # type: ignore[attr-defined]
                    f"media/{effect}/{name}",
                    [np.clip(audio, -1.0, 1.0).T],
                    sample_rate=[rate],
                    caption=[f"{effect} {name}"],
                )
