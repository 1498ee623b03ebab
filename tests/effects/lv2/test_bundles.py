from __future__ import annotations

import os
from pathlib import Path

import pytest

from fxstyle.effects.lv2 import bundles
from fxstyle.errors import InputError
from tests.effects.lv2.bundles import PREFIXES, URI, bundle

pytestmark = pytest.mark.unit


def test_the_search_path_is_given_or_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LV2_PATH", os.pathsep.join(["/somewhere", "", "~/mine"]))
    monkeypatch.setenv("HOME", "/users/someone")
    assert bundles.search_path() == (Path("/somewhere"), Path("/users/someone/mine"))
    monkeypatch.setenv("LV2_PATH", "")
    assert Path("/usr/lib/lv2") in bundles.search_path()
    assert bundles.search_path()[0] == Path("/users/someone/.lv2")


def test_a_plugin_is_found_although_its_manifest_uses_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path / "second")
    monkeypatch.setenv("LV2_PATH", os.pathsep.join([str(tmp_path / "missing"), str(tmp_path / "second")]))
    assert URI not in (path / "manifest.ttl").read_text()
    assert bundles.find_bundle(URI) == path
    assert bundles.installed_plugins() == {URI: path}


def test_the_first_folder_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = bundle(tmp_path / "a"), bundle(tmp_path / "b")
    monkeypatch.setenv("LV2_PATH", os.pathsep.join([str(tmp_path / "b"), str(tmp_path / "a")]))
    assert bundles.find_bundle(URI) == second
    monkeypatch.setenv("LV2_PATH", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert bundles.find_bundle(URI) == first


def test_only_bundles_that_could_hold_it_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path)
    for other in range(3):
        (tmp_path / f"{other}.lv2").mkdir()
        (tmp_path / f"{other}.lv2" / "manifest.ttl").write_text(f"{PREFIXES} my:other{other} a lv2:Plugin .")
    monkeypatch.setenv("LV2_PATH", str(tmp_path))
    parsed = []
    whole = bundles.read_turtle
    monkeypatch.setattr(bundles, "read_turtle", lambda *files: parsed.extend(files) or whole(*files))
    assert bundles.find_bundle(URI) == path
    assert parsed == [path / "manifest.ttl"]


def test_broken_neighbours_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path)
    (tmp_path / "broken.lv2").mkdir()
    (tmp_path / "broken.lv2" / "manifest.ttl").write_bytes(b"\xff\x00 my:thing a ( ;")
    (tmp_path / "loose file").write_text("")
    monkeypatch.setenv("LV2_PATH", str(tmp_path))
    assert bundles.find_bundle(URI) == path
    with pytest.raises(
        InputError, match=r"broken.lv2/manifest.ttl is not valid Turtle \(line 1\): repair or reinstall"
    ):
        bundles.plugins_of(tmp_path / "broken.lv2")


def test_a_missing_plugin_names_the_folders_and_a_near_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle(tmp_path)
    monkeypatch.setenv("LV2_PATH", str(tmp_path))
    with pytest.raises(InputError, match=rf"no LV2 plugin {URI[:-1]} in {tmp_path}: did you mean {URI}"):
        bundles.find_bundle(URI[:-1])
    with pytest.raises(InputError, match=r"install it, or give its folder as settings.bundle"):
        bundles.find_bundle("http://example.org/🎸")


def test_a_changed_manifest_is_read_again(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    assert bundles.plugins_of(path) == (URI,)
    (path / "manifest.ttl").write_text(f"{PREFIXES} my:another a lv2:Plugin .")
    os.utime(path / "manifest.ttl", ns=(1, 1))
    assert bundles.plugins_of(path) == ("urn:fxstyle:test:another",)


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no LV2 bundle: there is no manifest.ttl in it"):
        bundles.plugins_of(tmp_path)


@pytest.mark.parametrize("name", ["plain", "with space", "ümlaut", "per%20cent", "hash#"])
def test_file_uris_lead_back_to_their_paths(name: str, tmp_path: Path) -> None:
    assert bundles.as_path((tmp_path / name).as_uri(), tmp_path) == tmp_path / name


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"http://example.org/x is no file of the bundle"):
        bundles.as_path("http://example.org/x", tmp_path / "manifest.ttl")
