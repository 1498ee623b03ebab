import dataclasses
import io
import json
import math

import numpy as np
import pytest
import rich.console
from hypothesis import given, settings
from hypothesis import strategies as st

from fxstyle.errors import InputError
from fxstyle.report.tables import (
    COLUMNS,
    Result,
    metrics_json,
    pivot,
    plain_table,
    read_table,
    terminal_table,
    write_table,
)

pytestmark = pytest.mark.unit

_BASE = Result("run", "representation", "test", "guitar", "model", "macro", "", None, None, "r2", 0.5, 0.4, 0.6, 90, 9)


def _result(**changes):
    return dataclasses.replace(_BASE, **changes)


def _same(a, b):
    return all(
        x == y or (x != x and y != y) for x, y in zip(dataclasses.astuple(a), dataclasses.astuple(b), strict=True)
    )


_texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
_results = st.builds(
    Result,
    **dict.fromkeys(("run", "task", "split", "dataset", "arm", "effect", "preset", "metric"), _texts),
    **dict.fromkeys(("value", "ci_low", "ci_high"), st.floats()),
    **dict.fromkeys(("n", "recordings"), st.integers(0, 10**9)),
    seen=st.sampled_from([None, True, False]),
    budget=st.none() | st.integers(0, 10**6),
)


@settings(deadline=None, max_examples=60)
@given(results=st.lists(_results, max_size=4))
def test_round_trip_is_exact(tmp_path_factory, results):
    path = tmp_path_factory.mktemp("table") / "table.csv"
    write_table(path, results)
    back = read_table(path)
    assert len(back) == len(results)
    assert all(_same(a, b) for a, b in zip(results, back, strict=True))


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", " a ", "", "=1+1", "\ufeff", "é"])
def test_awkward_names_survive(tmp_path, name):
    path = tmp_path / "table.csv"
    write_table(path, [_result(run=name, metric=name), _result()])
    assert read_table(path) == [_result(run=name, metric=name), _result()]


def test_header_is_the_contract(tmp_path):
    path = tmp_path / "eval" / "table.csv"
    write_table(path, [_result(value=np.float32(0.1), seen=np.bool_(True), budget=np.int64(512), ci_low=math.nan)])
    header, row = path.read_text().splitlines()
    assert header == ("run,task,split,dataset,arm,effect,preset,seen,budget,metric,value,ci_low,ci_high,n,recordings")
    assert row == "run,representation,test,guitar,model,macro,,true,512,r2,0.10000000149011612,nan,0.6,90,9"


def test_a_write_that_fails_half_way_leaves_the_old_table(tmp_path):
    path = tmp_path / "table.csv"
    write_table(path, [_result()])
    old = path.read_bytes()

    def broken():
        yield _result(run="new")
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        write_table(path, broken())
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run,task\na,b\n", "lacks the columns split"),
        ("", "lacks the columns run"),
        (",".join(COLUMNS) + "\n" + "a," * 6 + "a,perhaps,,r2,1,1,1,1,1\n", "line 2.*perhaps"),
        (",".join(COLUMNS) + "\n" + "a," * 6 + "a,,,r2,high,1,1,1,1\n", "line 2.*high"),
        (",".join(COLUMNS) + "\na,b\n", "line 2.*missing"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_table(path)


def test_files_that_are_no_tables_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a CSV table"):
        read_table(tmp_path / "binary.csv")


def test_metrics_json_holds_the_model_alone_and_null_for_nan():
    metrics = metrics_json(
        [
            _result(),
            _result(effect="delay", seen=False, value=math.nan),
            _result(effect="combo", seen=True, value=math.inf),
            _result(seen=True, value=0.7),
            _result(seen=False, value=0.2),
            _result(arm="pca", value=0.9),
        ]
    )
    assert metrics == {
        "test/r2/macro": 0.5,
        "test/r2/delay": None,
        "test/r2/combo": None,
        "test/r2/macro_seen": 0.7,
        "test/r2/macro_unseen": 0.2,
    }
    assert '"test/r2/delay": null' in json.dumps(metrics, allow_nan=False)


def test_metrics_json_never_overwrites_a_value():
    with pytest.raises(ValueError, match="test/r2/macro"):
        metrics_json([_result(preset="a"), _result(preset="b")])


def test_pivot_has_the_model_first_and_says_what_is_absent():
    table = pivot(
        [
            _result(arm="identity", value=0.25),
            _result(value=0.5),
            _result(metric="knn", value=math.nan, ci_low=math.nan),
        ],
        "Test split",
    )
    assert table.header == ("metric", "model", "identity")
    texts = [[(cell.text, cell.interval) for cell in row] for row in table.rows]
    assert texts == [
        [("r2", ""), ("0.500", "[0.400, 0.600]"), ("0.250", "[0.400, 0.600]")],
        [("knn", ""), ("NaN", ""), ("–", "")],
    ]


def test_pivot_by_effect_and_refusal_to_choose():
    table = pivot([_result(effect="delay"), _result(effect="combo", arm="pca")], "c", rows="effect")
    assert [row[0].text for row in table.rows] == ["delay", "combo"]
    with pytest.raises(ValueError, match="two results for r2 and model"):
        pivot([_result(effect="delay"), _result(effect="combo")], "c")


def test_rows_need_as_many_cells_as_headings():
    with pytest.raises(ValueError, match="2 cells"):
        plain_table("c", ["a", "b"], [["x"]])


def test_terminal_table_reads_no_markup():
    results = [_result(metric="[red]r2[/red]"), _result(metric="knn", value=math.nan)]
    console = rich.console.Console(file=io.StringIO(), width=100)
    console.print(terminal_table(pivot(results, "[bold]caption")))
    text = console.file.getvalue()
    for expected in ("[red]r2[/red]", "[bold]caption", "NaN", "[0.400, 0.600]"):
        assert expected in text
