from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fxstyle.gradients.lab import DRAWS, EPSILONS, LEVELS, Quality, Study
from fxstyle.gradients.progress import PROGRESS_EPSILONS, Progress
from fxstyle.report.gradient_lab import write

pytestmark = pytest.mark.unit


def rows() -> list[Quality]:
    """Figures that tell where they come from."""
    found = []
    for effect, controls in (("gain", 1), ("chain", 8)):
        for level in LEVELS:
            ways = [("spsa", draws, "orthogonal", epsilon) for draws in DRAWS for epsilon in EPSILONS]
            ways += [(kind, 0, "", epsilon) for kind in ("central", "one_sided") for epsilon in EPSILONS]
            ways += [("spsa", 4, way, 0.01) for way in ("independent", "shared")]
            for kind, draws, way, epsilon in ways:
                cosine = 0.5 + (effect == "chain") / 4 + epsilon
                found.append(
                    Quality(effect, controls, level, kind, draws, way, epsilon, 2 * controls, cosine, 0.25, 7, 9)
                )
    return found


def test_page_numbers_and_picture(tmp_path: Path) -> None:
    progress = [
        Progress(effect, 3, level, kind, 0, epsilon, renders, gain * epsilon)
        for effect, gain in (("delay", 1), ("leslie", 2))
        for level in LEVELS
        for kind, renders in (("central", 6), ("one_sided", 3))
        for epsilon in PROGRESS_EPSILONS
    ]
    write(tmp_path, rows(), progress, Study(settings=3, seed=5), "make gradient-lab", 12)
    page = (tmp_path / "gradients.md").read_text(encoding="utf-8")
    assert "3 random settings" in page
    assert "seed 5" in page
    assert "| one-sided | 0.626 | 0.628 | 0.635 | 0.655 | 0.725 |" in page  # means of both effects
    assert "| spsa 4 | 16 | 0.780 | 0.250 | 7.000 | 0.780 | 0.250 | 7.000 |" in page
    assert "| shared by the batch | 0.760 | 7.000 | 9.000 |" in page
    assert " | 1.5 | 4.5 | 15.0 |" in page
    assert "| central | 0.1 | 10.0 | 20.0 |" in page
    with (tmp_path / "gradients.csv").open(encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert len(read) == len(rows())
    assert float(read[0]["cosine"]) == pytest.approx(0.501)
    assert (tmp_path / "pictures" / "gradient_lab.png").read_bytes().startswith(b"\x89PNG")
