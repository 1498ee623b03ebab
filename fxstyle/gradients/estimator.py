"""How the gradient of a black box is estimated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fxstyle.errors import InputError

KINDS = ("spsa", "central", "one_sided")


@dataclass(frozen=True)
class Estimator:
    """A kind of estimate and its steps; the same settings and key always give the same perturbations.

    The defaults are what docs/gradients.md finds best for :func:`fxstyle.gradients.black_box.rendered_loss`; a layer of
    sound, :func:`~fxstyle.gradients.black_box.render_with_gradient`, wants ``central``.

    Attributes:
        kind: ``spsa`` moves all controls at once in random directions (Spall 1992), each time both ways;
            ``central`` and ``one_sided`` are finite differences that move one control at a time.
        draws: Directions of SPSA for each item, with two renders each. Directions of one item are orthogonal, so that
            as many as the next power of two above the number of controls are as good as any more: no more are drawn.
        epsilon: Size of a step, as a share of a control's range.
        final_epsilon: Size of a step at the end of training; ``None`` keeps ``epsilon``.
        steps: Training steps over which ``epsilon`` goes to ``final_epsilon``, by the same factor at each step.
        shared_directions: True to move all items of a batch in the same random directions; their errors then do not
            average out over the batch (docs/gradients.md).
    """

    kind: Literal["spsa", "central", "one_sided"] = "one_sided"
    draws: int = 4
    epsilon: float = 0.03
    final_epsilon: float | None = None
    steps: int = 0
    shared_directions: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that make no sense."""
        if self.kind not in KINDS:
            raise InputError(f"estimator.kind: {self.kind!r} is unknown; choose {', '.join(KINDS)}")
        if isinstance(self.draws, bool) or not isinstance(self.draws, int) or self.draws < 1:
            raise InputError(f"estimator.draws must be a whole number of at least 1, not {self.draws!r}")
        for key, value in (("epsilon", self.epsilon), ("final_epsilon", self.final_epsilon)):
            if value is not None and not (isinstance(value, (int, float)) and 0 < value <= 0.5):
                raise InputError(f"estimator.{key} must be above 0 and at most 0.5, not {value!r}")
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 0:
            raise InputError(f"estimator.steps must be a whole number of at least 0, not {self.steps!r}")
        if (self.final_epsilon is not None) != (self.steps > 0):
            raise InputError("estimator: final_epsilon and steps go together; give both or neither")

    def epsilon_at(self, step: int) -> float:
        """Size of the steps at a training step, counted from 0."""
        if self.final_epsilon is None:
            return self.epsilon
        return self.epsilon * (self.final_epsilon / self.epsilon) ** min(max(step, 0) / self.steps, 1.0)

    def at(self, step: int) -> Estimator:
        """The same estimator with the steps of a training step, counted from 0."""
        return replace(self, epsilon=self.epsilon_at(step), final_epsilon=None, steps=0)
