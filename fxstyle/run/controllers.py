"""A trained controller, ready to propose settings for anyone's sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from fxstyle.audio.levels import Level, to_db
from fxstyle.audio.resample import fit_length, resample, to_channels
from fxstyle.doctor.fingerprint import response_fingerprint
from fxstyle.effects.renderer import Renderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.models.controller import QueryController, StyleModel
from fxstyle.models.queries import Queries, effect_queries
from fxstyle.run import build, folder
from fxstyle.search.proposal import Proposal
from fxstyle.tasks.style_transfer import StyleTransfer

WINDOWS = 3
"""Places of a long sound that are listened to."""


@dataclass
class LoadedController:
    """A controller with the audio preparation that it was trained with.

    Attributes:
        folder: The run's folder.
        sample_rate: What it listens at, in Hz.
        samples: Samples of what it hears at a time.
        channels: 1 or 2.
        level: The level that dry sound had in training.
        effects: What it was trained on.
        model: Encoder and controller.
        renderer: Measures what the controls of a new effect do.
    """

    folder: Path
    sample_rate: int
    samples: int
    channels: int
    level: Level
    effects: tuple[EffectSpec, ...]
    model: StyleModel
    renderer: Renderer
    _queries: dict[EffectSpec, Queries] = field(default_factory=dict)

    @property
    def takes_any_effect(self) -> bool:
        """Whether it was trained to set effects it has not seen."""
        return isinstance(self.model.controller, QueryController) and len(self.effects) > 1

    def check(self, spec: EffectSpec) -> None:
        """Refuse an effect that the run cannot set, with :class:`InputError`."""
        same = [own for own in self.effects if (own.host, own.plugin) == (spec.host, spec.plugin)]
        names = [parameter.name for parameter in spec.parameters]
        if self.takes_any_effect or any([p.name for p in own.parameters] == names for own in same):
            return
        trained = ", ".join(effect.name for effect in self.effects)
        raise InputError(
            f"run={self.folder} is a controller for {trained}, not for {spec.name}: give a run of that effect, one of "
            "several effects, or none"
        )

    def propose(
        self, spec: EffectSpec, dry: NDArray[np.float32], reference: NDArray[np.float32], sample_rate: int
    ) -> Proposal:
        """Settings for sound ``(channels, samples)`` of any length, rate (in Hz) and channel count.

        Both are resampled, cut to the loudest places and brought to the level of training by the gain of the dry sound.

        Raises:
            InputError: The run is for another effect.
        """
        ready = [
            to_channels(resample(sound, sample_rate, self.sample_rate), self.channels) for sound in (dry, reference)
        ]
        gain = np.float32(self.level.gain(ready[0], self.sample_rate, np.random.default_rng(0)))
        windows = [_loudest(sound * gain, self.samples) for sound in ready]
        count = max(len(windows[0]), len(windows[1]))
        pairs = [np.stack([own[index % len(own)] for index in range(count)]) for own in windows]
        every = self.propose_batch(spec, pairs[0], pairs[1])
        means = np.stack([proposal.mean for proposal in every])
        spread = np.sqrt(np.mean([proposal.spread**2 for proposal in every], axis=0) + means.var(axis=0))
        odds = []
        for column, first in enumerate(every[0].steps):
            votes = [share for proposal in every if (share := proposal.steps[column]) is not None]
            odds.append(None if first is None else np.mean(votes, axis=0))
        return Proposal(means.mean(axis=0), spread.astype(np.float32), tuple(odds))

    def propose_batch(
        self, spec: EffectSpec, dry: NDArray[np.float32], reference: NDArray[np.float32]
    ) -> list[Proposal]:
        """Settings for each item of ``(batch, channels, samples)``, prepared as in training.

        Raises:
            InputError: The run is for another effect.
        """
        queries = self._asked(spec)
        rows = queries.of(torch.zeros(len(dry), dtype=torch.long))
        with torch.inference_mode():
            found = self.model(torch.from_numpy(dry), torch.from_numpy(reference), rows)
            odds = found.logits.softmax(dim=2).numpy()
        steps = queries.steps[0].tolist()
        stepped = found.stepped[0].tolist()
        return [
            Proposal(
                mean=found.mean[item].numpy(),
                # A Laplace distribution's deviation.
                spread=found.spread[item].numpy() * np.float32(2**0.5),
                steps=tuple(
                    odds[item, column, : steps[column]]
                    if stepped[column]
                    else _odds_around(
                        parameter.steps, float(found.mean[item, column]), float(found.spread[item, column])
                    )
                    for column, parameter in enumerate(spec.parameters)
                ),
            )
            for item in range(len(dry))
        ]

    def close(self) -> None:
        """Give the renderer's threads back."""
        self.renderer.close()

    def _asked(self, spec: EffectSpec) -> Queries:
        if spec not in self._queries:
            self.check(spec)
            own = spec if spec.channels == "stereo" else spec.for_channels(self.channels)
            channels = 2 if spec.channels == "stereo" else self.channels
            own.check_rate(self.sample_rate)
            measured = response_fingerprint(own, self.renderer, self.sample_rate, channels)
            self._queries[spec] = effect_queries([(own, measured)], max(1, len(spec.parameters)))
        return self._queries[spec]


def _odds_around(steps: int, place: float, spread: float) -> NDArray[np.float32] | None:
    """Odds of a switch that the controller treats as continuous, since it has many steps; ``None`` without steps.

    Controls that it may not move have their default as the place, and nobody reads their odds.
    """
    if not steps:
        return None
    middles = (np.arange(steps) + 0.5) / steps
    odds = np.exp(-np.abs(middles - place) / spread)
    return (odds / odds.sum()).astype(np.float32)


def _loudest(audio: NDArray[np.float32], samples: int) -> list[NDArray[np.float32]]:
    """Up to three windows ``(channels, samples)`` of the loudest parts, in order; a short sound gives one."""
    count = max(1, audio.shape[1] // samples)
    windows = [fit_length(audio[:, start : start + samples], samples) for start in range(0, count * samples, samples)]
    levels = [to_db(float(np.sqrt(np.mean(np.square(window))))) for window in windows]
    return [windows[place] for place in sorted(np.argsort(levels)[::-1][:WINDOWS])]


def load_controller(run: str | Path, renderer: Renderer | None = None) -> LoadedController:
    """Load the controller of a style transfer run, from its folder or a checkpoint.

    Args:
        run: The folder or the checkpoint.
        renderer: Measures new effects; by default the one of the run's config.

    Raises:
        InputError: There is no such run, it has another task, or its checkpoint does not fit.
    """
    where, config, checkpoint = folder.read_run(run)
    task_name = OmegaConf.select(config, "task.name")
    if task_name != "style_transfer":
        raise InputError(f"run={run} is a run of the task {task_name!r}: give one of style_transfer")
    engine = renderer or build.build_renderer(config, 1)
    effects = build.build_effects(config)
    task = build.build_task(config, effects, engine)
    assert isinstance(task, StyleTransfer)
    try:
        task.load_state_dict(folder.load_checkpoint(checkpoint)["state_dict"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"checkpoint {checkpoint} does not fit the model of {where}/config.yaml") from error
    level = Level(config.data.level.kind, config.data.level.target_db)
    return LoadedController(
        folder=where,
        sample_rate=config.sample_rate,
        samples=config.data.clip_samples,
        channels=config.channels,
        level=level,
        effects=effects.train,
        model=task.model.eval(),
        renderer=engine,
    )
