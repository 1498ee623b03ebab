"""From a config to everything that emulation needs: pairs, DataModule and task."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig

from fxstyle.audio.levels import Level
from fxstyle.data.impulse_pairs import ImpulsePairs
from fxstyle.data.pair import PairSet
from fxstyle.data.pair_module import PairDataModule
from fxstyle.data.recorded_pairs import RecordedPairs
from fxstyle.data.rendered_pairs import RenderedPairs
from fxstyle.doctor.pair import examine_pair
from fxstyle.errors import InputError
from fxstyle.models.emulator import Emulator
from fxstyle.run.arguments import check_arguments
from fxstyle.run.build import build_optimizer, build_rendering, plain_config
from fxstyle.run.emulators import build_emulator
from fxstyle.run.instantiate import build, named_section
from fxstyle.tasks.emulation import Emulation

KINDS = {"recorded": RecordedPairs, "rendered": RenderedPairs, "impulse": ImpulsePairs}
"""Where pairs can come from, by ``data.kind``."""


def build_pairs(config: DictConfig, ranks: int = 1) -> PairSet:
    """The pairs of a config; with ``check=identity`` what goes in has to come out.

    Raises:
        InputError: Files, effect or settings cannot be used.
    """
    options = plain_config(config.data)
    kind = options.pop("kind", None)
    if kind not in KINDS:
        raise InputError(f"data.kind must be one of {', '.join(KINDS)}, not {kind!r}: use data=recorded, for example")
    wanted = inspect.signature(KINDS[kind]).parameters
    options = {name: value for name, value in options.items() if name not in _module_options()}
    with named_section("data"):
        if isinstance(options.get("level"), dict):
            check_arguments(Level, options["level"], "data.level")
            options["level"] = Level(**options["level"])
        if "root" not in wanted:
            # Only there so that other keys can refer to it.
            options.pop("root", None)
        if "sample_rate" in wanted:
            options["sample_rate"] = config.sample_rate
        check_arguments(KINDS[kind], options, "data")
        if kind == "recorded":
            pairs = RecordedPairs(**options).load(examine_pair)
        elif kind == "rendered":
            pairs = _rendered(config, options, ranks)
        else:
            pairs = ImpulsePairs(source=build(config.audio, "audio"), seed=config.seed, **options).load()
    if config.check is None:
        return pairs
    if config.check != "identity":
        raise InputError(f"check must be null or identity, not {config.check!r}")
    return replace(pairs, pairs=tuple(replace(pair, wet=pair.dry) for pair in pairs.pairs))


def _rendered(config: DictConfig, options: dict[str, Any], ranks: int) -> PairSet:
    effects, renderer = build_rendering(config, ranks)
    if len(effects.train) != 1:
        names = ", ".join(effect.name for effect in effects.train)
        raise InputError(f"effects: emulation learns one effect at a time, not {names}: give one, as in effects=ts808")
    try:
        return RenderedPairs(
            effect=effects.train[0], source=build(config.audio, "audio"), renderer=renderer, **options
        ).load()
    finally:
        renderer.close()


def _module_options() -> set[str]:
    """Keys of ``data`` that are the DataModule's; ``pairs`` is a table there, and recordings in memory here."""
    return set(inspect.signature(PairDataModule).parameters) - {"pairs", "seed"}


def build_pair_data(config: DictConfig, pairs: PairSet, context: int) -> PairDataModule:
    """The DataModule of a config; ``context`` samples where it leaves them to the model."""
    options = plain_config(config.data)
    own = {name: value for name, value in options.items() if name in _module_options()}
    with named_section("data"):
        check_arguments(PairDataModule, own, "data")
        if own.get("context_samples") is None:
            own["context_samples"] = context
        return PairDataModule(pairs=pairs, seed=config.seed, **own)


def build_model(config: DictConfig, pairs: PairSet) -> Emulator:
    """The emulator of a config, for the conditions and the rate of its pairs, with freshly seeded weights."""
    pl.seed_everything(config.seed, workers=True, verbose=False)
    model = plain_config(config.model)
    model.pop("training", None)
    return build_emulator(model, pairs.sample_rate, len(pairs.condition_names), pairs.lfo_hz)


def build_emulation(config: DictConfig, ranks: int = 1) -> tuple[PairDataModule, Emulation]:
    """DataModule and task of a config."""
    pairs = build_pairs(config, ranks)
    model = build_model(config, pairs)
    data = build_pair_data(config, pairs, model.receptive_field - 1)
    everywhere = ranks * config.trainer.num_nodes
    for split, items in (("train", data.train_items), ("val", len(pairs.split("val")))):
        if items < everywhere:
            raise InputError(f"data: {items} items to {split} on cannot be shared by {everywhere} devices; use fewer")
    options = {key: value for key, value in config.task.items() if key != "name"}
    loss = build(config.loss, "loss")
    task = build(options, "task", model=model, optimizer=build_optimizer(config), pairs=pairs, **loss)
    return data, task
