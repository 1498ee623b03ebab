"""What is searched: the free controls of one effect on a few excerpts, with renders counted and memory bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.renderer import Renderer, Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.search.objectives import Objective

_BYTES_AT_ONCE = 128 << 20


@dataclass(frozen=True)
class Excerpt:
    """A piece of the dry sound, and of the reference where that plays the same.

    Attributes:
        dry: ``(channels, preroll + samples)``.
        preroll: Samples before the piece that only warm the effect up.
        reference: ``(channels, samples)`` for matched content, else ``None``.
    """

    dry: NDArray[np.float32]
    preroll: int
    reference: NDArray[np.float32] | None = None


class Problem:
    """Scores settings of an effect; the score is the mean over excerpts, lower is better.

    Settings are positions of *all* parameters of the effect, ``(K, parameters)``; whatever is passed, held ones are at
    their default and stepped ones in the middle of a step. A *render* is one candidate on all excerpts.

    Args:
        spec: The effect, or a chain; its bypass switches are stepped controls like others.
        excerpts: Pieces of the dry sound, all of the same channels.
        sample_rate: In Hz.
        renderer: Renders all candidates of a population in one call for each excerpt.
        objective: Scores what was rendered.

    Attributes:
        renders: Candidates that were rendered, whether or not they could be scored.
        failed: Those of them that failed or were not finite on an excerpt.

    Raises:
        InputError: No excerpt, or the effect has no free control or does not fit the channels.
    """

    def __init__(
        self,
        spec: EffectSpec,
        excerpts: Sequence[Excerpt],
        sample_rate: int,
        renderer: Renderer,
        objective: Objective,
    ) -> None:
        if not excerpts:
            raise InputError("search: there is no excerpt to render")
        self.spec = spec.for_channels(excerpts[0].dry.shape[0])
        self.excerpts = tuple(excerpts)
        self.sample_rate = sample_rate
        self.renders = 0
        self.failed = 0
        self._renderer = renderer
        self._objective = objective
        kinds = [parameter.kind for parameter in self.spec.parameters]
        self.continuous = np.array([place for place, kind in enumerate(kinds) if kind == "continuous"], dtype=np.int64)
        self.stepped = np.array([place for place, kind in enumerate(kinds) if kind == "stepped"], dtype=np.int64)
        if not len(self.continuous) + len(self.stepped):
            raise InputError(
                f"effect {spec.name!r} has no control to search for: choose another effect, or free one of its controls"
            )
        self.free = np.sort(np.concatenate((self.continuous, self.stepped)))
        self.steps = np.array([self.spec.parameters[place].steps for place in self.stepped], dtype=np.int64)
        self.identity = float(
            np.mean([objective(item.dry[None, :, item.preroll :], place)[0] for place, item in enumerate(excerpts)])
        )

    def settle(self, positions: NDArray[np.floating]) -> NDArray[np.float32]:
        """Positions ``(..., parameters)`` as they are rendered: inside 0..1, steps in their middle, held ones held."""
        inside = np.clip(np.asarray(positions, dtype=np.float32), 0.0, 1.0)
        settled = np.broadcast_to(self.spec.defaults, inside.shape).copy()
        settled[..., self.continuous] = inside[..., self.continuous]
        if len(self.stepped):
            chosen = np.minimum(np.floor(inside[..., self.stepped] * self.steps), self.steps - 1)
            settled[..., self.stepped] = (chosen + 0.5) / self.steps
        return settled

    def evaluate(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Scores ``(K,)`` of positions ``(K, parameters)``; ``inf`` where a render failed or was not finite."""
        return self._scored(positions, False)[0]

    def examine(self, positions: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Scores ``(K,)``, and signed differences ``(K, R)`` to the reference whose absolute values sum to them."""
        scores, differences = self._scored(positions, True)
        return scores, np.concatenate(differences, axis=1)

    def _scored(
        self, positions: NDArray[np.floating], differences: bool
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        settled = self.settle(positions)
        scores = np.zeros(len(settled))
        broken = np.zeros(len(settled), dtype=bool)
        rows: list[NDArray[np.float32]] = []
        for number, excerpt in enumerate(self.excerpts):
            size = max(1, _BYTES_AT_ONCE // excerpt.dry.nbytes)
            parts = []
            for start in range(0, len(settled), size):
                piece = slice(start, start + size)
                rendered = self._renderer.render(
                    [self.spec], excerpt.dry[None], settled[None, piece], self.sample_rate, excerpt.preroll
                )
                broken[piece] |= np.isin(rendered.status[0], (Status.FAILED, Status.NOT_FINITE))
                if differences:
                    found, part = self._objective.differences(rendered.audio[0], number)
                    parts.append(part / len(self.excerpts))
                else:
                    found = self._objective(rendered.audio[0], number)
                scores[piece] += found / len(self.excerpts)
            if differences:
                rows.append(np.concatenate(parts))
        self.renders += len(settled)
        self.failed += int(broken.sum())
        return np.where(broken | ~np.isfinite(scores), np.inf, scores), rows
