"""The settings that an estimate renders, and what it makes of the differences between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from fxstyle.effects.spec import EffectSpec
from fxstyle.gradients.estimator import Estimator


@dataclass(frozen=True)
class Candidates:
    """Settings around those of a batch, in pairs whose difference tells a slope.

    Attributes:
        positions: ``(batch, candidates, parameters)``; the first candidate is the untouched settings.
        ahead: Which candidate is the first of each pair, ``(pairs,)``.
        behind: Which is the second, ``(pairs,)``.
        steps: How far each parameter really moved from behind to ahead, ``(batch, pairs, parameters)``: less than asked
            for at the ends of its range, and 0 where it stood still.
    """

    positions: NDArray[np.float32]
    ahead: NDArray[np.int64]
    behind: NDArray[np.int64]
    steps: NDArray[np.float32]

    def gradient(self, differences: NDArray[np.floating], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Turn differences between the two of each pair, ``(batch, pairs)``, into a gradient ``(batch, parameters)``.

        Each parameter averages over the usable pairs that moved it; without any its gradient is 0.
        """
        moved = (self.steps != 0) & usable[..., None]
        slopes = np.divide(differences[..., None], self.steps, out=np.zeros(moved.shape), where=moved)
        return (slopes.sum(axis=1) / np.maximum(moved.sum(axis=1), 1)).astype(np.float32)


@lru_cache(maxsize=1024)
def movable(spec: EffectSpec) -> NDArray[np.int64]:
    """Places of the continuous controls that are not held."""
    return np.flatnonzero([parameter.kind == "continuous" for parameter in spec.parameters])


def candidates(
    estimator: Estimator, effects: Sequence[EffectSpec], parameters: NDArray[np.float32], key: tuple[int, ...]
) -> Candidates:
    """Lay out the renders of one step.

    Held and stepped controls, and parameters beyond an effect's own, stand still. Items with fewer pairs than others,
    with finite differences of effects of different size, fill up with their untouched settings.

    Args:
        estimator: Kind and steps.
        effects: One for each item.
        parameters: Positions ``(batch, parameters)``; outside 0..1 they count as the nearer end.
        key: What the random directions depend on, such as (seed, epoch, batch, rank).
    """
    start = np.clip(parameters, 0.0, 1.0)
    places = [movable(spec) for spec in effects]
    if estimator.kind == "spsa":
        moves = _random_moves(estimator, places, parameters.shape, key)
    else:
        moves = np.zeros((len(start), max(map(len, places)), parameters.shape[1]), dtype=np.float32)
        for item, chosen in enumerate(places):
            moves[item, np.arange(len(chosen)), chosen] = estimator.epsilon
    start = start[:, None]
    if estimator.kind == "one_sided":
        # Away from the nearer end, so that the step is as long as asked for.
        moved = start + np.where(start + moves > 1.0, -moves, moves)
        positions = [start, moved]
    else:
        positions = [start, np.clip(start + moves, 0.0, 1.0), np.clip(start - moves, 0.0, 1.0)]
    pairs = np.arange(moves.shape[1])
    ahead = 1 + pairs
    behind = ahead + len(pairs) if estimator.kind != "one_sided" else np.zeros_like(pairs)
    laid = np.concatenate(positions, axis=1)
    return Candidates(laid, ahead, behind, laid[:, ahead] - laid[:, behind])


def _random_moves(
    estimator: Estimator, places: Sequence[NDArray[np.int64]], shape: tuple[int, ...], key: tuple[int, ...]
) -> NDArray[np.float32]:
    """Moves of SPSA ``(batch, pairs, parameters)``; an item's do not depend on the others of its batch."""
    drawn = []
    for item, chosen in enumerate(places):
        rng = np.random.default_rng(key if estimator.shared_directions else (*key, item))
        drawn.append(_directions(rng, estimator.draws, len(chosen)))
    moves = np.zeros((shape[0], max(map(len, drawn)), shape[1]), dtype=np.float32)
    for item, (chosen, directions) in enumerate(zip(places, drawn, strict=True)):
        moves[item, : len(directions), chosen] = np.float32(estimator.epsilon) * directions.T
    return moves


def _directions(rng: np.random.Generator, draws: int, controls: int) -> NDArray[np.float32]:
    """Random directions of -1 and 1, ``(directions, controls)``, that are orthogonal in pairs.

    Rows of a Hadamard matrix with random order and signs: each alone is a Rademacher vector, and together they cancel
    the error that one control's slope makes in another's.
    """
    if controls == 0:
        return np.zeros((0, 0), dtype=np.float32)
    size = 1 << (controls - 1).bit_length()
    rows, columns = rng.permutation(size)[:draws], rng.permutation(size)[:controls]
    signs = rng.choice(np.array([-1.0, 1.0], dtype=np.float32), controls)
    return hadamard(size, dtype=np.float32)[rows][:, columns] * signs
