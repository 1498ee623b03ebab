"""What the identification of modulation effects shares: excerpts, closed forms, the search and its refinement."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import lfilter
from torch import Tensor, nn

from fxstyle.data.pair import Pair
from fxstyle.models.emulator import ConditionedValues
from fxstyle.models.path_filter import PathFilter

Floats = NDArray[np.float64]

_EMPHASIS = 0.95


@dataclass(frozen=True)
class Excerpts:
    """Equally long excerpts of one setting, each with the sound before it.

    Attributes:
        dry: ``(excerpts, context + samples)``.
        wet: ``(excerpts, samples)``.
        seconds: Time since the reset at the first sample of ``dry``, float64 ``(excerpts,)``, in s.
    """

    dry: Tensor
    wet: Tensor
    seconds: Tensor

    @property
    def context(self) -> int:
        """Samples before the excerpt."""
        return self.dry.shape[1] - self.wet.shape[1]

    def first(self, count: int) -> Excerpts:
        """About ``count`` of them, spread over all."""
        chosen = np.unique(np.linspace(0, len(self.dry) - 1, count).round().astype(int))
        return Excerpts(self.dry[chosen], self.wet[chosen], self.seconds[chosen])


def settings_of(pairs: Sequence[Pair]) -> list[tuple[NDArray[np.float32], list[Pair]]]:
    """Pairs by what a model is told of them: conditions ``(conditions,)`` and their pairs."""
    groups: dict[tuple[float, ...], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(tuple(pair.condition.tolist()), []).append(pair)
    return [(np.array(condition, dtype=np.float32), group) for condition, group in groups.items()]


def excerpts_of(pairs: Sequence[Pair], sample_rate: int, context: int, longest: float, most: int) -> Excerpts:
    """The loudest of equally long excerpts from all over the pairs.

    Args:
        pairs: Of one setting.
        sample_rate: In Hz.
        context: Samples before each excerpt; silence before a recording.
        longest: Of an excerpt, in s; shorter where the shortest pair is.
        most: Excerpts.
    """
    samples = min(int(longest * sample_rate), *(pair.samples for pair in pairs))
    found = []
    for pair in pairs:
        dry = np.concatenate([np.zeros(context, np.float32), pair.dry[0]])
        for start in range(0, pair.samples - samples + 1, samples):
            wet = pair.wet[0, start : start + samples]
            seconds = pair.seconds + (start - context) / sample_rate
            found.append((float(wet @ wet), dry[start : start + context + samples], wet, seconds))
    loud = sorted(found, key=lambda item: -item[0])[:most]
    loud.sort(key=lambda item: item[3])
    # Soft passages count as much as loud ones, within 20 dB.
    levels = [max(np.sqrt(energy), 0.1 * np.sqrt(max(item[0] for item in loud)), 1e-9) for energy, *_ in loud]
    return Excerpts(
        torch.from_numpy(np.stack([item[1] / level for item, level in zip(loud, levels, strict=True)])).float(),
        torch.from_numpy(np.stack([item[2] / level for item, level in zip(loud, levels, strict=True)])).float(),
        torch.tensor([item[3] for item in loud], dtype=torch.float64),
    )


def linear_fit(columns: Tensor, target: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Least squares of ``target`` ``(excerpts, samples)`` on ``columns`` ``(columns, excerpts, samples)``.

    Args:
        columns: What is added up.
        target: The sum wanted.
        ridge: Added to the normal equations, as a share of their mean diagonal.

    Returns:
        Coefficients ``(columns,)`` and the residual ``(excerpts, samples)``.
    """
    flat = columns.flatten(1).double()
    gram = flat @ flat.T
    gram = gram + torch.eye(len(gram), dtype=torch.float64) * (ridge * gram.diagonal().mean() + 1e-12)
    coefficients = torch.linalg.solve(gram, flat @ target.flatten().double())
    return coefficients, target - (coefficients @ flat).view(target.shape)


@torch.no_grad()
def fit_paths(dry: PathFilter, wet: PathFilter, effect: Tensor, sounds: Excerpts, ridge: float) -> Tensor:
    """Give the dry and the wet path the shares that fit best, in closed form; returns what they leave of the wet sound.

    Args:
        dry: Filters the dry sound.
        wet: Filters the effect's.
        effect: What the effect makes of ``sounds.dry``, of its shape.
        sounds: What is to be explained.
        ridge: See :func:`linear_fit`.
    """
    columns = torch.cat([_shelved(dry.responses, sounds.dry), _shelved(wet.responses, effect)])
    coefficients, left = linear_fit(columns[..., sounds.context :], sounds.wet, ridge)
    dry.shares.base.copy_(coefficients[: len(dry.responses)])
    wet.shares.base.copy_(coefficients[len(dry.responses) :])
    return left


def _shelved(responses: Tensor, audio: Tensor) -> Tensor:
    """``(bands, batch, samples)``; the low-passes as recursions, which is faster than their responses."""
    bands = [audio]
    for response in responses[1:].double().numpy():
        pole = response[1] / response[0]
        bands.append(torch.from_numpy(lfilter([1.0 - pole], [1.0, -pole], audio.double().numpy())).float())
    return torch.stack(bands)


def bright_error(left: Tensor, wet: Tensor) -> float:
    """Error-to-signal ratio of what is left of ``wet`` after pre-emphasis, both ``(excerpts, samples)``."""
    emphasised = [sound[:, 1:] - _EMPHASIS * sound[:, :-1] for sound in (left, wet)]
    return float(emphasised[0].square().sum() / emphasised[1].square().sum().clamp_min(1e-12))


def flat_values(modules: Sequence[ConditionedValues]) -> Floats:
    """The values of models without conditions, one after the other ``(values,)``."""
    return np.concatenate([module.base.detach().double().numpy() for module in modules])


@torch.no_grad()
def set_flat_values(modules: Sequence[ConditionedValues], values: Floats) -> None:
    """The reverse of :func:`flat_values`."""
    start = 0
    for module in modules:
        module.base.copy_(torch.from_numpy(values[start : start + len(module.base)]))
        start += len(module.base)


def search(
    error: Callable[[Floats], float], start: Floats, spread: Floats, evaluations: int, seed: int
) -> tuple[float, Floats]:
    """CMA-ES: the smallest error found and where.

    Args:
        error: To be made small.
        start: Where it begins ``(values,)``.
        spread: Standard deviation of each value at the beginning ``(values,)``.
        evaluations: Most evaluations.
        seed: The search is a pure function of it.

    Source: Hansen 2016, arXiv:1604.00772.
    """
    with warnings.catch_warnings():
        # It imports matplotlib, and complains of what it may not plot.
        warnings.simplefilter("ignore")
        from cma import CMAEvolutionStrategy

        rng = np.random.default_rng(seed)
        strategy = CMAEvolutionStrategy(
            start,
            1.0,
            {
                "CMA_stds": spread,
                "maxfevals": evaluations,
                "randn": lambda *shape: rng.standard_normal(shape),
                "seed": np.nan,
                "tolfun": 1e-5,
                "verbose": -9,
                "verb_log": 0,
                "verb_disp": 0,
            },
        )
        while not strategy.stop():
            asked = strategy.ask()
            strategy.tell(asked, [error(values) for values in asked])
    return float(strategy.result.fbest), np.asarray(strategy.result.xbest)


def refine(
    residual: Callable[[Floats], Tensor], start: Floats, steps: Floats, rounds: int = 12
) -> tuple[float, Floats]:
    """Levenberg-Marquardt with differences in place of derivatives.

    Args:
        residual: From values ``(values,)`` to what is to be made small, of any shape.
        start: Where it begins.
        steps: Size of the differences ``(values,)``.
        rounds: Most Jacobians.

    Returns:
        Sum of squares and where.

    Source: Marquardt 1963; with closed-form gains inside ``residual`` it is variable projection (Golub, Pereyra 1973).
    """
    values, damping = start.copy(), 1e-3
    current = residual(values).flatten().double()
    for _ in range(rounds):
        columns = []
        for place, step in enumerate(steps):
            moved = values.copy()
            moved[place] += step
            columns.append((residual(moved).flatten().double() - current) / step)
        jacobian = torch.stack(columns)
        gram, slope = (jacobian @ jacobian.T).numpy(), (jacobian @ current).numpy()
        before = float(current @ current)
        for _ in range(6):
            scale = np.diag(damping * gram.diagonal() + 1e-12 * (1.0 + gram.diagonal().max()))
            proposal = values - np.linalg.solve(gram + scale, slope)
            tried = residual(proposal).flatten().double()
            if float(tried @ tried) < before:
                values, current, damping = proposal, tried, damping * 0.2
                break
            damping *= 5.0
        if float(current @ current) > (1.0 - 1e-4) * before:
            break
    return float(current @ current), values


@torch.no_grad()
def assign_settings(model: nn.Module, conditions: Floats, settings: Sequence[nn.Module]) -> None:
    """Give a conditioned model the values of models of single settings, by least squares where conditions are knobs.

    Args:
        model: Has conditions.
        conditions: ``(settings, conditions)``.
        settings: The same model without conditions, one for each setting.
    """
    design = np.concatenate([np.ones((len(conditions), 1)), conditions], axis=1)
    if conditions.shape[1] and np.all(conditions.sum(axis=1) == 1.0) and np.all(conditions.max(axis=1) == 1.0):
        # One-hot: a base beside the presets would say the same twice.
        design[:, 0] = 0.0
    parts = dict(model.named_modules())
    single = [dict(item.named_modules()) for item in settings]
    for name, part in parts.items():
        if isinstance(part, ConditionedValues):
            values = np.stack([item[name].base.double().numpy() for item in single])
            solution = np.linalg.lstsq(design, values, rcond=None)[0]
            part.base.copy_(torch.from_numpy(solution[0]))
            part.slope.copy_(torch.from_numpy(solution[1:]))
