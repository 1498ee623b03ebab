"""The LV2 host against DawDreamer (``pip install dawdreamer``), which runs plugins through JUCE, to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fxstyle.effects.hosts import build
from fxstyle.effects.lv2.description import describe
from fxstyle.effects.spec import EffectSpec
from tests.effects.catalogue import configs, effect

pytestmark = pytest.mark.slow

dawdreamer = pytest.importorskip("dawdreamer")

MDA = sorted(name for name, config in configs().items() if config.get("host") == "lv2")
RATE, BLOCK = 24000, 512
SAMPLES = 48 * BLOCK


def rendered_by_dawdreamer(
    spec: EffectSpec, audio: NDArray[np.float32], values: NDArray[np.float64]
) -> NDArray[np.float32]:
    engine = dawdreamer.RenderEngine(RATE, BLOCK)
    player = engine.make_playback_processor("dry", np.repeat(audio, 2 // len(audio), axis=0))
    plugin = engine.make_plugin_processor("wet", spec.plugin)
    # Loading the graph puts every control back.
    engine.load_graph([(player, []), (plugin, ["dry"])])
    places = [entry["name"] for entry in plugin.get_parameters_description()]
    ports = describe(spec.plugin).controls
    for parameter, value in zip(spec.parameters, values, strict=True):
        native = float(np.float32(parameter.to_native(float(value))))
        plugin.set_parameter(places.index(ports[parameter.native_name].name), native)
    engine.render(SAMPLES / RATE)
    wet: NDArray[np.float32] = engine.get_audio()
    return wet[: len(audio), :SAMPLES]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", MDA)
def test_effects_of_the_catalogue(name: str, channels: int) -> None:
    spec = replace(effect(name), block=BLOCK)
    rng = np.random.default_rng(channels)
    process = build(spec)
    for _ in range(3):
        audio = (0.2 * rng.standard_normal((channels, SAMPLES))).astype(np.float32)
        values = spec.to_units(spec.sample(rng))
        np.testing.assert_array_equal(process(audio, values, float(RATE)), rendered_by_dawdreamer(spec, audio, values))
