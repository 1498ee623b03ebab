"""What a style benchmark is made of: dry sound, effects and arms, from its config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fxstyle.audio.levels import Level
from fxstyle.audio.source import Source, Split
from fxstyle.effects.parse import EffectSet
from fxstyle.errors import InputError
from fxstyle.report.style_records import IDENTITY, OURS
from fxstyle.run import build
from fxstyle.run.arguments import check_arguments
from fxstyle.run.controllers import load_controller
from fxstyle.run.instantiate import named_section
from fxstyle.run.style_arms import Arm, NearestPreset, RuleBased, blind_arms
from fxstyle.run.style_controllers import Controllers
from fxstyle.run.style_pairs import Content, PairSource
from fxstyle.run.style_searches import Search

_ELSEWHERE = ("root", "test_root", "cache_dir", "sample_rate", "channels")


@dataclass(frozen=True)
class Benchmark:
    """What a config composes to.

    Attributes:
        config: The config.
        out: Where everything goes.
        effects: Seen and unseen effects.
        source: Makes the pairs.
        controllers: Trained runs by name.
        arms: Every arm that is measured, in the order of the tables, with its pairs.
        contents: Contents of the references.
        facts: What results depend on beside the fields of ``source``.
    """

    config: DictConfig
    out: Path
    effects: EffectSet
    source: PairSource
    controllers: Mapping[str, Controllers]
    arms: Mapping[Arm, int]
    contents: tuple[Content, ...]
    facts: Mapping[str, Any]

    @property
    def decides(self) -> bool:
        """Whether ours takes part."""
        return OURS in self.config.arms

    @property
    def ours(self) -> str:
        """The search whose answers ours decides on."""
        return f"hybrid@{self.config.ours_renders}"

    @property
    def names(self) -> list[str]:
        """Arms in the order of the tables."""
        measured = [arm.name for arm in self.arms]
        place = measured.index("oracle") if "oracle" in measured else len(measured)
        return [*measured[:place], *([OURS] if self.decides else []), *measured[place:]]


def prepare(config: DictConfig) -> Benchmark:
    """Build what the config asks for.

    Raises:
        InputError: When it does not fit together.
    """
    out = Path(config.out)
    if any(path.is_file() for path in (out, *out.parents)):
        raise InputError(f"out={out} is a file, or lies below one; give a folder")
    dry, facts = _dry_sound(config)
    effects = build.build_effects(config)
    for effect in effects.all:
        effect.check_rate(config.sample_rate)
    with named_section("level"):
        options = build.plain_config(config.level)
        check_arguments(Level, options, "level")
        level = Level(**options)
    renderer = build.build_renderer(config, 1)
    build.refuse_unsafe(effects, renderer)
    source = PairSource(
        source=dry,
        renderer=renderer,
        level=level,
        preroll=round(config.preroll_seconds * config.sample_rate),
        samples=config.clip_samples,
        wet_probability=float(config.wet_probability),
        seed=config.seed,
    )
    controllers = {
        str(name): Controllers(str(name), run, config.sample_rate, load_controller)
        for name, run in (config.controllers or {}).items()
    }
    contents = tuple(config.contents)
    return Benchmark(config, out, effects, source, controllers, _arms(config, source, controllers), contents, facts)


def _arms(config: DictConfig, source: PairSource, controllers: Mapping[str, Controllers]) -> dict[Arm, int]:
    """Arms in the order of the tables, with their pairs; doing nothing always takes part."""
    blind: dict[str, Arm] = {**blind_arms(source, config.split)}
    simple: dict[str, list[Arm]] = {name: [arm] for name, arm in blind.items()}
    simple["rule_based"] = [RuleBased(config.sample_rate)]
    simple["nearest_preset"] = [NearestPreset(source, config.presets)]
    simple["controllers"] = list(controllers.values())
    order = ("identity", "random", "mid", "mean_preset", "rule_based", "nearest_preset", "controllers")
    chosen = {*config.arms, IDENTITY}
    arms = {arm: config.pairs for name in order if name in chosen for arm in simple[name]}
    budgets: dict[str, list[int]] = {}
    if "searches" in chosen:
        budgets = {str(name): list(values) for name, values in (config.searches or {}).items()}
    elif OURS in chosen:
        budgets = {"hybrid": [config.ours_renders]}
    if config.start is None:
        budgets.pop("hybrid_random", None)
    for name, values in budgets.items():
        for budget in values:
            arms[build_search(config, name, budget, source, controllers, config.split)] = config.search_pairs
    if "oracle" in chosen:
        arms[blind["oracle"]] = config.pairs
    return arms


def build_search(
    config: DictConfig,
    name: str,
    budget: int,
    source: PairSource,
    controllers: Mapping[str, Controllers],
    split: Split,
) -> Search:
    """A search; only ``hybrid`` starts from a controller."""
    start = controllers[config.start] if name == "hybrid" and config.start is not None else None
    return Search(name, "cma" if name == "cma" else "hybrid", budget, source, split, start)


def _dry_sound(config: DictConfig) -> tuple[Source, dict[str, Any]]:
    """The dry sound, and what it depends on wherever it lies."""
    if config.dataset is None:
        section, name = build.plain_config(config.audio), "audio"
    else:
        section = {"_target_": "fxstyle.audio.folder.FolderSource", "root": config.dataset}
        section |= {"sample_rate": config.sample_rate, "channels": config.channels}
        name = "dataset"
    return build.build(section, name), {"audio": _placeless(section)}


def _placeless(section: Any) -> Any:
    if not isinstance(section, dict):
        return section
    return {key: _placeless(value) for key, value in section.items() if key not in _ELSEWHERE}


def dataset_name(config: DictConfig) -> str:
    """What tables call the dry sound."""
    root = config.dataset or OmegaConf.select(config, "audio.root")
    return Path(root).name if root else str(config.audio._target_).rsplit(".", 1)[-1]
