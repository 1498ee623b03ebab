from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from fxstyle.effects.renderer import Limits, ThreadRenderer
from fxstyle.errors import InputError
from fxstyle.losses.annealing import Annealing
from fxstyle.models.spectrogram import Spectrogram
from fxstyle.models.vae import SpectrogramVAE
from fxstyle.run.instantiate import build, named_section

pytestmark = pytest.mark.unit

SPECTROGRAM = {
    "_target_": "fxstyle.models.spectrogram.Spectrogram",
    "n_fft": 256,
    "window": 256,
    "hop": 128,
    "exponent": 0.3,
}


def test_nested_sections_are_built_with_plain_containers() -> None:
    config = OmegaConf.create(
        {
            "samples": 4096,
            "model": {
                "_target_": "fxstyle.models.vae.SpectrogramVAE",
                "samples": "${samples}",
                "audio_channels": 1,
                "channels": [4, 8],
                "latent": 3,
                "spectrogram": SPECTROGRAM,
            },
        }
    )
    model = build(config.model, "model")
    assert isinstance(model, SpectrogramVAE)
    assert isinstance(model.spectrogram, Spectrogram)
    assert (model.samples, model.latent) == (4096, 3)


def test_partial_targets_wait_for_their_arguments() -> None:
    optimizer = build(OmegaConf.create({"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.5}), "optimizer")
    assert isinstance(optimizer, partial)
    assert optimizer([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]["lr"] == 0.5


def test_arguments_arrive_as_they_are() -> None:
    limits = Limits(silence_db=-30)
    renderer = build({"_target_": "fxstyle.effects.renderer.ThreadRenderer", "cores": 2}, "renderer", limits=limits)
    assert isinstance(renderer, ThreadRenderer)
    assert renderer.limits is limits


def test_a_section_without_a_target_is_itself() -> None:
    built = build({"beta": {"_target_": "fxstyle.losses.annealing.Annealing"}, "more": [1]}, "loss")
    assert built == {"beta": Annealing(), "more": [1]}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**SPECTROGRAM, "hpo": 3}, "section 'model' cannot be built: .*'hpo'"),
        ({k: v for k, v in SPECTROGRAM.items() if k != "hop"}, "section 'model' cannot be built: .*'hop'"),
        ({**SPECTROGRAM, "hop": 0}, r"model\.spectrogram: needs 0 < .*hop=0"),
        ({"_target_": "fxstyle.models.vae.SpectrogramVEA"}, "names 'fxstyle.models.vae.SpectrogramVEA', .* not exist"),
        ({"a": [{"b": {**SPECTROGRAM, "hop": 0}}]}, r"model\.spectrogram: needs 0 < .*hop=0"),
    ],
)
def test_what_does_not_fit_is_one_sentence(config: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        build(config, "model")
    assert "\n" not in str(refused.value)


def test_errors_of_a_section_name_it() -> None:
    with pytest.raises(InputError, match="section 'data' cannot be built: wrong"), named_section("data"):
        raise ValueError("wrong")
    with pytest.raises(InputError, match=r"^as it was$"), named_section("data"):
        raise InputError("as it was")
    with pytest.raises(RuntimeError), named_section("data"):
        raise RuntimeError("a bug stays a bug")


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "fxstyle",
        "fxstylesque.Model",
        "torch.load",
        "torch.hub.load",
        "torch.nn",
        "torch.nn.modules.module.torch.load",
        "fxstyle.run.folder.subprocess.run",
        "fxstyle.run.folder.os.remove",
        "fxstyle.run.launch.sys.exit",
        "fxstyle.run.instantiate.instantiate",
        # These are part of the packages, but do more than build a part of an experiment.
        "fxstyle.run.folder._git",
        "fxstyle.run.folder.write_text",
        "fxstyle.run.folder.load_checkpoint",
        "fxstyle.writing.write_text",
        "pytorch_lightning.LightningModule.load_from_checkpoint",
        "pytorch_lightning.core.saving.load_hparams_from_yaml",
        "torch.nn.Module.load_state_dict",
    ],
)
@pytest.mark.parametrize("place", ["top", "nested"])
def test_a_config_cannot_run_anything_else(target: str, place: str) -> None:
    config: Any = {"_target_": target}
    if place == "nested":
        config = {**SPECTROGRAM, "exponent": [config]}
    with pytest.raises(InputError, match=r"config section 'model' names"):
        build(OmegaConf.create(config), "model")


def test_a_git_alias_is_not_a_way_out(tmp_path: Path) -> None:
    config = {
        "_target_": "fxstyle.run.folder._git",
        "_args_": ["-c", f"alias.x=!touch {tmp_path / 'ran'}", "x"],
    }
    with pytest.raises(InputError):
        build(config, "model")
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_not_a_way_out(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.ckpt")
    config = {
        "_target_": "pytorch_lightning.LightningModule.load_from_checkpoint",
        "checkpoint_path": str(tmp_path / "evil.ckpt"),
        "weights_only": False,
    }
    with pytest.raises(InputError):
        build(config, "model")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("escapes", [1, 3, 5])
def test_an_escaped_interpolation_is_not_a_way_out(escapes: int) -> None:
    """What is escaped must not be resolved to a target after the check."""
    config = OmegaConf.create({"a": "\\" * escapes + "${oc.create:{_target_: collections.Counter}}"})
    try:
        built = build(config, "model")
    except InputError:
        return
    assert isinstance(built["a"], str)
