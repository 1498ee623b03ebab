from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes short tones under the given relative names and returns their folder."""

    def make(*names: str, seconds: float = 0.2, rate: int = 8000, channels: int = 1) -> Path:
        root = tmp_path / "recordings"
        for index, name in enumerate(names):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            time = np.arange(round(seconds * rate)) / rate
            tone = 0.5 * np.sin(2 * np.pi * (200 + 10 * index) * time)
            soundfile.write(path, np.stack([tone] * channels, axis=1), rate)
        return root

    return make
