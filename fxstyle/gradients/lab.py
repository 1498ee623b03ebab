"""The gradient lab: estimates through real effects against the exact gradients of their twins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.renderer import Renderer
from fxstyle.effects.spec import EffectSpec, chain
from fxstyle.gradients.black_box import render_with_gradient, rendered_loss
from fxstyle.gradients.candidates import candidates, movable
from fxstyle.gradients.estimator import Estimator
from fxstyle.gradients.twins import render_twin
from fxstyle.losses.spectral import MultiResolutionSTFT

LEVELS = ("loss", "sound")
EPSILONS = (0.001, 0.003, 0.01, 0.03, 0.1)
DRAWS = (1, 2, 4, 8, 16)
SAMPLE_RATE, SAMPLES, PREROLL = 24_000, 16_384, 2_048


@dataclass(frozen=True)
class Study:
    """How large a study is.

    Attributes:
        settings: Random settings for each effect, each with a clip and a target of its own.
        repeats: Estimates with different keys at each of them.
        seed: Of clips, settings and directions.
    """

    settings: int = 16
    repeats: int = 4
    seed: int = 0


@dataclass(frozen=True)
class Quality:
    """How good one estimator is on one effect.

    Attributes:
        effect: Name of the effect.
        controls: Continuous controls that move.
        level: ``loss`` where the estimator differentiates the loss itself, ``sound`` where it is a layer under it.
        kind: Kind of the estimator.
        draws: Directions of SPSA; 0 for finite differences.
        directions: ``orthogonal``, ``independent`` or ``shared`` by the batch; empty for finite differences.
        epsilon: Size of the steps, as a share of the range.
        renders: Renders of one item beside the one of its settings.
        cosine: Mean cosine between estimate and exact gradient.
        bias: Length of the mean error over that of the exact gradient, without what is left of the variance.
        variance: Mean square distance of an estimate from its mean, over the square of the exact gradient.
        batch_variance: The same for the mean gradient of all settings as one batch.
    """

    effect: str
    controls: int
    level: str
    kind: str
    draws: int
    directions: str
    epsilon: float
    renders: int
    cosine: float
    bias: float
    variance: float
    batch_variance: float


def effects() -> tuple[EffectSpec, ...]:
    """Pedalboard's effects that have a twin: one, two, three and eight controls.

    The time of the delay is held: a whole number of samples has no gradient.
    """
    peak = _effect(
        "PeakFilter",
        Parameter("cutoff_frequency_hz", 100, 6000, 1000, "Hz", "log"),
        Parameter("gain_db", -15, 15, 6, "dB"),
        Parameter("q", 0.3, 6, 1, "", "log"),
        block=512,
    )
    lowpass = _effect("LowpassFilter", Parameter("cutoff_frequency_hz", 300, 8000, 2000, "Hz", "log"), block=512)
    distortion = _effect("Distortion", Parameter("drive_db", 10, 45, 25, "dB"))
    delay = _effect(
        "Delay",
        Parameter("delay_seconds", 0.05, 0.8, 0.1, "s", "log", held=True),
        Parameter("feedback", 0, 0.75, 0.4),
        Parameter("mix", 0.15, 0.6, 0.35),
    )
    gain = _effect("Gain", Parameter("gain_db", -18, 11, 0, "dB"))
    return distortion, delay, peak, chain("chain", (peak, lowpass, distortion, delay, gain))


def _effect(plugin: str, *parameters: Parameter, block: int | None = None) -> EffectSpec:
    return EffectSpec(plugin.removesuffix("Filter").lower(), "pedalboard", plugin, parameters, block=block)


class Bench:
    """One effect at random settings, each with a clip and with a target: the clip at other random settings.

    Args:
        spec: The effect.
        renderer: Renders it.
        study: Number of settings, and the seed.
    """

    def __init__(self, spec: EffectSpec, renderer: Renderer, study: Study) -> None:
        self.spec, self.renderer, self.study = spec, renderer, study
        self.loss = MultiResolutionSTFT()
        source = SyntheticSource(SAMPLE_RATE, seconds=4.0, train_recordings=study.settings, seed=study.seed)
        rng = np.random.default_rng([study.seed, len(spec.parameters)])
        clips, drawn = [], []
        for recording in source.recordings("train"):
            start = int(rng.integers(0, recording.samples - PREROLL - SAMPLES))
            clips.append(source.read(recording, start, PREROLL + SAMPLES))
            drawn.append([spec.sample(rng), spec.sample(rng)])
        self.audio = torch.from_numpy(np.stack(clips))
        settings = np.array(drawn, dtype=np.float32)
        self.parameters = torch.from_numpy(settings[:, 0])
        wanted = renderer.render(self.specs, self.audio.numpy(), settings[:, 1:], SAMPLE_RATE, PREROLL)
        self.target = self.loss.spectra(torch.from_numpy(wanted.audio[:, 0]))
        self.places = movable(spec)

    @property
    def specs(self) -> list[EffectSpec]:
        """The effect of each item."""
        return [self.spec] * self.study.settings

    @cached_property
    def exact(self) -> NDArray[np.float64]:
        """Exact gradients ``(settings, controls)``, through the effect's twin."""
        return self._differentiate(
            lambda p: self.loss(render_twin(self.spec, self.audio, p, SAMPLE_RATE, PREROLL), self.target)
        )

    def losses(self, parameters: Tensor) -> Tensor:
        """The losses ``(settings,)`` at parameters, without a gradient."""
        call = (self.renderer, self.specs, self.audio, parameters.detach(), SAMPLE_RATE, PREROLL)
        return rendered_loss(Estimator(), *call, self._judge, (0,))

    def estimate(self, estimator: Estimator, level: str, key: tuple[int, ...]) -> NDArray[np.float64]:
        """One estimate for each setting, ``(settings, controls)``."""
        call = (estimator, self.renderer, self.specs, self.audio)

        def losses(parameters: Tensor) -> Tensor:
            if level == "sound":
                return self.loss(render_with_gradient(*call, parameters, SAMPLE_RATE, PREROLL, key), self.target)
            return rendered_loss(*call, parameters, SAMPLE_RATE, PREROLL, self._judge, key)

        return self._differentiate(losses)

    def renders(self, estimator: Estimator) -> int:
        """Renders that an estimate takes for each item, beside the one of its settings."""
        return candidates(estimator, self.specs[:1], self.parameters[:1].numpy(), (0,)).positions.shape[1] - 1

    def quality(self, estimator: Estimator, level: str, directions: str = "orthogonal") -> Quality:
        """Judge an estimator; ``independent`` averages as many estimates of a single draw as it has draws."""
        random = estimator.kind == "spsa"
        parts, used = 1, replace(estimator, shared_directions=directions == "shared")
        if directions == "independent":
            parts, used = estimator.draws, replace(estimator, draws=1)
        # Another key at each level, so that the figures of two levels are not each other's echo.
        estimates = np.stack(
            [
                np.mean(
                    [
                        self.estimate(used, level, (self.study.seed, LEVELS.index(level), repeat, part))
                        for part in range(parts)
                    ],
                    axis=0,
                )
                for repeat in range(self.study.repeats if random else 1)
            ]
        )
        cosine, bias, variance, together = errors(estimates, self.exact)
        return Quality(
            effect=self.spec.name,
            controls=len(self.places),
            level=level,
            kind=estimator.kind,
            draws=estimator.draws if random else 0,
            directions=directions if random else "",
            epsilon=estimator.epsilon,
            renders=parts * self.renders(used),
            cosine=cosine,
            bias=bias,
            variance=variance,
            batch_variance=together,
        )

    def _judge(self, wet: Tensor) -> Tensor:
        return self.loss.candidates(wet, self.target)

    def _differentiate(self, losses: Callable[[Tensor], Tensor]) -> NDArray[np.float64]:
        parameters = self.parameters.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(losses(parameters).sum(), parameters)
        return gradient.double().numpy()[:, self.places]


def errors(estimates: NDArray[np.float64], exact: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Cosine, relative bias, relative variance, and that of the batch's mean.

    Args:
        estimates: ``(repeats, settings, controls)``.
        exact: ``(settings, controls)``.
    """
    repeats = len(estimates)
    lengths = np.linalg.norm(estimates, axis=-1) * np.linalg.norm(exact, axis=-1)
    cosine = np.divide((estimates * exact).sum(axis=-1), lengths, out=np.zeros_like(lengths), where=lengths > 0)
    mean, scale = estimates.mean(axis=0), (exact**2).sum()
    spread = ((estimates - mean) ** 2).sum() / max(repeats - 1, 1)
    squared = ((mean - exact) ** 2).sum() - spread / repeats
    batch, whole = estimates.mean(axis=1), exact.mean(axis=0)
    together = ((batch - batch.mean(axis=0)) ** 2).sum() / max(repeats - 1, 1) / (whole**2).sum()
    return float(cosine.mean()), float(np.sqrt(max(squared, 0.0) / scale)), float(spread / scale), float(together)


def run_lab(renderer: Renderer, study: Study, specs: Sequence[EffectSpec] | None = None) -> list[Quality]:
    """Every estimator with every step at both levels; then, at one step, how SPSA should choose its directions."""
    found: list[Quality] = []
    for spec in specs if specs is not None else effects():
        bench = Bench(spec, renderer, study)
        for level in LEVELS:
            for epsilon in EPSILONS:
                for draws in DRAWS:
                    if draws // 2 >= len(bench.places):
                        # No more directions than before are drawn.
                        found.append(replace(found[-1], draws=draws))
                    else:
                        found.append(bench.quality(Estimator("spsa", draws, epsilon), level))
                found += [bench.quality(Estimator(kind, epsilon=epsilon), level) for kind in ("central", "one_sided")]
            found += [bench.quality(Estimator("spsa", 4, 0.01), level, way) for way in ("independent", "shared")]
    return found
