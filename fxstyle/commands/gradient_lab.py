"""``python -m fxstyle.commands.gradient_lab --out docs``: what ``make gradient-lab`` runs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from fxstyle.effects.renderer import Renderer, ThreadRenderer
from fxstyle.effects.safe_renderer import SafeRenderer
from fxstyle.gradients.lab import Study, run_lab
from fxstyle.gradients.progress import run_progress
from fxstyle.report.gradient_lab import write
from fxstyle.run.catalogue import find_effect


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and write its page, numbers and picture."""
    parser = argparse.ArgumentParser(description="Compare estimated gradients with exact ones.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the page, such as docs")
    parser.add_argument("--plugins", nargs="*", default=[], help="also try one step through these effects")
    parser.add_argument("--settings", type=int, default=Study.settings, help="random settings of each effect")
    parser.add_argument("--repeats", type=int, default=Study.repeats, help="estimates at each of them")
    parser.add_argument("--seed", type=int, default=Study.seed)
    chosen = parser.parse_args(arguments)
    study = Study(chosen.settings, chosen.repeats, chosen.seed)
    plugins = [find_effect(name).for_channels(1) for name in chosen.plugins]
    begin = time.process_time()
    rows = run_lab(ThreadRenderer(1), study)
    seconds = time.process_time() - begin
    renderer = cast(Renderer, SafeRenderer(1))
    try:
        progress = run_progress(renderer, study, plugins)
    finally:
        renderer.close()
    named = f' PLUGINS="{" ".join(chosen.plugins)}"' if plugins else ""
    write(chosen.out, rows, progress, study, f"make gradient-lab{named}", seconds)


if __name__ == "__main__":
    main()
