"""Every YAML in ``conf/`` composes, builds and steps once, and says what it is for."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import get_class
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger

from fxstyle.audio.generate import generate_files
from fxstyle.errors import InputError
from fxstyle.run import build, guards, tracking
from fxstyle.run.conf import CONF
from fxstyle.tasks.emulation import Emulation
from tests.configs import emulation
from tests.programs import CPU, FEW, SHORT, SMALL, composed

FILES = sorted(Path(CONF).rglob("*.yaml"))
SECTIONS = [path for path in FILES if path.parent != Path(CONF) and "hydra" not in path.parts]
"""One choice of one group each; a new file is tested without a change here."""
STUDIES = [path for path in SECTIONS if "# python evaluate.py" in path.read_text() and path.parent.name == "experiment"]
"""Experiments of ``evaluate.py``; all others are of ``train.py``."""
TRAINED = [path for path in SECTIONS if path not in STUDIES]

NEEDS_FOLDER = {"folder": "root", "mixed": "real.root"}
SYNTHETIC = ("synthetic", "tones")


PLUGIN_OF = {"lv2": "effects.uri=http://drobilla.net/plugins/mda/Overdrive", "vst3": "effects.path='{zam}'"}
"""Choices that ask an installed plugin for its controls, and one to ask."""


def needs_plugin(path: Path) -> bool:
    """Whether a choice holds an effect that somebody has to install."""
    if path.parent.name not in ("effects", "experiment"):
        return False
    hosts = re.findall(r"^ *host: (\w+)", path.read_text(), re.MULTILINE)
    sets = re.findall(r"^ +- (?:override /effects: )?(\w+)", path.read_text(), re.MULTILINE)
    others = [file for name in sets if (file := Path(CONF) / "effects" / f"{name}.yaml").is_file()]
    return bool({"lv2", "vst3"} & set(hosts)) or any(map(needs_plugin, others))


def marked(paths: list[Path]) -> list[Any]:
    """Test parameters, marked by whether a plugin has to be installed."""
    return [
        pytest.param(path, id=choice(path), marks=pytest.mark.system if needs_plugin(path) else pytest.mark.unit)
        for path in paths
    ]


def choice(path: Path) -> str:
    """The choice of a file, as ``group=name``."""
    return f"{path.parent.relative_to(CONF).as_posix()}={path.stem}"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    assert len(list(generate_files(folder, 4, 1.5, 24000))) == 4
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulation.write_pairs(tmp_path_factory.mktemp("pairs"))


STYLE = ("style_transfer", "controller", "controller_vae", "controller_grant", "style", "style_grant", "pairs")
"""Choices that only make sense together."""
SMALL_VAE = [f"model.encoder.vae.{key.removeprefix('model.')}" for key in SMALL]


def style_overrides(path: Path) -> list[str]:
    """A choice of style transfer, with the others that it needs, made tiny."""
    group, name = path.parent.name, path.stem
    if group == "experiment":
        choices = [choice(path), "effects=distortion"]
    else:
        choices = ["experiment=style_transfer", "effects=distortion", choice(path)]
    vae = SMALL_VAE if "vae" in name or ("grant" in name and group in ("model", "experiment")) else []
    return [*choices, *SHORT, *FEW, *CPU, *vae, "logger=none"]


def overrides_of(path: Path, recordings: Path) -> list[str]:
    """A choice, made tiny."""
    group, name = path.parent.name, path.stem
    if group != "effects" and (name in STYLE or (name.startswith("style_") and group == "experiment")):
        return style_overrides(path)
    tiny = [*SHORT, *SMALL, *CPU]
    if group == "audio" and name in NEEDS_FOLDER:
        tiny.append(f"audio.{NEEDS_FOLDER[name]}='{recordings}'")
    elif group != "audio" or name in SYNTHETIC:
        tiny += FEW
    if group not in ("effects", "debug", "experiment"):
        tiny.append("effects=distortion")
    if group == "logger":
        tiny.append("logger=" + name)
    else:
        tiny += [choice(path), *plugin_asked(path), *(["logger=none"] if group not in ("debug", "experiment") else [])]
    return tiny


def plugin_asked(path: Path) -> list[str]:
    """What a choice that asks any plugin for its controls needs beside it."""
    if path.parent.name != "effects" or path.stem not in PLUGIN_OF:
        return []
    found = [
        bundle
        for folder in ("~/.vst3", "/usr/local/lib/vst3", "/usr/lib/vst3")
        for bundle in Path(folder).expanduser().glob("ZamGate.vst3")
    ]
    if path.stem == "vst3" and not found:
        pytest.skip("zam-plugins is not installed")
    return [PLUGIN_OF[path.stem].format(zam=found[0] if found else "")]


def step(task: Any, data: Any, trainer: pl.Trainer) -> float:
    """One training step on the first batch of the first epoch; gives the loss."""
    if isinstance(task, Emulation):
        return emulation.step(task, data, trainer)
    batch = next(iter(data.train_dataloader()))
    task.trainer = trainer
    task.log = lambda *arguments, **options: None
    trainer.datamodule = data  # type: ignore[attr-defined]
    task.on_fit_start()
    made = task.configure_optimizers()
    optimizer = made["optimizer"] if isinstance(made, dict) else made
    before = [weight.detach().clone() for weight in task.parameters()]
    loss = task.training_step(batch, 0)
    loss.backward()
    optimizer.step()
    # A loss of weight 0 leaves the part that only it would train without gradient.
    gradients = [weight.grad for weight in task.parameters() if weight.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(not torch.equal(one, other) for one, other in zip(before, task.parameters(), strict=True))
    return float(loss.detach())


@pytest.mark.parametrize("path", marked(TRAINED))
def test_every_config_composes_builds_and_steps(path: Path, recordings: Path, pairs: Path, tmp_path: Path) -> None:
    made = emulation.overrides(path, pairs) if emulation.is_emulation(path) else overrides_of(path, recordings)
    config = composed("train", made, tmp_path)
    guards.check_config(config)
    experiment = build.build_experiment(config, guards.local_ranks(config))
    callbacks = build.build_callbacks(config)
    loggers = tracking.build_loggers(config, build.plain_config(config))
    try:
        trainer = build.build_trainer(config, callbacks, loggers, tmp_path)
        assert all(isinstance(callback, Callback) for callback in callbacks)
        assert all(isinstance(logger, Logger) for logger in loggers)
        assert trainer.max_epochs == config.trainer.max_epochs
        # A likelihood of settings may be above 1, and its loss below 0.
        assert 0 < abs(step(experiment.task, experiment.data, trainer)) < 100
        for key in (key for key, options in config.callbacks.items() if options):
            wanted = get_class(config.callbacks[key]._target_)
            assert any(isinstance(callback, wanted) for callback in callbacks)
        if path.parent.name == "logger":
            assert len(loggers) == len(config.logger)
    finally:
        tracking.finish_loggers()
        experiment.data.teardown("fit")


@pytest.mark.unit
@pytest.mark.parametrize("path", [path for path in SECTIONS if path.parent.name in ("audio", "effects")], ids=choice)
def test_an_evaluation_takes_every_audio_and_effect(path: Path, recordings: Path, tmp_path: Path) -> None:
    guards.check_evaluation(composed("evaluate", ["run=somewhere", choice(path)], tmp_path))


@pytest.mark.unit
def test_the_groups_of_an_evaluation_are_empty_by_default(tmp_path: Path) -> None:
    config = composed("evaluate", ["run=somewhere"], tmp_path)
    assert "audio" not in config
    assert "effects" not in config


@pytest.mark.unit
@pytest.mark.parametrize("path", [path for path in FILES if "hydra" in path.parts], ids=choice)
def test_every_hydra_config_composes(path: Path, tmp_path: Path) -> None:
    group = path.parent.relative_to(CONF).as_posix()
    config = composed("train", [f"{group}={path.stem}"], tmp_path)
    assert config.task.name == "representation"


def filled(command: list[str], recordings: Path) -> list[str]:
    """A command with the arguments that a person gives."""
    return [re.sub("RECORDINGS|PAIRS$|RUNS$", str(recordings), word) for word in command if word != "--multirun"]


def commands(path: Path, program: str = "train") -> list[list[str]]:
    """The commands of a program in a file's comments."""
    lines = [line.lstrip("# ").strip() for line in path.read_text().splitlines() if line.startswith("#")]
    return [shlex.split(line)[2:] for line in lines if line.startswith(f"python {program}.py")]


@pytest.mark.unit
@pytest.mark.parametrize("path", [p for p in SECTIONS if p.parent.name in ("experiment", "debug")], ids=choice)
def test_experiments_begin_with_their_command(path: Path, tmp_path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == "# @package _global_"
    program = "evaluate" if path in STUDIES else "train"
    assert lines[1].startswith(f"# python {program}.py ")
    assert choice(path) in commands(path, program)[0]


@pytest.mark.parametrize("path", marked([path for path in SECTIONS if commands(path)]))
def test_commands_in_comments_compose(path: Path, recordings: Path, tmp_path: Path) -> None:
    for command in commands(path):
        assert choice(path) in command or path.stem == "segments"
        if command == [choice(path)]:
            continue  # as above
        config = composed("train", filled(command, recordings), tmp_path)
        if config.trainer.accelerator != "gpu":
            guards.check_config(config)


@pytest.mark.unit
@pytest.mark.parametrize("path", STUDIES, ids=choice)
def test_commands_of_evaluations_compose(path: Path, recordings: Path, tmp_path: Path) -> None:
    for command in commands(path, "evaluate"):
        assert choice(path) in command
        given = filled(command, recordings)
        guards.check_evaluation(composed("evaluate", given, tmp_path))


@pytest.mark.unit
def test_an_experiment_of_the_other_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one of evaluate\.py"):
        guards.check_config(composed("train", ["experiment=style_benchmark"], tmp_path))
    with pytest.raises(InputError, match="by run="):
        guards.check_evaluation(composed("evaluate", ["experiment=demo", "run=somewhere"], tmp_path))


def leaves(path: Path) -> dict[str, bool]:
    """Dotted keys of a file's values, and whether a comment explains each.

    A comment explains the key beside it or below it. Above a block, or as its first line, it explains the whole block.
    The keys of Lightning's classes are explained by its manual.
    """
    found: dict[str, bool] = {}
    blocks: dict[int, tuple[str, bool]] = {}
    above, header = False, False
    for line in path.read_text().splitlines():
        key = re.match(r"^(\s*)([\w.@/]+):\s*([^#]*)", line)
        if line.lstrip().startswith("#"):
            above = True
            if header:
                depth = max(blocks)
                blocks[depth] = (blocks[depth][0], True)
        elif not line.strip():
            above = False
        elif key is not None:
            depth, name, value = len(key.group(1)), key.group(2), key.group(3).strip()
            blocks = {level: block for level, block in blocks.items() if level < depth}
            explained = above or "#" in line or any(known for _, known in blocks.values())
            if name == "_target_" and value.startswith("pytorch_lightning."):
                level = max(blocks, default=-1)
                blocks[level] = (blocks[level][0] if blocks else "", True)
            elif value and not name.startswith("_"):
                found[".".join([*(block for block, _ in blocks.values() if block), name])] = explained
            elif not value:
                blocks[depth] = (name, explained)
            above = False
        header = key is not None and not key.group(3).strip()
    return found


EXPLAINED = {
    key
    for path in SECTIONS
    if path.parent.name not in ("experiment", "debug")
    for key, explained in leaves(path).items()
    if explained
} | {key for key, explained in leaves(Path(CONF) / "train.yaml").items() if explained}


@pytest.mark.unit
@pytest.mark.parametrize("path", [path for path in FILES if "hydra" not in path.parts], ids=choice)
def test_every_key_is_explained(path: Path) -> None:
    """Where it is set, or where the key that it overrides is first set."""
    unexplained = []
    for key, explained in leaves(path).items():
        name = key.rpartition(".")[2]
        first_set = any(known.rpartition(".")[2] == name for known in EXPLAINED)
        if not explained and not first_set and not key.startswith("hydra."):
            unexplained.append(key)
    assert not unexplained


@pytest.mark.unit
def test_unexplained_keys_are_found(tmp_path: Path) -> None:
    text = "# Above.\na: 1\nb: 2\nc: 3  # beside\nd:\n  # In a block.\n  e: 4\n  f: 5\n"
    text += "g:\n  h: 6\n\n# A block.\ni:\n  j: {k: 1}\n"
    (tmp_path / "x.yaml").write_text(text)
    assert leaves(tmp_path / "x.yaml") == {
        "a": True,
        "b": False,
        "c": True,
        "d.e": True,
        "d.f": True,
        "g.h": False,
        "i.j": True,
    }
    (tmp_path / "x.yaml").write_text("_target_: pytorch_lightning.Trainer\nmax_epochs: 1\n")
    assert leaves(tmp_path / "x.yaml") == {"max_epochs": True}
