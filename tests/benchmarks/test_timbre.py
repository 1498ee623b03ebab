"""Brightness and depth against timbral-models 0.4.0 on the same clips in the same run.

Set FXSTYLE_TIMBRAL_PYTHON to the python of the environment that ``timbral_models_oracle.py`` describes.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxstyle.features.timbre import timbre
from tests.features import timbre_clips

pytestmark = pytest.mark.slow

ORACLE = Path(__file__).with_name("timbral_models_oracle.py")
RATE = 44_100
REPEATS = 10
SINGLE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run_oracle(clips: dict[str, np.ndarray], folder: Path, repeats: int = 1) -> dict[str, Any]:
    """Values and seconds of timbral-models for clips ``<name>@<rate>``: ``(samples,)`` or ``(samples, channels)``."""
    np.savez(folder / "clips.npz", **clips)
    files = [str(folder / "clips.npz"), str(folder / "oracle.json")]
    command = [os.environ["FXSTYLE_TIMBRAL_PYTHON"], str(ORACLE), *files, str(repeats)]
    subprocess.run(command, check=True, env={**os.environ, **SINGLE_THREAD})
    return json.loads((folder / "oracle.json").read_text())


@pytest.mark.skipif(
    "FXSTYLE_TIMBRAL_PYTHON" not in os.environ,
    reason="FXSTYLE_TIMBRAL_PYTHON names no environment with timbral-models; see timbral_models_oracle.py",
)
def test_brightness_and_depth_of_a_batch(benchmark: Any, tmp_path: Path) -> None:
    from threadpoolctl import threadpool_limits

    batch = np.stack(
        [
            getattr(timbre_clips, name)(RATE).astype(np.float32)
            for name in ("decaying_sine", "noise", "notes", "hits", "swell", "late")
        ]
    )
    oracle = run_oracle({f"{index}@{RATE}": clip for index, clip in enumerate(batch)}, tmp_path, REPEATS)
    theirs = sum(found["seconds"] for found in oracle["clips"].values())
    with threadpool_limits(1):
        found = benchmark.pedantic(timbre, args=(batch, RATE), rounds=REPEATS, warmup_rounds=2)
    expected = list(oracle["clips"].values())
    benchmark.extra_info.update(
        {
            "clips": len(batch),
            "seconds_of_audio": batch.shape[1] / RATE * len(batch),
            "timbral_models_seconds": theirs,
            "times_faster": theirs / benchmark.stats.stats.median,
            "largest_difference_brightness": float(
                np.abs(found.brightness - [c["brightness"] for c in expected]).max()
            ),
            "largest_difference_depth": float(np.abs(found.depth - [c["depth"] for c in expected]).max()),
        }
    )
    print(f"\n{theirs:.3f} s against {benchmark.stats.stats.median:.3f} s: {benchmark.extra_info}")
