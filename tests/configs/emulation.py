"""What the choices of emulation need to be composed, built and stepped: tiny pairs, and the choices beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import yaml

from fxstyle.audio.files import write_audio
from fxstyle.run.conf import CONF
from fxstyle.tasks.emulation import Emulation
from tests.programs import CPU, FEW

RATE = 24000
TINY = (
    "data.segment_samples=2048",
    "data.context_samples=256",
    "data.batch_size=2",
    "data.train_items=2",
    "task.identify=false",
    "logger=none",
    *CPU,
)
RENDERED = ("sample_rate=24000", "data.train_seconds=2", "data.val_seconds=1", "data.test_seconds=1", *FEW)


def write_pairs(folder: Path) -> Path:
    """A recording folder as the hardware experiments want it: ``pairs.csv``, ``pairs/`` and ``ir/``."""
    rows = ["device,setting,dry,wet,sr,split,note"]
    devices = {
        str(options["data"]["device"]): list(options["data"].get("settings") or [""])
        for path in sorted((Path(CONF) / "experiment").glob("hardware_*.yaml"))
        if "device" in (options := yaml.safe_load(path.read_text()))["data"]
    }
    rng = np.random.default_rng(0)
    for device, settings in devices.items():
        splits = ("all",) if device.startswith("diode") else ("train", "val", "test")
        for setting in settings:
            for split in splits:
                seconds = 29 if split == "all" else 1
                dry = 0.3 * rng.standard_normal((1, seconds * RATE)).astype(np.float32)
                names = [f"pairs/{device}_{setting}_{split}_{side}.wav" for side in ("dry", "wet")]
                write_audio(folder / names[0], dry, RATE)
                write_audio(folder / names[1], np.tanh(2 * dry), RATE)
                rows.append(f"{device},{setting},{names[0]},{names[1]},{RATE},{split},")
    (folder / "pairs.csv").write_text("\n".join(rows) + "\n")
    response = rng.standard_normal((1, RATE // 10)).astype(np.float32) * np.linspace(0.1, 0, RATE // 10, dtype="f4")
    write_audio(folder / "ir/emt_140/medium_1.flac", response, RATE)
    for split in ("train", "val", "test"):
        write_audio(folder / f"dry/music/{split}/a.wav", 0.3 * rng.standard_normal((1, 2 * RATE)).astype("f4"), RATE)
    return folder


def is_emulation(path: Path) -> bool:
    """Whether a choice only makes sense with emulation."""
    group, name = path.parent.name, path.stem
    if group == "experiment":
        return name.startswith(("emulation_", "diary_", "hardware_", "recipe_")) and name != "emulation_table"
    text = path.read_text()
    return (
        group == "sweep" or "experiment=emulation" in text or "experiment=diary" in text or "experiment=hardw" in text
    )


def overrides(path: Path, pairs: Path) -> list[str]:
    """A choice of emulation, with the others that it needs, made tiny."""
    group, name = path.parent.name, path.stem
    files = [
        f"data.dry='{pairs}/pairs/ibanez_ts_mini__train_dry.wav'",
        f"data.wet='{pairs}/pairs/ibanez_ts_mini__train_wet.wav'",
    ]
    if group == "experiment" and name.startswith("hardware_"):
        rate = ["sample_rate=24000", "data.train_seconds=2"] if name == "hardware_emt140" else []
        return [f"experiment={name}", f"data.root='{pairs}'", *rate, *TINY]
    if group == "experiment" and name == "emulation_knobs":
        return [f"experiment={name}", f"data.pairs='{pairs}/pairs.csv'", "data.device=ibanez_ts_mini", *TINY]
    if group == "experiment" and name.startswith(("diary_", "emulation_rendered")):
        return [f"experiment={name}", *RENDERED, *TINY]
    if group == "experiment":
        return [f"experiment={name}", *files, *TINY]
    if group == "sweep":
        return [f"sweep={name}", "experiment=diary_ts808", *RENDERED, *TINY]
    if group == "data" and name == "rendered":
        return ["experiment=emulation_rendered", "data=rendered", *RENDERED, *TINY]
    if group == "data" and name == "impulse":
        return [*overrides(Path("experiment/hardware_emt140"), pairs), "data=impulse"]
    if group == "data" and name == "segments":
        return ["experiment=emulation_pair", *files, *TINY]
    if group == "model" and name == "lstm_lfo":
        return ["experiment=diary_chorus", *RENDERED, *TINY]
    if group == "model" and name == "grey_box":
        return ["experiment=diary_compressor", f"model={name}", *RENDERED, *TINY]
    return ["experiment=emulation_pair", f"{group}={name}", *files, *TINY]


def step(task: Emulation, data: Any, trainer: pl.Trainer) -> float:
    """One training step on the first batch of the first epoch; gives the loss."""
    losses: list[float] = []
    optimizer = task.configure_optimizers()
    trainer.strategy.connect(task)
    trainer.strategy.optimizers = [optimizer]
    task.trainer = trainer
    trainer.datamodule = data  # type: ignore[attr-defined]
    task.log = lambda name, value, **_: losses.append(float(value))  # type: ignore[method-assign, assignment]
    task.manual_backward = lambda loss: loss.backward()  # type: ignore[method-assign, assignment, misc]
    task.optimizers = lambda *_: optimizer  # type: ignore[method-assign, assignment, misc]
    before = [weight.detach().clone() for weight in task.model.parameters()]
    task.on_fit_start()
    batch = next(iter(data.train_dataloader()))
    task.on_train_batch_start(batch, 0)
    task.training_step(batch, 0)
    gradients = [weight.grad for weight in task.model.parameters() if weight.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    if task.trains:
        assert gradients
        assert any(not one.equal(other) for one, other in zip(before, task.model.parameters(), strict=True))
    return losses[-1]
