"""Rendered recordings on disk, found by what they were made from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fxstyle.effects.dsp
from fxstyle import __version__
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.writing import replacing

_FORMAT = 1
_DIGEST_BYTES = 32


class RenderCache:
    """Raw float32 files of one channel, each followed by the SHA-256 of its samples.

    Nothing is removed by itself; the folder may be deleted at any time. A minute takes ``240 * sample_rate`` bytes,
    10.6 MB at 44.1 kHz.

    Args:
        folder: Where the files lie; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str, samples: int) -> NDArray[np.float32] | None:
        """The ``(1, samples)`` kept under a key, or ``None`` where they are missing, cut off or damaged."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        sound, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if len(sound) != 4 * samples or hashlib.sha256(sound).digest() != digest:
            return None
        return np.frombuffer(bytearray(sound), "<f4").astype(np.float32, copy=False)[None]

    def keep(self, key: str, sound: NDArray[np.float32]) -> None:
        """Keep ``(1, samples)`` under a key.

        Raises:
            InputError: The folder cannot be written to.
        """
        content = np.ascontiguousarray(sound, "<f4").tobytes()
        try:
            with replacing(self._path(key)) as part:
                part.write_bytes(content + hashlib.sha256(content).digest())
        except OSError as error:
            raise InputError(
                f"The cache of rendered sound {self.folder} cannot be written ({error.strerror}): free some space or "
                "set data.cache_dir or FXSTYLE_CACHE to another folder."
            ) from error

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.f32"


def render_keys(
    effect: EffectSpec, positions: NDArray[np.float32], dry: NDArray[np.float32], sample_rate: int
) -> list[str]:
    """A key for each setting, another one wherever something differs that the sound depends on.

    Args:
        effect: Its name, presets and how training draws from it do not matter.
        positions: ``(settings, parameters)``.
        dry: ``(1, samples)``.
        sample_rate: In Hz.
    """
    shared = hashlib.sha256(repr((_FORMAT, __version__, sample_rate, dry.shape, _facts(effect))).encode())
    shared.update(np.ascontiguousarray(dry, "<f4").tobytes())
    keys = []
    for row in positions:
        digest = shared.copy()
        digest.update(np.ascontiguousarray(row, "<f4").tobytes())
        keys.append(digest.hexdigest())
    return keys


def _facts(effect: EffectSpec) -> tuple[object, ...]:
    """All that decides how an effect sounds, in a form whose ``repr`` is the same in every process."""
    plain = replace(effect, name="", presets=(), sampling="uniform", jitter=0.0, group="", warnings=(), links=())
    program = _dsp_source() if effect.host == "dsp" else version("pedalboard")
    return (plain, program, [_states(path) for path in _files(effect)], [_facts(link) for link in effect.links])


def _files(effect: EffectSpec) -> list[Path]:
    """The plugin, where it is a file of its own, and what its settings name, such as an impulse response."""
    settings = dict(effect.settings)
    files = [Path(value) for value in settings.values() if isinstance(value, str)]
    if effect.host == "vst3":
        from fxstyle.effects.hosts.vst3_bundle import find_bundle

        files.append(find_bundle(effect.name, effect.plugin))
    if effect.host == "lv2":
        from fxstyle.effects.lv2.description import describe

        bundle = settings.get("bundle")
        files.append(describe(effect.plugin, None if bundle is None else str(bundle)).bundle)
    return files


def _states(path: Path) -> list[tuple[str, int, int]]:
    """Path, size and time of change of a file or of all files in a folder; nothing for other words."""
    found = [path] if path.is_file() else sorted(path.rglob("*")) if path.is_dir() else []
    states = [(file, file.stat()) for file in found if file.is_file()]
    return [(str(file.absolute()), state.st_size, state.st_mtime_ns) for file, state in states]


@cache
def _dsp_source() -> str:
    """The program text of the project's own effects: they change without a new version."""
    digest = hashlib.sha256()
    for file in sorted(Path(fxstyle.effects.dsp.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
