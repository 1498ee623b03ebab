"""The weight of the KL divergence over training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fxstyle.errors import InputError


@dataclass(frozen=True)
class Annealing:
    """A pure function of the position in training, so that a resumed run goes on with the right weight.

    Attributes:
        kind: ``constant``, ``linear`` (rises once and stays) or ``cyclic`` (rises in the first half of each period and
            stays for the second; Fu et al. 2019).
        low: Weight at the start of a rise.
        high: Weight at its end.
        epochs: Length of the rise (linear) or of a period (cyclic), in epochs.
    """

    kind: Literal["constant", "linear", "cyclic"] = "cyclic"
    low: float = 0.0
    high: float = 1e-3
    epochs: float = 12.0

    def __post_init__(self) -> None:
        """Refuse weights that make no sense."""
        if self.kind not in ("constant", "linear", "cyclic"):
            raise InputError(f"loss.beta.kind: {self.kind!r} is unknown; choose constant, linear or cyclic")
        if not (0 <= self.low <= self.high < float("inf") and 0 < self.epochs < float("inf")):
            raise InputError(
                f"loss.beta: needs 0 <= low <= high and epochs > 0, not low={self.low}, high={self.high}, "
                f"epochs={self.epochs}"
            )

    def __call__(self, position: float) -> float:
        """The weight at a position in epochs (3.5 is half-way through the fourth epoch)."""
        if self.kind == "constant":
            return self.high
        rise = position / self.epochs if self.kind == "linear" else 2.0 * (position / self.epochs % 1.0)
        return self.low + (self.high - self.low) * min(rise, 1.0)
