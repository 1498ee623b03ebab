from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import open_dict

from fxstyle.audio.folder import FolderSource
from fxstyle.audio.mixed import MixedSource
from fxstyle.audio.source import SPLITS
from fxstyle.audio.synthetic import SyntheticSource

pytestmark = pytest.mark.unit

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize(
    ("name", "kind", "root_key"),
    [
        ("synthetic", SyntheticSource, None),
        ("tones", SyntheticSource, None),
        ("folder", FolderSource, "root"),
        ("mixed", MixedSource, "real.root"),
    ],
)
def test_every_config_builds_its_source(name, kind, root_key, make_folder, cache_dir, monkeypatch):
    monkeypatch.setenv("FXSTYLE_CACHE", str(cache_dir))
    root = make_folder(*[f"{index}.wav" for index in range(4)], seconds=1.1)
    overrides = [f"+audio={name}", "+sample_rate=16000", "+channels=2"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=overrides + ([f"audio.{root_key}={root}"] if root_key else []))
    with open_dict(config):
        source = instantiate(config.audio)
    assert isinstance(source, kind)
    assert (source.sample_rate, source.channels) == (16000, 2)
    for split in SPLITS:
        recording = source.recordings(split)[0]
        assert source.read(recording, 0, 100).shape == (2, 100)
        assert source.weights(split).sum() == pytest.approx(1)
    if name == "tones":
        assert source.style == "tones"
