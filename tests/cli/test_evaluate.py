"""``evaluate.py`` from the command line: a run's report, on its own recordings and effects and on others."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fxstyle.report.latent_study import ARMS, METRICS
from tests.programs import TINY, Finished, run_here

pytestmark = pytest.mark.unit

QUICK = ("items_per_effect=10", "retrieval_contents=2", "reducer=pca")
DROPPED = ("reverb", "delay", "flanger", "limiter")
COLUMNS = "run,task,split,dataset,arm,effect,preset,seen,budget,metric,value,ci_low,ci_high,n,recordings"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    options = ("effects=six_plus_three", *(f"~effects.train.{name}" for name in DROPPED), "~effects.unseen.bass_boost")
    done = run_here(
        "train", *TINY, *options, "logger=csv", "trainer.max_epochs=2", "~callbacks.media", f"run_dir='{folder}'"
    )
    assert done.code == 0
    return folder


@pytest.fixture(scope="module")
def evaluated(trained: Path) -> tuple[Path, Finished]:
    done = run_here("evaluate", f"run={trained}", *QUICK)
    assert (done.code, done.err) == (0, "")
    return trained / "eval", done


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "table.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_an_evaluation_leaves_a_report(evaluated: tuple[Path, Finished]) -> None:
    folder, done = evaluated
    assert done.out.splitlines()[-1] == f"report: {folder.resolve()}/report.html"
    names = {path.name for path in folder.iterdir()}
    assert {"metrics.json", "table.csv", "report.html", "latent_map.html"} <= names
    assert not [name for name in names if name.startswith(".")]
    page = (folder / "latent_map.html").read_text(encoding="utf-8")
    assert not re.search(r"""<(script|link|img)[^>]+(src|href)=""", page)
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", report)
    for effect in ("compressor", "distortion", "phaser", "amp"):
        assert effect in report
    for link in re.findall(r'(?:src|href)="([^"#:]+)"', report):
        assert (folder / link).is_file(), link
    assert "Training" in report


def test_the_table_is_long_and_complete(evaluated: tuple[Path, Finished]) -> None:
    folder, _ = evaluated
    assert (folder / "table.csv").read_text().splitlines()[0] == COLUMNS
    found = rows(folder)
    assert {row["split"] for row in found} == {"test"}
    assert {row["run"] for row in found} == {"run"}
    for seen in ("true", "false"):
        macro = {
            (row["arm"], row["metric"]) for row in found if row["effect"] == "macro" and row["seen"].lower() == seen
        }
        assert macro == {(arm, metric) for arm in (*ARMS, "chance") for metric in METRICS}
    probes = {(row["effect"], row["seen"].lower()) for row in found if row["metric"] == "effect_probe"}
    assert probes == {
        ("macro", "true"),
        ("compressor", "true"),
        ("distortion", "true"),
        ("macro", "false"),
        ("phaser", "false"),
        ("amp", "false"),
    }
    assert {row["metric"] for row in found if row["effect"] == "distortion"} == {"effect_probe", "r2_drive_db"}
    for row in found:
        if row["arm"] != "chance":
            assert int(row["n"]) >= 4
            if int(row["recordings"]) == 2:
                assert float(row["ci_low"]) <= float(row["value"]) <= float(row["ci_high"])
            else:  # nothing to draw from
                assert math.isnan(float(row["ci_low"]))
    chance = {row["metric"]: float(row["value"]) for row in found if row["arm"] == "chance"}
    assert chance["effect_probe"] == chance["effect_knn"] == 0.5


def test_metrics_are_those_of_the_model(evaluated: tuple[Path, Finished]) -> None:
    folder, _ = evaluated
    found = json.loads((folder / "metrics.json").read_text())
    assert all(re.fullmatch(r"test/[a-z0-9_.]+/[a-z_]+(/[a-z]+)?", name) for name in found), sorted(found)[:5]
    assert all(value is None or math.isfinite(value) for value in found.values())
    values = {float(row["value"]) for row in rows(folder) if row["arm"] == "model" and row["value"]}
    assert set(found.values()) - {None} <= values


def test_a_run_is_evaluated_on_other_sound_and_another_effect(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    for index in range(4):
        noise = np.random.default_rng(index).standard_normal((36000, 2)) * np.linspace(0.5, 0.01, 36000)[:, None]
        soundfile.write(tmp_path / "sounds" / f"{index}.wav", 0.3 * noise, 24000)
    options = ("audio=folder", f"audio.root='{tmp_path}/sounds'", "effects=chorus", f"out='{tmp_path}/out'")
    before = (trained / "config.yaml").read_bytes()
    done = run_here("evaluate", f"run={trained}", *QUICK, *options)
    assert (done.code, done.err) == (0, "")
    found = rows(tmp_path / "out")
    assert {row["dataset"] for row in found} == {"sounds"}
    assert {row["seen"].lower() for row in found} == {"false"}
    assert {row["effect"] for row in found} == {"macro", "chorus"}
    # One effect cannot be told from others.
    assert {row["metric"] for row in found if row["effect"] == "macro"} == {
        "brightness_r2",
        "depth_r2",
        "parameter_r2",
    }
    assert (trained / "config.yaml").read_bytes() == before


def test_a_checkpoint_alone_is_a_run(trained: Path, evaluated: tuple[Path, Finished], tmp_path: Path) -> None:
    shutil.copy(trained / "checkpoints" / "best.ckpt", tmp_path / "sent.ckpt")
    done = run_here("evaluate", f"run={tmp_path}/sent.ckpt", *QUICK, "effects=distortion")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "eval" / "report.html").is_file()
    assert {row["seen"].lower() for row in rows(tmp_path / "eval")} == {"true"}


def test_numbers_are_a_function_of_the_weights(trained: Path, tmp_path: Path) -> None:
    """The same evaluation gives the same table; other weights change the model's rows only."""
    shutil.copytree(trained, tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    for weight in checkpoint["state_dict"].values():
        if weight.is_floating_point():
            weight.mul_(torch.linspace(-1, 1, weight.numel()).reshape(weight.shape))
    torch.save(checkpoint, path)
    tables = []
    for name, folder in (("one", trained), ("again", trained), ("other", tmp_path / "run")):
        done = run_here("evaluate", f"run={folder}", *QUICK, "effects=distortion", f"out={tmp_path}/{name}")
        assert done.code == 0
        tables.append({(row["arm"], row["metric"], row["effect"]): row["value"] for row in rows(tmp_path / name)})
    one, again, other = tables
    assert again == one
    assert {arm for arm, metric, effect in one if one[arm, metric, effect] != other[arm, metric, effect]} == {"model"}
