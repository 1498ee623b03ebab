"""Brightness and depth of recordings against timbral-models 0.4.0, run beside the tests."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxstyle.features.timbre import timbre
from tests.benchmarks.test_timbre import run_oracle

pytestmark = pytest.mark.slow


@pytest.mark.skipif("FXSTYLE_TIMBRAL_PYTHON" not in os.environ, reason="FXSTYLE_TIMBRAL_PYTHON names no environment")
@pytest.mark.skipif("FXSTYLE_RECORDINGS" not in os.environ, reason="FXSTYLE_RECORDINGS names no folder")
def test_agrees_with_timbral_models_on_recordings(tmp_path: Path) -> None:
    clips: dict[str, np.ndarray] = {}
    for path in sorted(Path(os.environ["FXSTYLE_RECORDINGS"]).rglob("*.flac"))[:40]:
        samples, rate = soundfile.read(path, frames=3 * soundfile.info(path).samplerate, dtype="float32")
        if np.abs(samples).max() > 1e-3:
            clips[f"{len(clips)}@{rate}"] = samples
    expected = run_oracle(clips, tmp_path)["clips"]
    for key, samples in clips.items():
        found = timbre(samples.T[None], int(key.rsplit("@", 1)[1]))
        assert found.brightness[0] == pytest.approx(expected[key]["brightness"], abs=1e-3), key
        assert found.depth[0] == pytest.approx(expected[key]["depth"], abs=1e-3), key
