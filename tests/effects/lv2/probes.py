"""LV2 effects compiled from C that tell what their host does."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fxstyle.effects.hosts import lv2_host
from fxstyle.effects.spec import EffectSpec
from tests.conftest import require_command
from tests.effects.lv2.bundles import URI, bundle, knob, port

OUTPUTS = (
    "late",
    "longest",
    "shortest",
    "longest_option",
    "shortest_option",
    "rate_option",
    "alive",
    "heard",
    "faults",
)
FIRST_OUTPUT = 3


def probe(folder: Path, inputs: int, outputs: int, latency: int = 0, side_chains: int = 0) -> EffectSpec:
    """Compile an effect whose output k is the gain times the sum of ``(1 + j + 10 k)`` times input j."""
    ports = [
        knob(0, "gain", -10, 10, 1),
        knob(1, "whole", 0, 1000, 7, "lv2:portProperty lv2:integer"),
        knob(2, "share", 0, 0.5, 0.25, "lv2:portProperty lv2:sampleRate"),
        *(port(FIRST_OUTPUT + place, "Output Control", name) for place, name in enumerate(OUTPUTS)),
        port(12, "Input Atom", "events_in"),
        port(13, "Output Atom", "events_out", "<http://lv2plug.in/ns/ext/resize-port#minimumSize> 10008"),
        port(14, "Input CV", "unused", "lv2:portProperty lv2:connectionOptional"),
    ]
    if latency:
        ports[FIRST_OUTPUT] = port(3, "Output Control", "late", "lv2:portProperty lv2:reportsLatency")
    for place in range(inputs):
        side = "lv2:portProperty lv2:isSideChain" if place >= inputs - side_chains else ""
        ports.append(port(15 + place, "Input Audio", f"in_{place}", side))
    ports += [port(15 + inputs + place, "Output Audio", f"out_{place}") for place in range(outputs)]
    path = bundle(folder, tuple(ports), "lv2:requiredFeature <http://lv2plug.in/ns/ext/urid#map> ; ")
    sizes = [f"-DINPUTS={inputs}", f"-DOUTPUTS={outputs}", f"-DLATENCY={latency}", f'-DURI="{URI}"']
    source, library = Path(__file__).with_name("probe.c"), path / "thing.so"
    command = [require_command("gcc"), "-shared", "-fPIC", "-O1", "-Wall", "-Werror", *sizes]
    subprocess.run([*command, str(source), "-o", str(library)], check=True)
    return lv2_host.discover("probe", str(path), {})
