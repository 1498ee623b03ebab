"""What plugins lie on this machine, found without loading any of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InstalledPlugin:
    """One plugin, or one bundle of plugins.

    Attributes:
        host: ``lv2`` or ``vst3``: which host takes it.
        name: What ``fxstyle effects show`` takes: an LV2 URI, or the path of a VST3 bundle.
        bundle: Where it lies.
    """

    host: str
    name: str
    bundle: str


def installed_plugins() -> list[InstalledPlugin]:
    """All LV2 plugins by URI, then all VST3 bundles by path; what cannot be read is left out."""
    from fxstyle.effects.hosts.vst3_bundle import FOLDERS
    from fxstyle.effects.lv2.bundles import installed_plugins as lv2_plugins

    found = [InstalledPlugin("lv2", uri, str(bundle)) for uri, bundle in sorted(lv2_plugins().items())]
    bundles = [bundle for folder in FOLDERS for bundle in _bundles(Path(folder).expanduser())]
    return [*found, *(InstalledPlugin("vst3", str(bundle), str(bundle)) for bundle in bundles)]


def _bundles(folder: Path) -> list[Path]:
    """Bundles in a folder and in the folders of makers within it; nothing is looked for inside a bundle."""
    found = []
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    for entry in entries:
        if entry.suffix.lower() == ".vst3":
            found.append(entry)
        elif entry.is_dir() and not entry.is_symlink():
            found += _bundles(entry)
    return found
