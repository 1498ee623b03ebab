"""The renderer over what limits it: the bare plugin's own ``run()``, the second core, and its own memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.effects.hosts import build
from fxstyle.effects.lv2.description import describe
from fxstyle.effects.lv2.instance import Instance, Prepared
from fxstyle.effects.lv2.running import Controls
from fxstyle.effects.processes import ProcessRenderer
from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.effects.spec import EffectSpec
from tests.effects.catalogue import effect, noise, with_plugins

pytestmark = pytest.mark.timeout(3600)

RATE, SAMPLES, CLIPS, ROUNDS = 24_000, 131_072, 12, 21
MDA = [name for name in with_plugins() if name.startswith("mda_")]
WHOLE = ("reverb", "chorus", "phaser", "compressor", "distortion", "mda_limiter")
"""Effects that take a clip in one call."""


def batch(spec: EffectSpec, clips: int = CLIPS) -> tuple[Any, ...]:
    """Clips through one effect, each with settings of its own."""
    audio = np.stack([noise(1, SAMPLES, seed) for seed in range(clips)])
    rng = np.random.default_rng(0)
    parameters = np.stack([spec.sample(rng) for _ in range(clips)])[:, None]
    return [spec] * clips, audio, parameters, RATE


def interleaved(*runs: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The median of each run's seconds, each round running all of them in turn."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds + 2):
        for place, run in enumerate(runs):
            begin = time.perf_counter()
            run()
            seconds[place].append(time.perf_counter() - begin)
    return [median(taken[2:]) for taken in seconds]


class BarePlugin:
    """One instance for each setting: what is left is the plugin's ``run()`` on the renderer's blocks."""

    def __init__(self, spec: EffectSpec, audio: NDArray[np.float32], parameters: NDArray[np.float32]) -> None:
        plugin = describe(spec.plugin)
        prepared = Prepared(plugin)
        self.size = spec.block or SAMPLES
        self.out = np.empty((2, SAMPLES), np.float32)
        outputs = plugin.select("audio", is_input=False)
        targets = [(port.index, self.out[row].ctypes.data) for row, port in enumerate(outputs)]
        self.calls = []
        for clip, positions in zip(audio, parameters[:, 0], strict=True):
            controls = Controls(plugin, spec)(spec.to_units(positions), RATE)
            sources = [(port.index, clip.ctypes.data) for port in plugin.select("audio", is_input=True)]
            self.calls.append((Instance(prepared, controls, RATE, self.size, spec.block), [*sources, *targets]))

    def run(self) -> None:
        for instance, ports in self.calls:
            instance.run(ports, SAMPLES, self.size)

    def close(self) -> None:
        for instance, _ in self.calls:
            instance.close()


def over_all(figures: dict[str, float]) -> dict[str, Any]:
    named = ", ".join(f"{name.removeprefix('mda_')} {value:.2f}" for name, value in figures.items())
    return {"median over effects": median(figures.values()), "by effect": named}


def test_renderer_over_the_bare_plugin(benchmark: Any) -> None:
    """Items a second of one core, over the same plugins' ``run()`` on the same sound."""
    ratios = {}
    for name in MDA:
        spec = effect(name)
        inputs = batch(spec)
        renderer, bare = ThreadRenderer(1), BarePlugin(spec, inputs[1], inputs[2])
        rendering, running = interleaved(lambda r=renderer, i=inputs: r.render(*i), bare.run)
        ratios[name] = running / rendering
        bare.close()
    benchmark.pedantic(lambda: None)
    benchmark.extra_info.update({**over_all(ratios), "target": "at least 0.9"})


@pytest.mark.parametrize(
    ("engine", "names", "target"),
    [
        pytest.param(ThreadRenderer, WHOLE, 1.8, id="threads, whole-clip effects"),
        pytest.param(ThreadRenderer, MDA, 0, id="threads, mda effects"),
        pytest.param(ProcessRenderer, MDA, 1.6, id="processes, mda effects"),
    ],
)
def test_two_cores_over_one(benchmark: Any, engine: Any, names: Sequence[str], target: float) -> None:
    one, two, alone = engine(1), engine(2), ThreadRenderer(1)
    same, against = {}, {}
    for name in names:
        inputs = batch(effect(name), 24)
        slow, fast, plain = interleaved(
            lambda i=inputs: one.render(*i), lambda i=inputs: two.render(*i), lambda i=inputs: alone.render(*i)
        )
        same[name], against[name] = slow / fast, plain / fast
    benchmark.pedantic(lambda: None)
    benchmark.extra_info.update(
        {"two cores over one of the same engine, " + key: value for key, value in over_all(same).items()}
        | {"two cores over one thread, " + key: value for key, value in over_all(against).items()}
        | {"target": f"at least {target}" if target else "none"}
    )
    for renderer in (one, two, alone):
        renderer.close()


def test_a_change_of_settings_over_a_rebuild(benchmark: Any) -> None:
    """Microseconds from new settings to sound on 64 samples: a kept instance against building the effect anew."""
    changed, rebuilt = {}, {}
    for name in ("mda_overdrive", "mda_ambience", "mda_multiband", "reverb", "compressor"):
        spec = effect(name)
        audio = noise(1, 64)
        rng = np.random.default_rng(0)
        values = [spec.to_units(spec.sample(rng)) for _ in range(200)]
        kept = build(spec)
        change, rebuild = interleaved(
            lambda p=kept, v=values, a=audio: [p(a, x, RATE) for x in v],
            lambda s=spec, v=values, a=audio: [build(s)(a, x, RATE) for x in v],
        )
        changed[name], rebuilt[name] = 1e6 * change / len(values), 1e6 * rebuild / len(values)
    benchmark.pedantic(lambda: None)
    benchmark.extra_info.update(
        {
            "change of settings, us": over_all(changed)["by effect"],
            "effect built anew, us": over_all(rebuilt)["by effect"],
        }
    )


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def test_memory_over_100_000_renders(benchmark: Any) -> None:
    """Every mda effect in turn, a new instance for each render."""
    effects = [effect(name) for name in MDA]
    audio = np.stack([noise(1, 256, seed) for seed in range(len(effects))])
    renderer = ThreadRenderer(1)
    rng = np.random.default_rng(0)
    widest = max(len(spec.parameters) for spec in effects)

    def renders(count: int) -> None:
        for _ in range(count // (10 * len(effects))):
            renderer.render(effects, audio, rng.random((len(effects), 10, widest), dtype=np.float32), RATE)

    renders(10_000)
    before = resident_mb()
    benchmark.pedantic(lambda: renders(100_000), rounds=1)
    benchmark.extra_info.update({"growth over 100,000 renders, MB": resident_mb() - before, "target": "flat"})
