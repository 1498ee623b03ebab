"""How many settings that training would draw are of no use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.bench import Bench
from fxstyle.doctor.findings import Finding
from fxstyle.effects.renderer import Status

UNUSABLE = 0.05


def check_levels(
    bench: Bench, sounds: Sequence[NDArray[np.float32]], count: int, seed: int, facts: dict[str, Any]
) -> Iterator[Finding]:
    """Draw settings uniformly, and around the presets where there are some, and count silence and clipping.

    Silent is an RMS level below -60 dBFS and clipped is half of the samples at full scale, as renderers judge it; the
    dry sound has a peak of -12 dBFS. Sets ``facts['unusable']`` to shares by way of sampling.
    """
    spec = bench.spec
    ways = {"uniform": replace(spec, sampling="uniform")}
    if spec.presets:
        ways["presets"] = replace(spec, sampling="presets")
    facts["unusable"] = {}
    worst, words = 0.0, []
    for name, way in ways.items():
        share = {Status.SILENT: 0, Status.CLIPPED: 0}
        for number, audio in enumerate(sounds):
            own = range(number, count, len(sounds))
            drawn = [way.sample(np.random.default_rng([seed, 31, index])) for index in own]
            if not drawn:
                continue
            _, status = bench.render(audio, np.stack(drawn))
            for code in share:
                share[code] += int(np.count_nonzero(status == code))
        silent, clipped = share[Status.SILENT] / count, share[Status.CLIPPED] / count
        facts["unusable"][name] = {"silent": silent, "clipped": clipped, "settings": count}
        worst = max(worst, silent + clipped)
        words.append(f"{silent:.0%} silent and {clipped:.0%} clipped of {count} {name} settings")
    if worst:
        yield Finding("silent_or_clipped", " and ".join(words), strength=worst / UNUSABLE)
