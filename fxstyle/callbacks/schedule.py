"""Early stopping in whole effect cycles, and the check that every batch follows the schedule."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, EarlyStopping

from fxstyle.data.dataset import Batch
from fxstyle.data.module import EffectDataModule
from fxstyle.errors import InputError


def _data(trainer: pl.Trainer) -> EffectDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, EffectDataModule)
    return data


class CycleEarlyStopping(EarlyStopping):
    """Stops when the monitored score has not improved for whole cycles of effects.

    Counting epochs would stop inside a cycle, before the effect that helps the score has had its turn.

    Args:
        patience_cycles: Cycles without improvement; one cycle is effects x epochs per effect, 1 epoch when mixed.
        monitor: Logged name to watch; lower is better.
    """

    def __init__(self, patience_cycles: int, monitor: str) -> None:
        if patience_cycles < 1:
            raise InputError(f"callbacks.early_stopping.patience_cycles must be at least 1, not {patience_cycles}")
        super().__init__(monitor, patience=patience_cycles, mode="min", check_on_train_epoch_end=True, verbose=False)
        self.patience_cycles = patience_cycles

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Turn cycles into epochs."""
        super().setup(trainer, pl_module, stage)
        data = _data(trainer)
        self.patience = self.patience_cycles * data.schedule.cycle_epochs(len(data.effects.train))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting, but with this run's patience, which may have been raised."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse a score that nobody logs, and count."""
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(name for name in trainer.callback_metrics if name.startswith("val/")))
            raise InputError(f"callbacks.early_stopping.monitor={self.monitor} is not logged; choose one of {known}")
        super().on_train_epoch_end(trainer, pl_module)


class ScheduleCheck(Callback):
    """Checks that every training batch holds the effects that the schedule gives this epoch, and logs the effect.

    Also logs ``val/score/cycled``, the validation score of the epoch's own effect: what the weekly report monitored.
    """

    def __init__(self) -> None:
        self._expected: set[int] = set()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Work out this epoch's effects."""
        data = _data(trainer)
        effects = data.schedule.effects_of_epoch(trainer.current_epoch, data.train_items, len(data.effects.train))
        self._expected = {int(effect) for effect in effects}
        pl_module.log("train/effect", float(effects[0]) if len(self._expected) == 1 else -1.0)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, index: int
    ) -> None:
        """Refuse a batch of another effect before it is trained on."""
        if index == 0 or batch["effect"].device.type == "cpu":  # a GPU is asked once an epoch only: asking waits for it
            found = set(batch["effect"].tolist())
            if not found <= self._expected:
                raise RuntimeError(
                    f"epoch {trainer.current_epoch} should hold effects {sorted(self._expected)}, but batch {index} "
                    f"holds {sorted(found)}: the data loader does not follow data.schedule"
                )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the score of this epoch's effect beside the mean over all; the validation has ended by now."""
        if len(self._expected) != 1:
            return
        name = _data(trainer).effects.train[next(iter(self._expected))].name
        score: Any = trainer.callback_metrics.get(f"val/score/{name}")
        if score is not None:
            pl_module.log("val/score/cycled", score)
