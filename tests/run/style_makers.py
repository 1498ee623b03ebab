"""A style benchmark that is small enough for unit tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.levels import Level
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.run.style_arms import Arm, NearestPreset, RuleBased, blind_arms
from fxstyle.run.style_pairs import PairSource
from fxstyle.run.style_searches import Search
from fxstyle.search.proposal import Proposal

RATE = 16000
SAMPLES = 8192


def pair_source(seed: int = 0, wet_probability: float = 1.0) -> PairSource:
    source = SyntheticSource(
        sample_rate=RATE, channels=1, seconds=2, train_recordings=3, val_recordings=3, test_recordings=3
    )
    return PairSource(source, ThreadRenderer(1), Level(), 1600, SAMPLES, wet_probability, seed)


def few_arms(source: PairSource, pairs: int = 3, searched: int = 2) -> dict[Arm, int]:
    arms: dict[Arm, int] = dict.fromkeys(blind_arms(source, "test").values(), pairs)
    arms |= {RuleBased(RATE): pairs, NearestPreset(source, 5): pairs}
    arms |= {Search("cma", "cma", 8, source, "test"): searched, Search("hybrid", "hybrid", 8, source, "test"): searched}
    return arms


class Told:
    """A controller that always proposes the same, for one effect."""

    def __init__(self, effect: str, place: float) -> None:
        self.effect = effect
        self.place = place
        self.asked = 0

    def check(self, spec: EffectSpec) -> None:
        if spec.name != self.effect:
            raise InputError(f"not for {spec.name}")

    def propose(
        self, spec: EffectSpec, dry: NDArray[np.float32], reference: NDArray[np.float32], sample_rate: int
    ) -> Proposal:
        self.asked += 1
        count = len(spec.parameters)
        mean = np.full(count, self.place, np.float32)
        return Proposal(mean, np.full(count, 0.1, np.float32), (None,) * count)


def run_folder(folder: Path, effect: str, content: bytes = b"weights") -> Path:
    """What looks like a trained run."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "best.ckpt").write_bytes(content)
    (folder / "config.yaml").write_text(f"effects: {{{effect}: {{host: pedalboard}}}}\n")
    return folder
