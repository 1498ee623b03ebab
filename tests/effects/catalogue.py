"""The single effects of conf/effects, and sound to try them on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from fxstyle.effects.parse import parse_effect
from fxstyle.effects.spec import EffectSpec

CONF = Path(__file__).parents[2] / "conf" / "effects"
RATE = 22050


@cache
def configs() -> dict[str, Any]:
    """Effects by name; sets, which Hydra composes, and files that ask any plugin for its controls are left out."""
    found: dict[str, Any] = {}
    for path in sorted(CONF.glob("*.yaml")):
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "defaults" not in loaded and "host" not in loaded:
            assert list(loaded) == [path.stem], f"{path.name} must hold one effect of its own name"
            found |= loaded
    return found


def needs_plugin(config: dict[str, Any]) -> bool:
    """Whether an effect needs a plugin that somebody has to install."""
    return config["host"] in ("lv2", "vst3") or any(map(needs_plugin, config.get("links", {}).values()))


def built_in() -> list[str]:
    """Names of the effects that run wherever the package does."""
    return sorted(name for name, config in configs().items() if not needs_plugin(config))


def with_plugins() -> list[str]:
    """Names of the effects that need an installed plugin; their tests are marked ``system``."""
    return sorted(name for name, config in configs().items() if needs_plugin(config))


@cache
def effect(name: str) -> EffectSpec:
    return parse_effect(name, configs()[name])


def noise(channels: int = 1, samples: int = 8192, seed: int = 0) -> NDArray[np.float32]:
    """Noise with a peak of about -12 dBFS whose level swells, so that dynamics have something to do."""
    rng = np.random.default_rng([seed, channels, samples])
    swell = 0.01 + np.sin(np.linspace(0, 3 * np.pi, samples)) ** 4
    return (0.06 * rng.standard_normal((channels, samples)) * swell).astype(np.float32)
