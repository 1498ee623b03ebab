"""Pairs made from dry recordings and an effect: each fixed preset is rendered once over whole recordings."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.cache import default_cache_dir
from fxstyle.audio.levels import Level
from fxstyle.audio.source import SPLITS, Source, Split
from fxstyle.data.conditions import preset_conditions
from fxstyle.data.pair import Pair, PairSet
from fxstyle.data.recording_choice import (
    Chosen,
    amount_note,
    check_level,
    check_seconds,
    choose_recordings,
    read_dry,
    take_turns,
)
from fxstyle.data.render_cache import RenderCache, render_keys
from fxstyle.effects.renderer import Renderer, Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

log = logging.getLogger(__name__)

Assignment = Literal["all", "rotate"]
Values = Mapping[str, float | str]


class RenderedPairs:
    """An effect or a chain at some fixed settings, over recordings of a source, in mono.

    Each recording is rendered in one go from the effect's reset at its first sample, without pre-roll, and kept on disk
    under what it was made from.

    Args:
        effect: The effect.
        source: Dry recordings.
        renderer: Renders them; the caller closes it.
        level: Level of the dry sound, applied once and before the effect.
        presets: Names of the effect's presets; ``None`` for all of them, or for its defaults where it has none.
        settings: Values in the parameters' units by name of the setting, in place of the presets; held controls move.
        train_seconds: Most seconds of training recordings, tails included; ``None`` for all. Each setting is rendered
            over them.
        val_seconds: The same of validation.
        test_seconds: The same of the test.
        recording_seconds: Longer recordings are cut to this, so that more of them fit; ``None`` for whole ones.
        tail_seconds: Silence after each recording, for what sounds on.
        assignment: ``all`` puts every recording through every setting; with ``rotate`` the settings take turns in
            training and validation, whose sound then does not grow with the number of settings. The test always has
            all of both.
        lfo_parameter: The parameter that is the LFO's rate in Hz, such as ``rate_hz``, so that the LFO can be given to
            a model.
        cache_dir: Where rendered sound is kept; ``None`` takes ``FXSTYLE_CACHE`` or ``~/.cache/fxstyle``.
        licence: Of the recordings; empty where nothing is known.

    Raises:
        InputError: A preset, parameter or value does not exist, the effect is not made for mono or for the sample rate,
            or an option is wrong.
    """

    def __init__(
        self,
        effect: EffectSpec,
        source: Source,
        renderer: Renderer,
        level: Level,
        presets: Sequence[str] | None = None,
        settings: Mapping[str, Values] | None = None,
        train_seconds: float | None = None,
        val_seconds: float | None = None,
        test_seconds: float | None = None,
        recording_seconds: float | None = None,
        tail_seconds: float = 0.0,
        assignment: Assignment = "all",
        lfo_parameter: str | None = None,
        cache_dir: str | None = None,
        licence: str = "",
    ) -> None:
        limits: dict[Split, float | None] = {"train": train_seconds, "val": val_seconds, "test": test_seconds}
        check_seconds(recording_seconds=recording_seconds, **{f"{key}_seconds": limits[key] for key in SPLITS})
        check_level(level)
        if not 0 <= tail_seconds < float("inf"):
            raise InputError(f"data.tail_seconds is {tail_seconds}: use 0 or more.")
        if assignment not in get_args(Assignment):
            raise InputError(f"data.assignment is {assignment!r}: use all or rotate.")
        if presets is not None and settings is not None:
            raise InputError("data.presets and data.settings both say what to render: use one of them.")
        effect.check_rate(source.sample_rate)
        # A person who sets an effect by hand may move what training holds.
        self.effect = (effect if settings is None else effect.released).for_channels(1)
        self.source = source
        self.renderer = renderer
        self.level = level
        self.settings = _positions(self.effect, presets, settings)
        self.lfo_hz = None if lfo_parameter is None else self._rates(lfo_parameter)
        self.limits = limits
        self.recording_seconds = recording_seconds
        self.tail_seconds = tail_seconds
        self.assignment = assignment
        self.licence = licence
        self.cache = RenderCache((Path(cache_dir).expanduser() if cache_dir else default_cache_dir()) / "rendered")

    def load(self) -> PairSet:
        """Render what is not in the cache and give all pairs.

        Raises:
            InputError: A render failed or was not finite, or a split has no recordings.
        """
        conditions = preset_conditions(tuple(self.settings))
        pairs: list[Pair] = []
        notes = list(self.source.notes())
        for split in SPLITS:
            chosen = choose_recordings(
                self.source, split, self.limits[split], self.recording_seconds, self.tail_seconds
            )
            notes.append(amount_note(self.source, split, chosen))
            for one, places in zip(chosen, self._assign(split, chosen), strict=True):
                dry = read_dry(self.source, one, self.level, self.tail_seconds)
                for place, wet in zip(places, self._render(one, dry, places), strict=True):
                    setting = conditions.settings[place]
                    pairs.append(
                        Pair(
                            name=f"{one.recording.name}/{setting}",
                            recording=one.recording.name,
                            split=split,
                            setting=place,
                            dry=dry,
                            wet=wet,
                            condition=conditions.values[place],
                        )
                    )
        return PairSet(
            name=self.effect.name,
            sample_rate=self.source.sample_rate,
            settings=conditions.settings,
            setting_conditions=conditions.values,
            condition_names=conditions.names,
            pairs=tuple(pairs),
            lfo_hz=self.lfo_hz,
            licence=self.licence,
            notes=tuple(notes),
        )

    def _assign(self, split: Split, chosen: Sequence[Chosen]) -> list[list[int]]:
        """The settings of each recording."""
        if self.assignment == "rotate" and split != "test":
            return take_turns(chosen, len(self.settings))
        return [list(range(len(self.settings))) for _ in chosen]

    def _render(self, one: Chosen, dry: NDArray[np.float32], places: Sequence[int]) -> list[NDArray[np.float32]]:
        """The wet sound of some settings, ``(1, samples)`` each."""
        names = list(self.settings)
        positions = np.stack([self.settings[names[place]] for place in places])
        keys = render_keys(self.effect, positions, dry, self.source.sample_rate)
        found = [self.cache.find(key, dry.shape[-1]) for key in keys]
        missing = [index for index, sound in enumerate(found) if sound is None]
        if missing:
            log.info("rendering %s over %s: %d settings", self.effect.name, one.recording.name, len(missing))
            rendered = self.renderer.render([self.effect], dry[None], positions[missing][None], self.source.sample_rate)
            for order, index in enumerate(missing):
                status = Status(rendered.status[0, order])
                if status in (Status.FAILED, Status.NOT_FINITE):
                    self._refuse(status, names[places[index]], one)
                found[index] = np.ascontiguousarray(rendered.audio[0, order])
                self.cache.keep(keys[index], rendered.audio[0, order])
        return [sound for sound in found if sound is not None]

    def _refuse(self, status: Status, setting: str, one: Chosen) -> None:
        failures = [failure.reason for failure in self.renderer.failures if failure.effect == self.effect.name]
        if status is Status.FAILED:
            reason = failures[-1] if failures else "gave no sound"
        else:
            reason = "gave sound that is not finite or has run away"
        raise InputError(
            f"effect {self.effect.name!r}, setting {setting!r}, {reason} on recording {one.recording.name!r}: leave "
            "the setting or the recording out."
        )

    def _rates(self, parameter: str) -> tuple[float, ...]:
        names = [known.name for known in self.effect.parameters]
        if parameter not in names:
            raise InputError(
                f"data.lfo_parameter: effect {self.effect.name!r} has no parameter {parameter!r}; choose from "
                f"{', '.join(names) or 'none'}."
            )
        units = self.effect.to_units(np.stack(list(self.settings.values())))
        return tuple(float(rate) for rate in units[:, names.index(parameter)])


def _positions(
    effect: EffectSpec, presets: Sequence[str] | None, settings: Mapping[str, Values] | None
) -> dict[str, NDArray[np.float32]]:
    """Normalised positions ``(parameters,)`` by name of the setting."""
    if settings is not None:
        chosen = {str(name): effect.positions(values or {}) for name, values in settings.items()}
    elif presets is not None:
        chosen = {name: effect.preset_positions(effect.preset(name)) for name in presets}
    else:
        chosen = {preset.name: effect.preset_positions(preset) for preset in effect.presets}
        chosen = chosen or {"default": effect.defaults}
    if not chosen:
        raise InputError("data.presets and data.settings name nothing to render: leave them out for all presets.")
    return chosen
