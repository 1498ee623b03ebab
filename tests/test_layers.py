"""The order of the packages, and what the command line must not wait for."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fxstyle

pytestmark = pytest.mark.unit

ROOT = Path(fxstyle.__file__).parent
LAYERS = [
    "errors",
    "writing",
    "audio",
    "effects",
    "data",
    "features",
    "doctor",
    "models",
    "losses",
    "metrics",
    "gradients",
    "search",
    "plots",
    "tasks",
    "callbacks",
    "export",
    "report",
    "run",
    "commands",
    "cli",
]
HEAVY = ("torch", "pytorch_lightning", "umap", "matplotlib", "plotly", "sklearn", "scipy", "wandb", "hydra")


def imports(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Dotted names of all that a module imports, wherever in it; ``from a import b`` counts as ``a.b``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            here = parts[: len(parts) - node.level + is_package] if node.level else []
            base = ".".join([*here, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """The imports of a module that its layer forbids."""
    parts = module.split(".")
    own = parts[1] if len(parts) > 1 else None
    found = []
    for name in imports(source, module, is_package):
        top, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if top == "hydra" and own != "run":
            found.append(f"{module} imports {name}: only fxstyle.run may import hydra")
        if top in ("pytorch_lightning", "lightning", "umap") and own in ("audio", "effects", "features"):
            found.append(f"{module} imports {name}: sound processing must not depend on it")
        # The package itself comes before all others; a name that is no layer, such as __version__, is its own.
        if top == "fxstyle" and other in LAYERS and LAYERS.index(other) > (LAYERS.index(own) if own else -1):
            found.append(f"{module} imports {name}: {other} stands below {own or 'the package'}")
    return found


def modules() -> dict[str, Path]:
    named = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def test_every_package_has_a_layer() -> None:
    assert {name.split(".")[1] for name in modules() if "." in name} <= set(LAYERS)


def test_packages_import_only_packages_above_them() -> None:
    found = [
        line
        for module, path in modules().items()
        for line in violations(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "module", "is_package"),
    [
        ("from fxstyle.run import fit", "fxstyle.data.keys", False),
        ("from fxstyle import tasks", "fxstyle.data.keys", False),
        ("import fxstyle.tasks.representation", "fxstyle.models.vae", False),
        ("from ..report import html", "fxstyle.metrics.esr", False),
        ("from .. import report", "fxstyle.metrics", True),
        ("def f():\n    import fxstyle.cli", "fxstyle.run.fit", False),
        ("from hydra.utils import instantiate", "fxstyle.tasks.representation", False),
        ("import pytorch_lightning as pl", "fxstyle.effects.renderer", False),
        ("from umap import UMAP", "fxstyle.features.mel", False),
        ("from fxstyle.errors import InputError", "fxstyle", True),
    ],
)
def test_forbidden_imports_are_found(source: str, module: str, is_package: bool) -> None:
    assert len(violations(source, module, is_package)) == 1


@pytest.mark.parametrize(
    ("source", "module", "is_package"),
    [
        ("from fxstyle.effects.spec import EffectSpec", "fxstyle.data.keys", False),
        ("from . import spec", "fxstyle.effects", True),
        ("from .hosts import build", "fxstyle.effects.renderer", False),
        ("from ..hosts import build", "fxstyle.effects.hosts.other", False),
        ("from fxstyle import __version__", "fxstyle.cli", False),
        ("import hydra", "fxstyle.run.launch", False),
        ("import umap", "fxstyle.plots.projection", False),
    ],
)
def test_allowed_imports_pass(source: str, module: str, is_package: bool) -> None:
    assert not violations(source, module, is_package)


def loaded_by(program: str) -> set[str]:
    """Top-level packages that a program has imported when it ends."""
    ending = "import atexit, sys; atexit.register(lambda: print('\\n' + ' '.join(sys.modules)))\n"
    done = subprocess.run([sys.executable, "-c", ending + program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["generate", "--help"], ["effects", "--help"], ["effects", "render", "--help"]]
)
def test_help_does_not_wait_for_heavy_packages(arguments: list[str]) -> None:
    loaded = loaded_by(f"import sys; sys.argv = ['fxstyle', *{arguments}]\nfrom fxstyle.cli import main\nmain()")
    assert "fxstyle" in loaded
    assert not loaded & set(HEAVY)


def test_sound_processing_needs_no_trainer() -> None:
    names = [name for name in modules() if name.split(".")[1:2] in (["audio"], ["effects"], ["features"])]
    assert len(names) > 10
    loaded = loaded_by("import " + ", ".join(names))
    assert "pedalboard" in loaded
    assert not loaded & {"pytorch_lightning", "lightning", "umap", "hydra", "wandb"}
