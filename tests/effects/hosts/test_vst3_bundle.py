from __future__ import annotations

import os
import platform
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from fxstyle.effects.hosts import vst3_bundle
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit

HERE = f"{platform.machine()}-linux"


def bundle(folder: Path, name: str = "Thing.vst3", platform_folder: str = HERE, binary: bytes | None = None) -> Path:
    """A bundle with a binary that is only a header, by default the running interpreter's."""
    inside = folder / name / "Contents" / platform_folder
    inside.mkdir(parents=True)
    header = binary if binary is not None else Path(os.path.realpath(sys.executable)).read_bytes()[:64]
    (inside / "Thing.so").write_bytes(header)
    return folder / name


def foreign() -> bytes:
    header = bytearray(Path(os.path.realpath(sys.executable)).read_bytes()[:64])
    header[18] ^= 0xFF
    return bytes(header)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vst3_bundle, "FOLDERS", ())


@pytest.mark.skipif(platform.system() != "Linux", reason="the bundles of the test are Linux ones")
def test_a_bundle_is_found_by_path_or_in_a_standard_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path / "vst3" / "vendor")
    assert vst3_bundle.find_bundle("fx", str(path)) == path
    monkeypatch.setattr(vst3_bundle, "FOLDERS", (str(tmp_path / "vst3"),))
    assert vst3_bundle.installed() == [path]
    assert vst3_bundle.find_bundle("fx", "Thing.vst3") == path
    monkeypatch.chdir(tmp_path / "vst3")
    assert vst3_bundle.find_bundle("fx", "vendor/Thing.vst3") == path


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: "", "effects.fx.path: give the path of a .vst3 bundle"),
        (lambda folder: "Missing.vst3", "there is no Missing.vst3.*installed: none"),
        (lambda folder: bundle(folder, "Thing.lv2"), "Thing.lv2 is not a VST3 bundle"),
        (lambda folder: bundle(folder, platform_folder="x86_64-win"), f"Contents/{HERE}.*but for: x86_64-win; install"),
        (lambda folder: bundle(folder, platform_folder="MacOS"), "but for: MacOS"),
        (lambda folder: bundle(folder, binary=foreign()), "not made for this machine; install"),
        (lambda folder: bundle(folder, binary=b"MZ"), "not made for this machine"),
    ],
    ids=["empty", "missing", "suffix", "windows", "mac", "machine", "no elf"],
)
@pytest.mark.skipif(platform.system() != "Linux", reason="the messages name this platform")
def test_what_cannot_be_loaded_here_is_refused_without_loading(tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        vst3_bundle.find_bundle("fx", str(make(tmp_path)))
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(platform.system() == "Windows", reason="Windows has plugins that are one file")
def test_a_file_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "Thing.vst3").write_bytes(b"")
    with pytest.raises(InputError, match=r"Thing\.vst3 is a file.*bundle is a folder"):
        vst3_bundle.find_bundle("fx", str(tmp_path / "Thing.vst3"))


class FakePedalboardPlugin:
    """Stands where pedalboard's class does."""

    names = ("One", "Two")
    is_instrument = False
    is_effect = True
    name = "One"
    raw_state = b""

    def __init__(self, path: str, plugin_name: str | None = None) -> None:
        if path == "broken":
            raise ImportError("Unable to load plugin broken: unsupported\nplugin format")

    @classmethod
    def get_plugin_names_for_file(cls, path: str) -> tuple[str, ...]:
        return cls.names


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakePedalboardPlugin]:
    class Fake(FakePedalboardPlugin):
        pass

    monkeypatch.setattr(vst3_bundle.pedalboard, "VST3Plugin", Fake)
    return Fake


def test_a_bundle_of_several_plugins_needs_a_choice(fake: type[FakePedalboardPlugin]) -> None:
    vst3_bundle.choose_plugin("fx", "some.vst3", "Two")
    with pytest.raises(InputError, match=r"effects\.fx\.plugin_name: some.vst3 holds several.*choose one of One, Two"):
        vst3_bundle.choose_plugin("fx", "some.vst3", None)
    with pytest.raises(InputError, match=r"plugin_name: some.vst3 holds no 'Three'; choose from One, Two"):
        vst3_bundle.choose_plugin("fx", "some.vst3", "Three")
    fake.names = ("One",)
    vst3_bundle.choose_plugin("fx", "some.vst3", None)


def test_an_instrument_is_refused(fake: type[FakePedalboardPlugin]) -> None:
    vst3_bundle.load("some.vst3")
    fake.is_instrument = True
    with pytest.raises(InputError, match=r"some\.vst3 holds an instrument, One: choose a plugin that processes sound"):
        vst3_bundle.load("some.vst3")


def test_what_pedalboard_says_becomes_one_sentence(fake: type[FakePedalboardPlugin]) -> None:
    with pytest.raises(
        InputError, match=r"broken cannot be loaded as a VST3 effect .*unsupported plugin format.*or"
    ) as e:
        vst3_bundle.load("broken")
    assert "\n" not in str(e.value)


@pytest.mark.usefixtures("fake")
def test_another_thread_is_refused() -> None:
    messages = []

    def attempt() -> None:
        for action in (lambda: vst3_bundle.load("some.vst3"), lambda: vst3_bundle.choose_plugin("fx", "a", "One")):
            try:
                action()
            except InputError as error:
                messages.append(str(error))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert len(messages) == 2
    assert all("main thread only: use renderer=processes" in message for message in messages)
