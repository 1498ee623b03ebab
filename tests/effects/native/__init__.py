"""LV2 effects compiled from C that crash, hang, return NaN or eat memory when they are asked to."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import require_command

SOURCE = Path(__file__).with_name("trap.c")
THRESHOLD = 0.9
DEEDS = {"crash": 1, "hang": 2, "not_a_number": 3, "eat_memory": 4, "crash_at_start": 5, "leak": 6, "fork": 7}

_TURTLE = """\
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix doap: <http://usefulinc.com/ns/doap#> .
<{uri}> a lv2:Plugin ; lv2:binary <trap.so> ; doap:name "Trap ({deed})" ; lv2:port
  [ a lv2:InputPort, lv2:ControlPort ; lv2:index 0 ; lv2:symbol "danger" ; lv2:name "Danger" ;
    lv2:default 0.0 ; lv2:minimum 0.0 ; lv2:maximum 1.0 ] ,
  [ a lv2:InputPort, lv2:AudioPort ; lv2:index 1 ; lv2:symbol "in" ; lv2:name "In" ] ,
  [ a lv2:OutputPort, lv2:AudioPort ; lv2:index 2 ; lv2:symbol "out" ; lv2:name "Out" ] .
"""


def trap(folder: Path, deed: str) -> str:
    """Compile a bundle into ``folder`` and give its path; the test is skipped where there is no compiler."""
    compiler = require_command("gcc")
    bundle = folder / f"{deed}.lv2"
    bundle.mkdir()
    uri = f"urn:fxstyle:test:{deed}"
    (bundle / "manifest.ttl").write_text(_TURTLE.format(uri=uri, deed=deed))
    subprocess.run(
        [
            compiler,
            "-shared",
            "-fPIC",
            "-O1",
            f"-DDEED={DEEDS[deed]}",
            f"-DTHRESHOLD={THRESHOLD}f",
            f'-DURI="{uri}"',
            str(SOURCE),
            "-o",
            str(bundle / "trap.so"),
            "-lm",
        ],
        check=True,
    )
    return str(bundle)
