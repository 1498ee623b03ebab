from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxstyle.data.pairs_table import choose_rows, read_pairs_table
from fxstyle.errors import InputError
from tests.data.recordings import row, write_table

pytestmark = pytest.mark.unit


def table(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_row_says_all_it_knows(tmp_path: Path) -> None:
    text = "device,item,setting,dry,wet,sr,late,licence,split,other\nts,a,0.5, in/a.wav ,b.wav,44100,-3,CC0,val,x\n"
    (found,) = read_pairs_table(table(tmp_path, b"\xef\xbb\xbf" + text.encode()), lag_column="late")
    assert (found.device, found.item, found.setting, found.split) == ("ts", "a", "0.5", "val")
    assert (found.dry, found.wet) == (tmp_path / "in" / "a.wav", tmp_path / "b.wav")
    assert (found.sample_rate, found.lag, found.licence, found.name) == (44100, -3, "CC0", "a/0.5")
    assert found.place.endswith("pairs.csv, line 2")


def test_a_small_table_is_enough(tmp_path: Path) -> None:
    (found,) = read_pairs_table(table(tmp_path, "dry,wet\nx/a.wav,b.wav\n"))
    assert (found.device, found.item, found.setting, found.split) == ("", "x/a", "", "all")
    assert (found.sample_rate, found.lag, found.name) == (None, None, "x/a")


def test_paths_start_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    (found,) = read_pairs_table(table(tmp_path, "dry,wet\nx/../a.wav,b.wav\n"), tmp_path / "sounds")
    assert found.dry == tmp_path / "sounds" / "a.wav"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column 'dry' \\(its first line: nothing\\)"),
        ("wet\nb.wav\n", "no column 'dry'"),
        ("dry;wet\na.wav;b.wav\n", "separated by commas"),
        ("dry,wet,dry\na,b,c\n", "two columns 'dry'"),
        ("dry,wet\n", "has no rows"),
        ("dry,wet\na.wav\n", "line 2 does not have as many values"),
        ("dry,wet\na.wav,b.wav,c\n", "line 2 does not have as many values"),
        ("dry,wet\na.wav,\n", "line 2: wet is empty"),
        ("dry,wet,split\na.wav,b.wav,testing\n", "line 2: split is 'testing'; use train"),
        ("dry,wet,split\na.wav,b.wav,\n", "split is ''"),
        ("dry,wet,sr\na.wav,b.wav,44.1k\n", "sr is '44.1k'; use a whole number"),
        ("dry,wet,late\na.wav,b.wav,\n", "late is ''; use a whole number"),
        ("dry,wet\na.wav,b.wav\na.wav,c.wav\n", "line 3 gives 'a' again, after .*line 2"),
        ("dry,wet,item\na.wav,b.wav,one\na.wav,./b.wav,two\n", "line 3 gives the wet file of .*line 2 again"),
        ('dry,wet\n"a.wav,b.wav\n', "is not a CSV table"),
        (b"dry,wet\n\xff\xfe,b.wav\n", "is not UTF-8"),
        ("dry,wet\n".encode("utf-16"), "is not UTF-8"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_pairs_table(table(tmp_path, text), lag_column="late" if "late" in str(text) else None)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../a.wav", "x/../../a.wav", "C:\\a.wav", "\\\\host\\a.wav", "a\0.wav"]
)
def test_paths_that_lead_out_of_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match=r"leads out of|is not a CSV table"):
        read_pairs_table(table(tmp_path, f"dry,wet\n{path},b.wav\n"))


@given(st.lists(st.sampled_from(["..", ".", "a", "b"]), min_size=1, max_size=8))
def test_no_path_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    folder = tmp_path_factory.getbasetemp() / "tables"
    folder.mkdir(exist_ok=True)
    path = write_table(folder / "pairs.csv", [{"dry": "/".join(parts), "wet": "w.wav"}], sounds=False)
    try:
        (found,) = read_pairs_table(path)
    except InputError:
        depths = [sum(1 if part in "ab" else -(part == "..") for part in parts[: n + 1]) for n in range(len(parts))]
        assert min(depths) < 0 or depths[-1] == 0
        return
    assert folder in found.dry.resolve().parents


def test_a_missing_table_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.csv cannot be read"):
        read_pairs_table(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match=r"set data\.root"):
        read_pairs_table(table(tmp_path, "dry,wet\na,b\n"), tmp_path / "missing")


def test_rows_are_chosen_by_device_and_setting(tmp_path: Path) -> None:
    rows = [row(f"{device}{s}", setting=s, device=device) for device in ("ts", "rat") for s in ("lo", "hi", "max")]
    read = read_pairs_table(write_table(tmp_path / "pairs.csv", rows, sounds=False))
    assert [found.item for found in choose_rows(read, "t.csv", "rat", ["max", "lo"])] == ["ratlo", "ratmax"]
    assert len(choose_rows(read, "t.csv", "ts")) == 3
    assert len(choose_rows(read[:3], "t.csv")) == 3
    for device, settings, said in (
        (None, None, r"several devices: set data\.device to one of ts, rat"),
        ("big_muff", None, r"no device 'big_muff'.*\(ts, rat\)"),
        ("ts", ["off"], "no setting 'off': choose data.settings from 'lo', 'hi', 'max'"),
        ("ts", [], r"data\.settings is empty"),
    ):
        with pytest.raises(InputError, match=said):
            choose_rows(read, "t.csv", device, settings)
