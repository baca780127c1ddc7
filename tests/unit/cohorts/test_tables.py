import importlib.util
import json
import string
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plausibrain.cohorts import schemas
from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.notes import Note, notes_table
from plausibrain.cohorts.tables import Column, Schema, finite_or_none, read_table, write_table

MIXED = Schema(
    "mixed",
    (
        Column("name", "str", "Any text"),
        Column("value", "float", "Any number", "mm3"),
        Column("count", "int", "Any whole number"),
        Column("flag", "bool", "Yes or no"),
    ),
    description="For tests.",
)
OPEN = Schema("open", (Column("id", "str", "Row"),), extra=Column("{structure}", "float", "Volume", "mm3"))
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
ROWS = st.lists(
    st.tuples(
        TEXT.filter(lambda text: text != "n/a") | st.none(),
        st.floats(allow_nan=True),
        st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS)
def test_every_table_reads_back_exactly(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "a.tsv"
    table = pd.DataFrame(rows, columns=["name", "value", "count", "flag"])
    table = table.astype({"value": "float64", "count": "int64", "flag": "bool"})
    back = read_table(write_table(table, path, MIXED), MIXED)
    assert [None if pd.isna(name) else name for name in back["name"]] == [row[0] for row in rows]
    np.testing.assert_array_equal(back["value"].to_numpy().view(np.int64), _bits(table["value"]))
    assert back["count"].tolist() == [row[2] for row in rows]
    assert back["flag"].tolist() == [row[3] for row in rows]


def _bits(values: pd.Series) -> np.ndarray:
    """Bit patterns, with one pattern for NaN: -0.0 and 0.0 differ here."""
    return np.where(np.isnan(values), np.nan, values).view(np.int64)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(-(2**53), 2**53) | st.none(), min_size=1, max_size=6))
def test_whole_numbers_beside_missing_ones_stay_whole(tmp_path_factory, values):
    schema = Schema("t", (Column("row", "int", "Line"),))
    path = tmp_path_factory.mktemp("table") / "a.tsv"
    write_table(pd.DataFrame({"row": pd.Series(values, dtype="float64")}), path, schema)
    assert "." not in path.read_text()
    back = read_table(path, schema)["row"]
    assert [None if pd.isna(value) else int(value) for value in back] == values


def test_the_dictionary_names_unit_and_description_of_every_column(tmp_path):
    table = pd.DataFrame({"id": ["a"], "Left-Hippocampus": [3.5e3]})
    write_table(table, tmp_path / "volumes.tsv", OPEN)
    said = json.loads((tmp_path / "volumes.json").read_text())
    assert said["Left-Hippocampus"] == {"Description": "Volume", "DataType": "float", "Units": "mm3"}
    assert said["id"] == {"Description": "Row", "DataType": "str"}
    assert said["TableName"] == "open"


def test_columns_stand_in_the_order_of_the_schema_and_the_index_is_not_written(tmp_path):
    table = pd.DataFrame({"b": [1.0], "id": ["x"], "a": [2.0]}, index=[17])
    back = read_table(write_table(table, tmp_path / "a.tsv", OPEN), OPEN)
    assert list(back.columns) == ["id", "b", "a"]
    assert list(back.index) == [0]


def test_float32_is_written_with_the_digits_it_has(tmp_path):
    table = pd.DataFrame({"id": ["x"], "v": np.array([0.1], dtype=np.float32)})
    back = read_table(write_table(table, tmp_path / "a.tsv", OPEN), OPEN)
    assert back["v"].iloc[0] == float(np.float32(0.1))


def test_missing_and_empty_text_differ(tmp_path):
    schema = Schema("t", (Column("a", "str", ""), Column("b", "str", "")))
    table = pd.DataFrame({"a": ["", None], "b": [None, ""]})
    path = write_table(table, tmp_path / "a.tsv", schema)
    assert path.read_text() == "a\tb\n\tn/a\nn/a\t\n"
    back = read_table(path, schema)
    assert back["a"].isna().tolist() == [False, True]
    assert back["b"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": ["a"], "value": [1.0]}, "lacks column count, flag; found name, value"),
        ({"name": ["a"], "value": [1.0], "count": [1], "flag": [True], "x": [1]}, "has unknown column x"),
        ({}, "lacks column name, value, count, flag; found no columns"),
        (
            {"name": ["a"], "value": ["b"], "count": [1], "flag": [True]},
            "column 'value' of table 'mixed' shall hold",
        ),
        ({"name": ["a"], "value": [1], "count": [1.5], "flag": [True]}, "'count' .*is not a whole number"),
        ({"name": ["a"], "value": [1], "count": [1], "flag": [None]}, "'flag' .*neither true nor false"),
        ({"name": ["a\0b"], "value": [1], "count": [1], "flag": [True]}, "holds a NUL character"),
    ],
)
def test_a_table_that_does_not_follow_its_schema_is_not_written(tmp_path, table, message):
    path = tmp_path / "a.tsv"
    with pytest.raises(DataError, match=message):
        write_table(pd.DataFrame(table), path, MIXED)
    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name\tvalue\na\t1\n", r"a\.tsv: table 'mixed' lacks column count, flag; found name, value"),
        ("name\tvalue\tvalue\tcount\tflag\n", "repeats column value"),
        (
            "name\tvalue\tcount\tflag\na\t1\t1\ttrue\nb\tmuch\t1\ttrue\n",
            "line 3, column 'value': 'much' is not a number",
        ),
        ("name\tvalue\tcount\tflag\na\t1\tx\ttrue\n", "column 'count' of table 'mixed' shall hold int"),
        ("name\tvalue\tcount\tflag\na\t1\t1\tmaybe\n", "'maybe' is neither true nor false"),
        ("name\tvalue\tcount\tflag\na\t1\t1\ttrue\t5\t6\t7\n", "cannot be read as a table .*tabs"),
        ("", "lacks column name, value, count, flag; found no columns"),
    ],
)
def test_a_file_that_does_not_follow_the_schema_is_named(tmp_path, content, message):
    path = tmp_path / "a.tsv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_table(path, MIXED)


def test_a_lone_empty_text_is_kept(tmp_path):
    schema = Schema("t", (Column("a", "str", "Text"),))
    back = read_table(write_table(pd.DataFrame({"a": ["", "x", ""]}), tmp_path / "a.tsv", schema), schema)
    assert back["a"].tolist() == ["", "x", ""]


def test_files_that_are_absent_or_not_utf8_are_named(tmp_path):
    with pytest.raises(DataError, match=r"b\.tsv: no such table; run the stage"):
        read_table(tmp_path / "b.tsv", MIXED)
    (tmp_path / "c.tsv").write_bytes(b"id\tv\n\xe9\t1\n")
    with pytest.raises(DataError, match="is not UTF-8"):
        read_table(tmp_path / "c.tsv", OPEN)
    with pytest.raises(DataError, match=r"ends in \.tsv or \.parquet"):
        read_table(tmp_path / "c.csv", OPEN)


def test_parquet_reads_back_exactly_or_says_what_to_install(tmp_path):
    table = pd.DataFrame(
        {"name": ["a", None], "value": [0.1, np.nan], "count": [1, 2], "flag": [True, False]}
    )
    path = tmp_path / "a.parquet"
    if importlib.util.find_spec("pyarrow") is None:
        with pytest.raises(ToolError, match=r"install plausibrain\[parquet"):
            write_table(table, path, MIXED)
        with pytest.raises(ToolError, match=r"install plausibrain\[parquet"):
            read_table(path, MIXED)
    else:
        pd.testing.assert_frame_equal(
            read_table(write_table(table, path, MIXED), MIXED), table, check_dtype=False
        )
        assert path.with_suffix(".json").is_file()


@pytest.mark.parametrize("schema", schemas.SCHEMAS.values(), ids=lambda schema: schema.name)
def test_tables_without_rows_keep_their_columns(tmp_path, schema):
    back = read_table(write_table(schema.empty(), tmp_path / "a.tsv", schema), schema)
    assert list(back.columns) == [column.name for column in schema.columns]
    assert back.empty


@pytest.mark.parametrize("schema", schemas.SCHEMAS.values(), ids=lambda schema: schema.name)
def test_every_column_of_every_schema_is_described(schema):
    assert schema.description
    columns = [*schema.columns, *([schema.extra] if schema.extra else [])]
    assert len({column.name for column in columns}) == len(columns)
    for column in columns:
        assert column.description
        assert column.description[0] in string.ascii_letters + string.digits


def test_notes_become_a_table(tmp_path):
    notes = [Note("coerced", "sex", 3, "m", "read as M"), Note("warning")]
    path = write_table(notes_table(notes, cohort="reference"), tmp_path / "notes.tsv", schemas.NOTES)
    back = read_table(path, schemas.NOTES)
    assert back["row"].iloc[0] == 3
    assert np.isnan(back["row"].iloc[1])
    assert back["message"].tolist() == ["read as M", ""]
    assert write_table(notes_table([]), tmp_path / "none.tsv", schemas.NOTES).is_file()


def test_a_dtype_that_does_not_exist_is_refused():
    with pytest.raises(DataError, match="use one of str, float, int, bool"):
        Column("a", "double", "")


def test_a_large_table_is_written_and_read_in_seconds(tmp_path):
    """100,000 subjects x 33 volumes; quoted line breaks and tabs in the ids must not disturb the rows."""
    n = 100_000
    volumes = pd.DataFrame(
        np.random.default_rng(0).normal(1e4, 1e3, size=(n, 33)), columns=[f"s{i}" for i in range(33)]
    )
    table = pd.concat([pd.DataFrame({"id": [f'a"\n\t{i}' for i in range(n)]}), volumes], axis=1)
    start = time.perf_counter()
    back = read_table(write_table(table, tmp_path / "a.tsv", OPEN), OPEN)
    seconds = time.perf_counter() - start
    pd.testing.assert_frame_equal(back, table, check_exact=True, check_dtype=False)
    assert seconds < 30  # about 3 s on one free core; the margin is for a busy machine


def test_finite_or_none():
    assert [finite_or_none(value) for value in (1.5, float("nan"), float("inf"))] == [1.5, None, None]
