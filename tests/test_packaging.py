"""The wheel works outside a clone."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

# Building fetches the build backend, as installing does.
pytestmark = pytest.mark.system

CLONE = Path(__file__).parents[1]


def run(*command: object, cwd: Path | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", folder, CLONE)
    (built,) = folder.glob("fxstyle-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel, and its dependencies from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    # This environment's own copy is in editable mode and must be neither used nor removed.
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--ignore-installed", "--quiet", wheel)
    return folder / "bin"


def test_the_wheel_holds_everything_but_the_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("fxstyle", "conf"):
        for path in (CLONE / folder).rglob("*"):
            inside = path.relative_to(CLONE).as_posix()
            inside = inside if folder == "fxstyle" else f"fxstyle/{inside}"
            if path.is_file() and path.parent.name != "__pycache__" and "/." not in inside:
                assert inside in names
    assert "fxstyle/conf/train.yaml" in names
    assert any(name.startswith("fxstyle/report/templates/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"fxstyle"}


def test_the_installed_copy_is_used_and_finds_its_configs(installed: Path, tmp_path: Path) -> None:
    program = "import fxstyle, fxstyle.run.conf as c; print(fxstyle.__file__); print(c.CONF)"
    package, conf = run(installed / "python", "-c", program, cwd=tmp_path).stdout.splitlines()
    assert Path(package).is_relative_to(installed.parent)
    assert Path(conf) == Path(package).parent / "conf"
    assert (Path(conf) / "train.yaml").is_file()


def test_the_command_line_works_anywhere(installed: Path, tmp_path: Path) -> None:
    assert "generate" in run(installed / "fxstyle", "--help", cwd=tmp_path).stdout
    out = tmp_path / "sounds"
    run(installed / "fxstyle", "generate", "--count", 2, "--seconds", 1, "--out", out, cwd=tmp_path)
    assert len(list(out.glob("*.wav"))) == 2


def test_bad_input_is_one_sentence_and_exit_code_2(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    command = ("generate", "--count", 1, "--seconds", 1, "--out", tmp_path / "taken")
    refused = run(installed / "fxstyle", *command, cwd=tmp_path, code=2)
    assert refused.stderr.startswith("fxstyle: ")
    assert len(refused.stderr.splitlines()) == 1
    assert str(tmp_path / "taken") in refused.stderr
