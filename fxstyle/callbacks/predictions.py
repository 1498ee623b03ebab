"""The debug view of emulation: prediction against target, to look at and to listen to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback

from fxstyle.audio.files import write_audio
from fxstyle.audio.source import cut
from fxstyle.callbacks.media import HOP, TRANSFORM, magnitudes
from fxstyle.data.pair import Pair
from fxstyle.data.pair_module import PairDataModule
from fxstyle.data.segments import RecordingDataset
from fxstyle.errors import InputError
from fxstyle.plots.prediction import waveform_figure
from fxstyle.plots.spectrogram import spectrogram_figure
from fxstyle.tasks.emulation import Emulation


class Predictions(Callback):
    """Writes an excerpt of each setting to ``samples/`` and to W&B every few epochs.

    Args:
        folder: Where the files go.
        every_epochs: Epochs between two sets; the first and every n-th.
        seconds: Length of an excerpt from the beginning of the setting's first validation recording, in s.
    """

    def __init__(self, folder: str, every_epochs: int, seconds: float) -> None:
        if every_epochs < 1:
            raise InputError(f"callbacks.predictions.every_epochs must be at least 1, not {every_epochs}")
        if not 0 < seconds < float("inf"):
            raise InputError(f"callbacks.predictions.seconds must be above 0, not {seconds}")
        self.folder = Path(folder)
        self.every_epochs = every_epochs
        self.seconds = seconds

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write files and log them."""
        if trainer.sanity_checking or not trainer.is_global_zero or trainer.current_epoch % self.every_epochs:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, PairDataModule)
        assert isinstance(pl_module, Emulation)
        chosen = {pair.setting: pair for pair in reversed(data.pairs.split("val"))}
        rate = data.pairs.sample_rate
        pairs = [self._excerpt(chosen[setting], rate) for setting in sorted(chosen)]
        batch = RecordingDataset(pairs).__getitems__(list(range(len(pairs))))
        moved = {name: tensor.to(pl_module.device) for name, tensor in batch.items()}  # type: ignore[attr-defined]
        made = pl_module.render(moved).cpu().numpy()  # type: ignore[arg-type]
        for pair, prediction in zip(pairs, made, strict=True):
            # Presets have plain names, but a table's settings are whatever somebody typed.
            name = pl_module.settings[pair.setting]
            label = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip(".") or "_"
            sounds = {"dry": pair.dry, "target": pair.wet, "prediction": prediction[:, : pair.samples]}
            self._write(trainer, label, sounds, rate)

    def _excerpt(self, pair: Pair, rate: int) -> Pair:
        samples = min(pair.samples, round(self.seconds * rate))
        dry, wet = cut(pair.dry, 0, samples), cut(pair.wet, 0, samples)
        return Pair(pair.name, pair.recording, pair.split, pair.setting, dry, wet, pair.condition, pair.seconds)

    def _write(self, trainer: pl.Trainer, label: str, sounds: dict[str, NDArray[np.float32]], rate: int) -> None:
        folder = self.folder / f"epoch_{trainer.current_epoch:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        finite = {name: np.clip(np.nan_to_num(audio), -1.0, 1.0) for name, audio in sounds.items()}
        for name, audio in finite.items():
            write_audio(folder / f"{label}_{name}.flac", audio, rate, "PCM_16")
        title = f"{label}, epoch {trainer.current_epoch + 1}"
        pictures = {
            "waveform": waveform_figure(finite["prediction"][0], finite["target"][0], rate, title=title),
            "spectrograms": spectrogram_figure(
                {name: magnitudes(audio) for name, audio in finite.items()},
                np.linspace(0.0, rate / 2, TRANSFORM // 2 + 1),
                HOP / rate,
                title=title,
            ),
        }
        for name, figure in pictures.items():
            figure.savefig(folder / f"{label}_{name}.png", dpi=80)
        for logger in trainer.loggers:
            if not hasattr(logger, "log_image"):
                continue
            for name in pictures:
                logger.log_image(f"media/{label}/{name}", [str(folder / f"{label}_{name}.png")])
            for name, audio in finite.items():
                logger.log_audio(  # type: ignore[attr-defined]
                    f"media/{label}/{name}", [audio.T], sample_rate=[rate], caption=[f"{label} {name}"]
                )
