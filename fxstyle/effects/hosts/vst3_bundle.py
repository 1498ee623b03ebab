"""VST3 bundles: where they lie, whether this machine can load them, and loading them through pedalboard.

A plugin is loaded in a process's main thread (JUCE asks for it), and may crash or hang there.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard

from fxstyle.effects.arithmetic import default_arithmetic
from fxstyle.effects.clean_memory import zeroed_memory
from fxstyle.errors import InputError

# Where the VST3 specification has plugins installed.
FOLDERS = {
    "Linux": ("~/.vst3", "/usr/lib/vst3", "/usr/local/lib/vst3"),
    "Darwin": ("~/Library/Audio/Plug-Ins/VST3", "/Library/Audio/Plug-Ins/VST3"),
    "Windows": ("C:/Program Files/Common Files/VST3",),
}.get(platform.system(), ())
_ELF_IDENTITY = (slice(4, 6), slice(18, 20))  # word size and byte order; machine


def installed() -> list[Path]:
    """The bundles in the standard folders, by name."""
    folders = [Path(folder).expanduser() for folder in FOLDERS]
    return sorted((path for folder in folders for path in folder.glob("**/*.vst3")), key=lambda path: path.name)


def find_bundle(effect: str, plugin: str) -> Path:
    """The absolute path of a bundle that this machine can load; a bare file name is looked up in :data:`FOLDERS`.

    Raises:
        InputError: When there is none, it is no VST3 bundle, or it was made for another platform.
    """
    where = f"effects.{effect}.path"
    if not plugin:
        raise InputError(f"{where}: give the path of a .vst3 bundle, such as effects.path=PLUGIN.vst3")
    path = Path(plugin).expanduser().absolute()
    if not path.exists() and Path(plugin).name == plugin:
        path = next((bundle for bundle in installed() if bundle.name == plugin), path)
    if not path.exists():
        known = ", ".join(bundle.name for bundle in installed()) or "none"
        raise InputError(f"{where}: there is no {plugin}; give the path of a .vst3 bundle (installed: {known})")
    if path.suffix.lower() != ".vst3":
        raise InputError(f"{where}: {plugin} is not a VST3 bundle, whose name ends in .vst3; give the path of one")
    _refuse_foreign(where, path)
    return path


def load(path: str, plugin_name: str | None = None) -> Any:
    """A new instance of a plugin as pedalboard has it, with nothing set.

    Raises:
        InputError: When it does not load, is no effect, or the call comes from a thread that must not load it.
    """
    if threading.current_thread() is not threading.main_thread():
        raise InputError(f"{path} is loaded in a process's main thread only: use renderer=processes")
    try:
        with _without_scan(), default_arithmetic(), zeroed_memory():
            plugin = pedalboard.VST3Plugin(path, plugin_name=plugin_name)
    except (ImportError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be loaded as a VST3 effect ({reason}): install it again or choose another plugin"
        ) from error
    if plugin.is_instrument or not plugin.is_effect:
        raise InputError(f"{path} holds an instrument, {plugin.name}: choose a plugin that processes sound")
    # A plugin's two halves may begin with different ideas of a control (ZamDynamicEQ's "Peak"); then setting it to what
    # one of them has is lost. Loading a state is what brings them together.
    reload_state(plugin)
    return plugin


def reload_state(plugin: Any) -> None:
    """Save a plugin's state and load it again, after which its parameters show what it really has."""
    with suppress(RuntimeError, ValueError):
        # Pedalboard's own setter would scan all parameters first, see below.
        object.__setattr__(plugin, "raw_state", plugin.raw_state)


def choose_plugin(effect: str, path: str, plugin_name: str | None) -> None:
    """Refuse a bundle of several plugins where none of them is chosen, and a choice that it does not hold.

    Raises:
        InputError: Naming the plugins in the bundle.
    """
    if threading.current_thread() is not threading.main_thread():
        raise InputError(f"{path} is loaded in a process's main thread only: use renderer=processes")
    try:
        with default_arithmetic():
            names = list(pedalboard.VST3Plugin.get_plugin_names_for_file(path))
    except (ImportError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"effects.{effect}.path: {path} is no VST3 plugin ({reason}): choose another one") from error
    if plugin_name is not None and plugin_name not in names:
        raise InputError(
            f"effects.{effect}.plugin_name: {path} holds no {plugin_name!r}; choose from {', '.join(names)}"
        )
    if plugin_name is None and len(names) > 1:
        raise InputError(
            f"effects.{effect}.plugin_name: {path} holds several plugins; choose one of {', '.join(names)}"
        )


def widths(path: str, plugin: Any) -> tuple[int, ...]:
    """How many channels an instance takes and gives: 1, 2 or both; it is fed some silence.

    Raises:
        InputError: When it takes neither.
    """
    found = []
    for channels in (1, 2):
        with suppress(ValueError, RuntimeError):
            plugin.process(np.zeros((channels, 64), dtype=np.float32), 44100.0, 64, False)
            found.append(channels)
    if not found:
        raise InputError(f"{path} takes neither mono nor stereo sound: choose another plugin")
    return tuple(found)


def by_symbol(plugin: Any) -> dict[str, Any]:
    """A plugin's parameters by its own names for them; the second of one name is ``NAME (2)``."""
    found: dict[str, Any] = {}
    for parameter in plugin._parameters:
        symbol, number = parameter.name, 2
        while symbol in found:
            symbol, number = f"{parameter.name} ({number})", number + 1
        found[symbol] = parameter
    return found


@contextmanager
def _without_scan() -> Iterator[None]:
    """Keep pedalboard from reading each parameter's text at 1,001 positions whenever it loads a plugin.

    That takes 50 to 200 ms, where loading itself takes 0.2 to 8 ms. It also moves some controls on the way: ZamVerb
    then loads 1,001 rooms, which looks like hanging.
    """
    kind: Any = pedalboard.VST3Plugin
    kind.__set_initial_parameter_values__ = lambda plugin, values: None
    try:
        yield
    finally:
        del kind.__set_initial_parameter_values__


def _refuse_foreign(where: str, path: Path) -> None:
    if path.is_file():
        # Windows also has plugins that are one file.
        if platform.system() != "Windows":
            raise InputError(f"{where}: {path} is a file; on {platform.system()} a VST3 bundle is a folder")
        return
    contents = path / "Contents"
    wanted = _binary_folder()
    binaries = [file for file in (contents / wanted).glob("*") if file.is_file()]
    if not binaries:
        found = sorted(part.name for part in contents.glob("*-*") if part.is_dir())
        found += ["MacOS"] if (contents / "MacOS").is_dir() else []
        raise InputError(
            f"{where}: {path} has no binary for this machine (Contents/{wanted}), but for: "
            f"{', '.join(found) or 'none'}; install the plugin for this machine"
        )
    if platform.system() == "Linux" and not any(_same_machine(file) for file in binaries):
        raise InputError(
            f"{where}: the binary in {path}/Contents/{wanted} was not made for this machine; "
            "install the plugin for this machine"
        )


def _binary_folder() -> str:
    if platform.system() == "Darwin":
        return "MacOS"
    machine = platform.machine()
    if platform.system() == "Windows":
        return {"AMD64": "x86_64", "ARM64": "arm64"}.get(machine, machine) + "-win"
    return f"{machine}-linux"


def _same_machine(binary: Path) -> bool:
    """Whether a binary's ELF header names the machine of the running interpreter."""
    headers = []
    for file in (binary, Path(os.path.realpath(sys.executable))):
        with file.open("rb") as opened:
            headers.append(opened.read(20))
    ours = headers[1]
    if ours[:4] != b"\x7fELF":
        return True
    return headers[0][:4] == ours[:4] and all(headers[0][part] == ours[part] for part in _ELF_IDENTITY)
