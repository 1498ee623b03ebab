from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fxstyle import __version__, cli
from fxstyle.audio import generate as generate_module
from fxstyle.audio.files import read_audio, read_info
from fxstyle.audio.synthetic import SyntheticSource

pytestmark = pytest.mark.unit


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command line in this process and returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fxstyle", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return stopped.value.code or 0, *capsys.readouterr()

    return run


def _generate(out, count=3, seconds=0.5):
    return ["generate", "--count", count, "--seconds", seconds, "--out", out, "--sample-rate", 16000]


def test_writes_what_was_asked_for(run, tmp_path):
    code, out, _ = run(*_generate(tmp_path / "new" / "sounds"))
    assert code == 0
    assert out == f"Wrote 3 files of 0.5 s (mono, 24 bit, 16000 Hz) to {tmp_path / 'new' / 'sounds'}\n"
    paths = sorted((tmp_path / "new" / "sounds").iterdir())
    assert [path.name for path in paths] == [
        "000000_guitar_melody.wav",
        "000001_drum_beat.wav",
        "000002_guitar_strum.wav",
    ]
    info = read_info(paths[0])
    assert (info.sample_rate, info.channels, info.frames, info.subtype) == (16000, 1, 8000, "PCM_24")
    source = SyntheticSource(16000, seconds=0.5)
    recording = source.recordings("train")[2]
    np.testing.assert_allclose(read_audio(paths[2])[0], source.read(recording, 0, 8000), atol=2e-7)


def test_style_and_seed_change_the_sound(run, tmp_path):
    for name, options in {"a": [], "b": ["--seed", 1], "c": ["--style", "tones"]}.items():
        assert run(*_generate(tmp_path / name, count=1), *options)[0] == 0
    first, second, third = (next((tmp_path / name).iterdir()) for name in "abc")
    assert third.name == "000000_tones.wav"
    assert len({path.read_bytes() for path in (first, second, third)}) == 3


def test_existing_files_are_kept_unless_told(run, tmp_path):
    run(*_generate(tmp_path, count=1))
    path = next(tmp_path.iterdir())
    path.write_text("mine")
    code, out, err = run(*_generate(tmp_path, count=2))
    assert (code, out) == (2, "")
    assert err == f"fxstyle: {path} is already there: add --overwrite or give another folder.\n"
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine"]
    assert run(*_generate(tmp_path, count=2), "--overwrite")[0] == 0
    assert read_info(path).frames == 8000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--count", 0], "--count is 0"),
        (["--seconds", -1], "--seconds is -1"),
        (["--seconds", "nan"], "--seconds is nan"),
        (["--sample-rate", 0], "--sample-rate is 0"),
        (["--seed", -1], "--seed is -1"),
        (["--style", "opera"], "--style 'opera'"),
    ],
)
def test_wrong_numbers_are_refused_in_one_sentence(run, tmp_path, options, words):
    code, out, err = run(*_generate(tmp_path / "out"), *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"fxstyle: {words}")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_an_out_that_is_a_file_is_refused(run, tmp_path, below):
    (tmp_path / "file").write_text("")
    code, _, err = run(*_generate(tmp_path / "file" / below))
    assert code == 2
    assert "is a file: give another folder" in err


def test_an_interrupt_leaves_only_whole_files(run, tmp_path, monkeypatch):
    write = generate_module.write_audio

    def interrupted(path, *rest):
        if path.name.startswith("000001"):
            raise KeyboardInterrupt
        write(path, *rest)

    monkeypatch.setattr(generate_module, "write_audio", interrupted)
    code, out, _ = run(*_generate(tmp_path))
    assert code != 0
    assert "Wrote" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["000000_guitar_melody.wav"]


def test_version(run):
    assert run("--version") == (0, f"fxstyle {__version__}\n", "")


def test_help_imports_nothing_heavy():
    heavy = "torch pytorch_lightning umap sklearn matplotlib plotly scipy numpy soundfile hydra rich.progress"
    code = (
        "import sys; sys.argv = ['fxstyle', '--help']\n"
        "from fxstyle.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('HEAVY', [name for name in {heavy!r}.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "generate" in done.stdout
    assert done.stdout.rstrip().endswith("HEAVY []")
