"""Whether what was found is used, or the untouched sound is returned."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True)
class Decision:
    """Whether the best settings are used.

    Attributes:
        accepted: False where the dry sound is returned untouched.
        improvement: ``1 - best / identity``; minus infinity where nothing was scored.
        threshold: What the improvement had to exceed.
        reason: One sentence for a person.
    """

    accepted: bool
    improvement: float
    threshold: float
    reason: str


def decide(identity: float, best: float, threshold: float) -> Decision:
    """Use settings only where they come closer to the reference than the dry sound by more than a threshold.

    Args:
        identity: Distance of the untouched dry sound to the reference.
        best: Distance of the best settings found; not finite where there is none.
        threshold: Smallest improvement ``1 - best / identity``, such as 0.05.
    """
    if not isfinite(best):
        return Decision(False, -float("inf"), threshold, "bypassed: no settings could be rendered and scored")
    if not isfinite(identity) or identity <= 0.0:
        return Decision(False, 0.0, threshold, "bypassed: the dry sound cannot be told from the reference")
    improvement = 1.0 - best / identity
    if improvement > threshold:
        return Decision(True, improvement, threshold, f"used: {improvement:.0%} closer to the reference than dry sound")
    if threshold >= 1.0:
        reason = "bypassed: by this run's validation no improvement with this effect and content can be trusted"
    elif improvement <= 0.0:
        reason = "bypassed: no settings come closer to the reference than the dry sound"
    else:
        reason = (
            f"bypassed: the best settings come only {improvement:.1%} closer to the reference than the dry sound, "
            f"{threshold:.1%} are needed"
        )
    return Decision(False, improvement, threshold, reason)
