"""Whatever cannot be used is refused in one sentence, with exit code 2, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from fxstyle.errors import InputError
from fxstyle.run import build, guards
from tests.programs import TINY, check_refused, composed, run, run_here

pytestmark = pytest.mark.unit

RATE = 24000
FOLDERS = tuple(override for override in TINY if not override.startswith("audio."))


def sound(seconds: float = 1.5, channels: int = 1, gain: float = 0.5, seed: int = 0) -> NDArray[np.float64]:
    """Noise that fades, ``(samples, channels)``."""
    samples = round(seconds * RATE)
    noise = np.random.default_rng(seed).standard_normal((samples, channels))
    return gain * noise * np.linspace(1, 0.1, samples)[:, None]


def folder_of(root: Path, *sounds: NDArray[np.float64] | bytes) -> Path:
    root.mkdir(parents=True)
    for index, content in enumerate(sounds):
        path = root / f"{index}.wav"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            soundfile.write(path, content, RATE, subtype="FLOAT")
    return root


SOUNDS = {
    "nothing": ((), "has no audio file"),
    "silence": ((0 * sound(),) * 4, "0.wav is silent"),
    "nan": ((sound() * np.nan,) * 4, "0.wav holds NaN"),
    "damaged": ((b"RIFF" + bytes(range(256)) * 8,) * 4, "0.wav cannot be read"),
    "cut off": ((b"",) * 4, "0.wav cannot be read"),
    "short": ((sound(0.3),) * 4, "0.wav is shorter than 1 s"),
    "too few": ((sound(), sound()), "cannot be split"),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_folders_without_usable_sound(name: str, tmp_path: Path) -> None:
    sounds, words = SOUNDS[name]
    root = folder_of(tmp_path / "sounds", *sounds)
    done = run_here("train", *FOLDERS, "audio=folder", f"audio.root='{root}'", f"run_dir='{tmp_path}/run'")
    check_refused(done, "train", (words,), tmp_path / "run")


@pytest.mark.parametrize(
    ("root", "words"),
    [(None, "audio.root has no value"), ("", "audio.root must be"), ("nowhere", "nowhere is not a folder")],
)
def test_folders_that_are_not_there(root: str | None, words: str, tmp_path: Path) -> None:
    given = [] if root is None else [f"audio.root='{tmp_path / root if root else root}'"]
    done = run_here("train", *FOLDERS, "audio=folder", *given, f"run_dir='{tmp_path}/run'")
    check_refused(done, "train", (words, "audio.root"), tmp_path / "run")


def test_usual_defects_are_no_reason_to_refuse(tmp_path: Path) -> None:
    """Stereo and mono, clipped, above full scale, at another rate, and some files that cannot be used."""
    root = folder_of(
        tmp_path / "sounds",
        sound(channels=2, seed=1),
        sound(seed=2),
        np.clip(sound(gain=3, seed=3), -1, 1),
        sound(gain=20, seed=4),
        sound(channels=6, seed=5),
        b"no sound",
        0 * sound(),
        sound() * np.nan,
    )
    soundfile.write(root / "slow.flac", sound(3, seed=6), 11025)
    options = ("trainer.max_epochs=1", "~callbacks.media", "data.train_items=6", "data.batch_size=6")
    for channels in (1, 2):
        done = run_here(
            "train",
            *FOLDERS,
            *options,
            "audio=folder",
            f"audio.root='{root}'",
            f"channels={channels}",
            f"run_dir='{tmp_path}/run{channels}'",
        )
        assert (done.code, done.err) == (0, "")
        assert "3 files of" in done.out
        assert "were left out" in done.out
        assert (tmp_path / f"run{channels}" / "checkpoints" / "best.ckpt").is_file()


# What is given, and what the sentence must name: the key, and the remedy or the alternatives.
COMMANDS: list[tuple[str, tuple[str, ...]]] = [
    ("~data.batch_size", ("data.batch_size", "whole number")),
    ("logger=wandb logger.wandb.mode=on", ("logger.wandb.mode", "offline")),
    ("logger=wandb logger.wandb.mode=online", ("logger.wandb.mode", "WANDB_API_KEY")),
    ("data.train_itms=3", ("data.train_itms", "did you mean data.train_items?", "batch_size")),
    ("sead=3", ("sead", "did you mean seed?", "sample_rate")),
    ("~data.bach_size", ("data.bach_size", "did you mean data.batch_size?")),
    ("callbacks.media.every=3", ("callbacks.media.every", "every_epochs")),
    ("model=vee", ("model=vee", "did you mean model=vae?", "vae_pooled")),
    ("effects=chorsu", ("effects=chorsu", "did you mean effects=chorus?", "six_plus_three")),
    ("experiment=demoo", ("experiment=demoo", "did you mean experiment=demo?")),
    ("modle=vae", ("modle", "did you mean model?")),
    ("data=3", ("data=3", "must be a string")),
    ("data.batch_size", ("'data.batch_size'", "KEY=VALUE")),
    ("data.batch_size=[", ("'data.batch_size=['", "KEY=VALUE")),
    ("data.batch_size=${nope}", ("data.batch_size", "'nope' not found")),
    ("+data.batch_size=3", ("data.batch_size", "++data.batch_size")),
    ("~effects.distortion", ("effects", "six_plus_three")),
    ("data.train_items=many", ("data.train_items", "whole number", "'many'")),
    ("loss.beta.high=-1", ("loss.beta", "0 <= low <= high")),
]


@pytest.mark.parametrize(("settings", "words"), COMMANDS, ids=[settings for settings, _ in COMMANDS])
def test_commands_that_cannot_be(
    settings: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no W&B key
    done = run_here("train", *TINY, *settings.split(" "), f"run_dir='{tmp_path}/run'")
    check_refused(done, "train", words, tmp_path / "run")


VALUES: list[tuple[str, tuple[str, ...]]] = [
    # Wrong kinds and impossible numbers.
    ("data.train_items=many", ("data.train_items", "whole number", "'many'")),
    ("data.train_items=1.5", ("data.train_items", "whole number")),
    ("data.batch_size=0", ("data.batch_size", "at least 1")),
    ("data.val_items=-1", ("data.val_items", "at least 1")),
    ("data.test_items=null", ("data.test_items", "whole number")),
    ("data.num_workers=-1", ("data.num_workers", "0 or more")),
    ("data.num_workers=two", ("data.num_workers", "whole number")),
    ("data.preroll_seconds=-1", ("data.preroll_seconds", "0 or more")),
    ("data.preroll_seconds=inf", ("data.preroll_seconds", "0 or more")),
    ("data.level=peak", ("data.level", "target_db")),
    ("data.level.kind=loud", ("level kind 'loud'", "lufs")),
    ("data.level.target_db=x", ("data.level.target_db", "a number")),
    ("+data.level.gain=3", ("'gain'", "target_db")),
    ("data.schedule.kind=cycles", ("data.schedule.kind", "shuffled")),
    ("data.schedule.epochs_per_effect=1.5", ("data.schedule.epochs_per_effect", "whole number")),
    ("channels=3", ("channels", "1 (mono) or 2 (stereo)")),
    ("channels=true", ("channels", "1 (mono) or 2 (stereo)")),
    ("sample_rate=0", ("sample_rate", "at least 1")),
    ("sample_rate=10", ("sample_rate", "8000")),
    ("seed=-1", ("seed", "from 0")),
    ("seed=true", ("seed", "from 0")),
    ("test=perhaps", ("test", "true or false")),
    ("name=''", ("name", "''")),
    ("ckpt=3", ("ckpt", "a path")),
    ("loss.beta.high=-1", ("loss.beta", "0 <= low <= high")),
    ("loss.beta.high=nan", ("loss.beta.high", "a number")),
    ("loss.beta.kind=step", ("loss.beta.kind", "cyclic")),
    ("optimizer.lr=-1", ("optimizer", "learning rate: -1")),
    ("optimizer.lr=fast", ("optimizer.lr", "a number")),
    ("model.latent=0", ("model.latent", "positive")),
    ("model.latent=x", ("model.latent", "whole number")),
    ("model.channels=many", ("model.channels", "list of whole numbers")),
    ("renderer.cores=0", ("renderer.cores", "'auto'")),
    ("renderer.limits.silence_db=x", ("renderer.limits.silence_db", "a number")),
    ("callbacks.early_stopping.patience_cycles=0", ("callbacks.early_stopping.patience_cycles", "at least 1")),
    ("callbacks.early_stopping.patience_cycles=x", ("callbacks.early_stopping.patience_cycles", "whole number")),
    ("callbacks.media.every_epochs=0", ("callbacks.media.every_epochs", "at least 1")),
    ("trainer.max_epochs=0", ("trainer.max_epochs", "at least 1")),
    ("trainer.max_epochs=x", ("trainer.max_epochs", "at least 1")),
    ("trainer.devices=0", ("trainer", "devices")),
    ("trainer.precision=12", ("trainer", "Precision 12", "32-true")),
    ("trainer.accelerator=gppu", ("trainer", "gppu", "cpu")),
    ("trainer.gradient_clip_val=x", ("trainer.gradient_clip_val", "a number or null")),
    ("audio.seconds=-1", ("audio.seconds", "0.1 or more")),
    ("audio.train_recordings=1.5", ("audio.train_recordings", "whole number")),
    ("audio.style=opera", ("audio.style", "instruments")),
    ("+data.foo=3", ("'foo'", "train_items")),
    # Effects.
    ("+effects.distortion.flavour=3", ("effects.distortion", "'flavour'", "tail_seconds")),
    ("+effects.distortion.parameters.mix={low:0,high:1,default:0.5}", ("effects.distortion", "'mix'", "drive_db")),
    ("effects.distortion.parameters.drive_db.low=300", ("'drive_db'", "low must be below high")),
    ("effects.distortion.parameters.drive_db=3", ("effects.distortion.parameters.drive_db", "mapping")),
    ("effects.distortion.plugin=Distorsion", ("effects.distortion.plugin", "Distortion")),
    ("effects.distortion.host=vst", ("effects.distortion.host", "pedalboard")),
    # What cannot go together.
    ("model.spectrogram.hop=1024", ("model.spectrogram", "hop=1024")),
    ("model.channels=[4,4,4,4,4,4,4,4]", ("model.channels", "fewer layers", "data.clip_samples")),
    ("data.clip_samples=100", ("data.clip_samples", "longer clips")),
    ("data.schedule.kind=mixed data.schedule.epochs_per_effect=2", ("data.schedule", "epochs_per_effect=1")),
    ("trainer.devices=2 trainer.strategy=ddp data.val_items=1", ("data.val_items=1", "2 devices")),
    ("trainer.devices=3 trainer.strategy=ddp data.train_items=2", ("data.train_items=2", "3 devices")),
    ("model.tasks=[emulation]", ("SpectrogramVAE", "'representation'", "emulation")),
    # What must not run.
    ("model._target_=os.system", ("'model'", "'os.system'")),
    ("model.spectrogram._target_=os.system", ("'model'", "'os.system'")),
    ("renderer.limits._target_=os.system", ("'renderer'", "'os.system'")),
]


@pytest.fixture(scope="module")
def composed_once(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return OmegaConf.to_container(composed("train", [*TINY], tmp_path_factory.mktemp("usual")))


@pytest.fixture
def usual(composed_once: Any) -> DictConfig:
    return OmegaConf.create(composed_once)


@pytest.mark.parametrize(("settings", "words"), VALUES, ids=[settings for settings, _ in VALUES])
def test_values_that_cannot_be(settings: str, words: tuple[str, ...], usual: DictConfig, tmp_path: Path) -> None:
    """As the commands above, but without the part that Hydra plays, which takes most of the time."""
    for override in OverridesParser.create().parse_overrides(settings.split(" ")):
        OmegaConf.update(usual, override.key_or_group, override.value())
    with pytest.raises(InputError) as refused:
        prepare(usual, tmp_path)
    sentence = str(refused.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_usual_values_are_fine(usual: DictConfig, tmp_path: Path) -> None:
    prepare(usual, tmp_path)


def prepare(config: DictConfig, folder: Path) -> None:
    """Everything that ``train.py`` does before it computes."""
    guards.check_config(config)
    build.build_experiment(config, guards.local_ranks(config))
    build.build_trainer(config, build.build_callbacks(config), [], folder)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    for choice in ("trainer=gpu", "trainer=ddp"):
        tiny = [override for override in TINY if not override.startswith("trainer.")]
        done = run_here("train", *tiny, choice, f"run_dir='{tmp_path}/run'")
        check_refused(done, "train", ("trainer.accelerator=gpu", "trainer=cpu"), tmp_path / "run")


def test_checkpoints_that_cannot_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "damaged.ckpt").write_bytes(b"PK" + bytes(1000))
    torch.save({"weights": torch.ones(1)}, tmp_path / "foreign.ckpt")
    for name, words in (("missing", "does not exist"), ("damaged", "is damaged"), ("foreign", "last.ckpt")):
        path = tmp_path / f"{name}.ckpt"
        done = run_here("train", *TINY, f"ckpt='{path}'", f"run_dir='{tmp_path}/run'")
        check_refused(done, "train", (str(path), words), tmp_path / "run")


def test_a_run_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        check_refused(run_here("train", *TINY, f"run_dir='{path}'"), "train", (str(tmp_path / "file"), "run_dir"))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_refusal_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    (tmp_path / "run" / "train.log").write_text("of an earlier run")
    done = run_here("train", *TINY, "seed=-1", f"run_dir='{tmp_path}/run'")
    check_refused(done, "train", ("seed",))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["notes.txt", "train.log"]
    assert (tmp_path / "run" / "train.log").read_text() == "of an earlier run"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            "renderer.limits.silence_db=20",
            ("effect 'distortion'", "21 clips in a row", "effects.distortion.parameters"),
        ),
        ("callbacks.early_stopping.monitor=val/best", ("early_stopping.monitor=val/best", "val/score/macro")),
        ("callbacks.checkpoint.monitor=val/best", ("val/best", "val/score/macro")),
    ],
)
def test_what_only_shows_while_training(settings: str, words: tuple[str, ...], tmp_path: Path) -> None:
    done = run_here("train", *TINY, settings, "~callbacks.media", f"run_dir='{tmp_path}/run'")
    check_refused(done, "train", words)
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_unchecked_defects_stay_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug must not look like bad input."""

    def broken(*arguments: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("fxstyle.run.fit.fit", broken)
    with pytest.raises(ValueError, match="a bug"):
        run_here("train", *TINY, f"run_dir='{tmp_path}/run'")


@pytest.mark.parametrize(
    ("program", "settings", "words"),
    [
        ("train", "data.train_itms=3", "did you mean data.train_items?"),
        ("train", "model=vee", "did you mean model=vae?"),
        ("train", "audio=folder audio.root=nowhere", "nowhere is not a folder"),
        ("train", "data.train_items=many", "data.train_items must be a whole number"),
        ("evaluate", "run=nowhere items_per_effect=3", "items_per_effect must be"),
    ],
)
def test_a_process_of_its_own_leaves_with_code_2(program: str, settings: str, words: str, tmp_path: Path) -> None:
    """The runs above stay in this process, which could hide what Python or a library prints on leaving."""
    done = run(program, *settings.split(" "), cwd=tmp_path)
    check_refused(done, program, (words,))
    assert done.out == ""
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
