"""One table of many emulation runs; what was not evaluated yet is."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console

from fxstyle.errors import InputError
from fxstyle.report.emulation_table import Row, by_preset, markdown, overview
from fxstyle.report.tables import read_table, terminal_table, write_table
from fxstyle.run import folder
from fxstyle.run.emulation_evaluate import evaluate_emulation, load_emulation
from fxstyle.run.evaluate import choose_device
from fxstyle.writing import write_text

log = logging.getLogger(__name__)


def emulation_table(config: DictConfig) -> Path | None:
    """Evaluate where needed, print the table, and write the page.

    Returns:
        The page; ``None`` where none was asked for.

    Raises:
        InputError: There are no runs, or the page cannot be written there.
    """
    root = Path(config.runs)
    found = sorted(path.parent for path in root.rglob(folder.CONFIG)) if root.is_dir() else []
    found = [path for path in found if (path / "checkpoints" / "best.ckpt").is_file()]
    if not found:
        raise InputError(f"runs={config.runs}: no run with a checkpoint in this folder; train some by sweep=diary")
    out = None if config.out is None else Path(config.out)
    if out is not None and out.suffix != ".md":
        raise InputError(f"out={config.out}: the page is Markdown, give a name that ends in .md")
    rows = [row for path in found if (row := _row(config, path)) is not None]
    if not rows:
        raise InputError(f"runs={config.runs} holds no run of the task emulation")
    table = overview(rows)
    Console(width=None if sys.stdout.isatty() else 190).print(terminal_table(table))
    if out is None:
        return None
    environment = folder.environment()
    overrides = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    command = shlex.join(["python", "evaluate.py", *overrides])
    trained = sorted({str(_known(path, "git_sha"))[:7] for path in found})
    text = [
        f"# {config.title}\n",
        f"`{command}`, at {str(environment['git_sha'])[:7]}; trained at {', '.join(trained)}; "
        f"{environment['machine']}, Python {environment['python']}, torch {environment['versions'].get('torch')}.\n",
        markdown(table),
        *(markdown(part) for part in by_preset(rows)),
    ]
    write_text(out, "\n".join(text))
    write_table(out.with_suffix(".csv"), [result for row in rows for result in row.results])
    return out


def _row(config: DictConfig, path: Path) -> Row | None:
    where, trained, checkpoint = folder.read_run(path)
    if OmegaConf.select(trained, "task.name") != "emulation":
        return None
    table = where / "eval" / "table.csv"
    if config.again or not table.is_file() or table.stat().st_mtime < checkpoint.stat().st_mtime:
        log.info("evaluating %s", where)
        with open_dict(trained):
            loaded = load_emulation(config, where, trained, checkpoint)
        evaluate_emulation(DictConfig({**config, "out": None, "run": str(where)}), loaded, choose_device(config.device))
    weights = folder.load_checkpoint(checkpoint)["state_dict"]
    parameters = sum(weight.numel() for name, weight in weights.items() if name.startswith("model."))
    results = read_table(table)
    effect = next((result.effect for result in results if result.preset), where.name)
    model = _known(where, "model") or str(trained.model.get("_target_", "")).rsplit(".", 1)[-1]
    return Row(effect, str(model), parameters, results)


def _known(path: Path, name: str) -> object:
    """The commit of a run, or the choice of model that its overrides name."""
    if name == "model":
        chosen = [str(word) for word in OmegaConf.load(path / "overrides.yaml")]
        return next((word.partition("=")[2] for word in reversed(chosen) if word.startswith("model=")), None)
    return json.loads((path / "env.json").read_text("utf-8")).get(name)
