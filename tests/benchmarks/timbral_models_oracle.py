"""Brightness and depth from timbral-models 0.4.0, run in an environment of its own.

The package is unmaintained and needs shims on current numpy and librosa, so it is an oracle, not a dependency. An
environment for it::

    python3 -m venv timbral_env
    timbral_env/bin/pip install numpy scipy librosa==0.11.0 soundfile pyloudnorm six scikit-learn
    timbral_env/bin/pip install --no-deps timbral-models==0.4.0

``timbral_env/bin/python timbral_models_oracle.py CLIPS.npz RESULT.json`` analyses every array of CLIPS.npz, named
``<name>@<sample rate>``, shape ``(samples,)`` or ``(samples, channels)``, and writes values, seconds and versions. A
number after them repeats the analysis that often; the seconds are the median.
``timbral_env/bin/python timbral_models_oracle.py reference`` renews ``tests/features/timbre_reference.json`` from the
clips of ``tests/features/timbre_clips.py``.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = ("timbral-models", "librosa", "numpy", "scipy", "pyloudnorm", "soxr")
FEATURES = Path(__file__).resolve().parents[1] / "features"


def load_timbral_models() -> tuple[Any, Any]:
    """Import ``timbral_brightness`` and ``timbral_depth`` with the calls that newer libraries renamed put back."""
    import librosa

    np.lib.pad = np.pad
    detect, strength, resample = librosa.onset.onset_detect, librosa.onset.onset_strength, librosa.core.resample
    librosa.onset.onset_detect = lambda y, sr, **options: detect(y=y, sr=sr, **options)
    librosa.onset.onset_strength = lambda y, sr, **options: strength(y=y, sr=sr, **options)
    librosa.core.resample = lambda y, old, new: resample(y, orig_sr=old, target_sr=new)
    brightness = importlib.import_module("timbral_models.Timbral_Brightness").timbral_brightness
    depth = importlib.import_module("timbral_models.Timbral_Depth").timbral_depth
    return brightness, depth


def analyse(clips: dict[str, np.ndarray], repeats: int = 1) -> dict[str, Any]:
    """Values and seconds per clip, after one clip of warm-up (librosa compiles on its first call)."""
    brightness, depth = load_timbral_models()
    warnings.simplefilter("ignore")
    values: dict[str, dict[str, float | None]] = {}
    rate = 44_100
    warm_up = np.random.default_rng(0).standard_normal(rate)
    brightness(warm_up.copy(), fs=rate)
    depth(warm_up.copy(), fs=rate)
    for key, clip in clips.items():
        rate = int(key.rsplit("@", 1)[1])
        samples = np.asarray(clip, dtype=np.float64)
        found: dict[str, float | None] = {}
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            for name, model in (("brightness", brightness), ("depth", depth)):
                try:
                    value = float(model(samples.copy(), fs=rate))
                except Exception as error:
                    print(f"{key}: {name}: {error!r}", file=sys.stderr)
                    value = math.nan
                found[name] = value if math.isfinite(value) else None
            seconds.append(time.perf_counter() - started)
        found["seconds"] = float(np.median(seconds))
        values[key] = found
    return {"versions": {name: version(name) for name in PACKAGES}, "clips": values}


def write(path: Path, result: dict[str, Any]) -> None:
    """Write ``result`` as JSON, complete or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(result, indent=1) + "\n")
    partial.replace(path)


def main(arguments: list[str]) -> None:
    """Run one of the two commands of the module's docstring."""
    if arguments == ["reference"]:
        sys.path.insert(0, str(FEATURES))
        clips = importlib.import_module("timbre_clips").clips()
        result = analyse({key: clip.T if clip.ndim == 2 else clip for key, clip in clips.items()})
        for found in result["clips"].values():
            del found["seconds"]
        result["command"] = "python tests/benchmarks/timbral_models_oracle.py reference"
        write(FEATURES / "timbre_reference.json", result)
    elif len(arguments) in (2, 3):
        with np.load(arguments[0]) as clips:
            loaded = {key: clips[key] for key in clips.files}
        write(Path(arguments[1]), analyse(loaded, int(arguments[2]) if len(arguments) == 3 else 1))
    else:
        raise SystemExit("usage: timbral_models_oracle.py CLIPS.npz RESULT.json [REPEATS], or reference")


if __name__ == "__main__":
    main(sys.argv[1:])
