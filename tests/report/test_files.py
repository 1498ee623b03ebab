import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.report.files import inside, safe_name
from fxstyle.writing import replacing, write_text

pytestmark = pytest.mark.unit


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "report.html"
    write_text(path, "old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_lies_in_the_same_folder(tmp_path):
    path = tmp_path / "deep" / "table.csv"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert not path.exists()
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_file_name_that_is_not_utf8_can_be_reported(tmp_path):
    write_text(tmp_path / "report.html", "take\udcff.wav")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "take\\udcff.wav"


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200))
def test_safe_names_are_safe(text):
    name = safe_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", name)
    assert ".." not in name


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(alphabet="aB/._ \u00e9-", max_size=6), unique=True, max_size=20))
def test_different_texts_get_different_names(texts):
    assert len({safe_name(text) for text in texts}) == len(texts)


def test_a_safe_text_keeps_its_name():
    assert safe_name("overdrive_3.wet-2") == "overdrive_3.wet-2"
    assert safe_name("../../etc/passwd").startswith("etc_passwd-")


@pytest.mark.parametrize(
    "path", ["../x", "a/../x", "/x", "", "a//b", "javascript:alert(1)", "https://x.org/a.png", "a\\b", ".", "x/", "a b"]
)
def test_paths_that_could_leave_the_folder_are_refused(tmp_path, path):
    with pytest.raises(ValueError, match="relative path of safe names"):
        inside(tmp_path, path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="save it there"):
        inside(tmp_path, "pictures/map.png")
