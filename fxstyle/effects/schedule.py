"""Which effect each item of an epoch gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fxstyle.errors import InputError

ScheduleKind = Literal["cycle", "shuffled", "mixed"]


@dataclass(frozen=True)
class Schedule:
    """A pure function of the epoch, so that a resumed run goes on where it stopped.

    Attributes:
        kind: ``cycle`` (one effect after the other), ``shuffled`` (a new order in every cycle) or ``mixed`` (every
            batch holds all effects).
        epochs_per_effect: How many epochs each effect stays; must be 1 when mixed.
        seed: Seeds the order of a shuffled schedule.
    """

    kind: ScheduleKind = "cycle"
    epochs_per_effect: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be scheduled."""
        if self.kind not in ("cycle", "shuffled", "mixed"):
            raise InputError(f"data.schedule.kind: {self.kind!r} is unknown; choose cycle, shuffled or mixed")
        if self.epochs_per_effect < 1:
            raise InputError(f"data.schedule.epochs_per_effect must be at least 1, not {self.epochs_per_effect}")
        if self.kind == "mixed" and self.epochs_per_effect != 1:
            raise InputError("data.schedule: a mixed schedule has every effect in every epoch; set epochs_per_effect=1")

    def cycle_epochs(self, effects: int) -> int:
        """Epochs until every effect has had its turn."""
        return 1 if self.kind == "mixed" else effects * self.epochs_per_effect

    def effects_of_epoch(self, epoch: int, items: int, effects: int) -> NDArray[np.int64]:
        """The effect index of each item ``(items,)`` of an epoch."""
        if self.kind == "mixed":
            return (np.arange(items) + epoch) % effects
        turn, place = divmod(epoch // self.epochs_per_effect, effects)
        order = np.arange(effects)
        if self.kind == "shuffled":
            order = np.random.default_rng([self.seed, turn]).permutation(effects)
        return np.full(items, order[place])
