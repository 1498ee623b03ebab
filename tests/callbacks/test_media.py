from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from fxstyle.callbacks.media import HOP, TRANSFORM, Media, magnitudes
from fxstyle.data.module import EffectDataModule
from fxstyle.errors import InputError
from fxstyle.run import build
from tests.programs import TINY, composed

pytestmark = pytest.mark.unit

SOUNDS = ("dry", "reconstruction", "wet")


class Logger:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.images: dict[str, Any] = {}
        self.sounds: dict[str, Any] = {}

    def log_image(self, key: str, images: list[Any]) -> None:
        self.images[key] = images

    def log_audio(self, key: str, audios: list[Any], **options: Any) -> None:
        self.sounds[key] = (audios, options)


def data_of(folder: Path, channels: int = 1) -> EffectDataModule:
    overrides = ["effects=six_plus_three", *(f"~effects.train.{name}" for name in ("reverb", "delay", "limiter"))]
    return build.build_data(composed("train", [*TINY, *overrides, f"channels={channels}"], folder))


def end_validation(media: Media, data: EffectDataModule, epoch: int = 0, **state: Any) -> Logger:
    """End the validation of an epoch with a task that halves every sound."""
    logger = Logger()
    trainer: Any = SimpleNamespace(
        datamodule=data,
        current_epoch=epoch,
        loggers=[logger, SimpleNamespace()],
        **{"sanity_checking": False, "is_global_zero": True, **state},
    )

    def sounds(batch: Any) -> dict[str, torch.Tensor]:
        return {"dry": batch["dry"], "wet": batch["wet"], "reconstruction": batch["wet"] / 2}

    module: Any = SimpleNamespace(sounds=sounds)
    media.on_validation_epoch_end(trainer, module)
    return logger


@pytest.mark.parametrize("channels", [1, 2])
def test_every_effect_gets_its_sounds_and_a_picture(tmp_path: Path, channels: int) -> None:
    data = data_of(tmp_path, channels)
    logger = end_validation(Media(str(tmp_path / "samples"), 10), data)
    folder = tmp_path / "samples" / "epoch_0000"
    names = [spec.name for spec in data.effects.train]
    assert names == ["compressor", "distortion", "flanger"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [f"{name}.png" for name in names] + [f"{name}_{sound}.flac" for name in names for sound in SOUNDS]
    )
    batch = data.dataset("val").__getitems__(data.fixed_keys("val")[:3])
    for index, name in enumerate(names):
        assert int(batch["effect"][index]) == index
        for sound in SOUNDS:
            audio, rate = soundfile.read(folder / f"{name}_{sound}.flac", always_2d=True)
            expected = batch["dry" if sound == "dry" else "wet"][index].numpy().T / (
                2 if sound == "reconstruction" else 1
            )
            assert (rate, audio.shape) == (24000, (8192, channels))
            np.testing.assert_allclose(audio, np.clip(expected, -1, 1), atol=2e-4)
            ((logged,), options) = logger.sounds[f"media/{name}/{sound}"]
            assert logged.shape == (8192, channels)
            assert options["sample_rate"] == [24000]
            assert name in options["caption"][0]
        with Image.open(folder / f"{name}.png") as picture:
            assert min(picture.size) > 200
        assert logger.images[f"media/{name}/spectrograms"] == [str(folder / f"{name}.png")]


def test_only_the_first_and_every_nth_epoch(tmp_path: Path) -> None:
    data, media = build.build_data(composed("train", [*TINY], tmp_path)), Media(str(tmp_path / "samples"), 2)
    for epoch in range(3):
        end_validation(media, data, epoch)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["epoch_0000", "epoch_0002"]


@pytest.mark.parametrize("state", [{"sanity_checking": True}, {"is_global_zero": False}])
def test_nothing_from_sanity_checks_and_other_ranks(tmp_path: Path, state: dict[str, bool]) -> None:
    end_validation(Media(str(tmp_path / "samples"), 1), data_of(tmp_path), **state)
    assert not (tmp_path / "samples").exists()


def test_media_must_come_now_and_then(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every_epochs must be at least 1"):
        Media(str(tmp_path), 0)


def test_pictures_show_the_mono_sum() -> None:
    time = np.arange(8192, dtype=np.float32) / 24000
    tone = np.sin(2 * np.pi * 3000 * time).astype(np.float32)
    shown = magnitudes(np.stack([tone, tone]))
    assert shown.shape == (TRANSFORM // 2 + 1, 8192 // HOP + 1)
    assert set(shown[:, 4:-4].argmax(axis=0)) == {3000 * TRANSFORM // 24000}
    np.testing.assert_allclose(magnitudes(np.stack([tone, -tone])), 0, atol=1e-4)
