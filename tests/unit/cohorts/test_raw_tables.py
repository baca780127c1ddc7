import csv
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.raw_tables import read_raw_table


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|", "   "])
def test_any_delimiter_is_found(tmp_path, delimiter):
    lines = [["id", "age", "sex"], ["007", "63.5", "F"], ["x", "n/a", "M"]]
    raw = read_raw_table(write(tmp_path / "a.txt", "\n".join(delimiter.join(line) for line in lines)))
    assert list(raw.frame.columns) == ["id", "age", "sex"]
    assert raw.frame["id"].tolist() == ["007", "x"]
    assert raw.frame["age"].isna().tolist() == [False, True]
    assert raw.notes == ()


def test_the_index_is_the_line_a_subject_sees(tmp_path):
    raw = read_raw_table(write(tmp_path / "a.csv", "id,age\na,1\n\n,\nb,2\n"))
    assert list(raw.frame.index) == [2, 5]


@pytest.mark.parametrize(
    "content",
    [
        "id,age\ra,1\r",
        "id,age,\na,1,\n",
        "\ufeffid,age\na,1\n",
        "id,age\r\na,1\r\n",
        '"id","age"\n"a","1"\n',
        " id , age\na, 1\n",
    ],
)
def test_marks_and_line_ends_of_other_systems_do_not_matter(tmp_path, content):
    raw = read_raw_table(write(tmp_path / "a.csv", content))
    assert list(raw.frame.columns) == ["id", "age"]
    assert raw.frame.loc[2].tolist() == ["a", "1"]


def test_commas_in_the_headers_of_a_table_with_tabs_do_not_count(tmp_path):
    raw = read_raw_table(write(tmp_path / "a.tsv", "id\tage, in years\tgroup, a, b, or c\nx\t60\ta\n"))
    assert list(raw.frame.columns) == ["id", "age, in years", "group, a, b, or c"]


def test_blank_lines_above_the_header_count_as_lines(tmp_path):
    assert list(read_raw_table(write(tmp_path / "a.csv", "\n\nid,age\na,1\n")).frame.index) == [4]


def test_a_delimiter_inside_quotes_does_not_count(tmp_path):
    raw = read_raw_table(write(tmp_path / "a.csv", 'id;"Name, first, middle; last"\na;"b;c"\n'))
    assert raw.frame.iloc[0].tolist() == ["a", "b;c"]


@pytest.mark.parametrize("word", ["", "n/a", "NA", "NaN", "null", ".", "None", "#N/A"])
def test_missing_has_many_spellings(tmp_path, word):
    assert read_raw_table(write(tmp_path / "a.csv", f"id,age\na,{word}\n")).frame["age"].isna().all()


def test_only_named_columns_keep_their_text(tmp_path):
    path = write(tmp_path / "a.csv", "id,code,v\n007,01,1.5\n008,02,2\n")
    frame = read_raw_table(path, is_text=lambda name: name == "id").frame
    assert frame["id"].tolist() == ["007", "008"]
    assert frame["v"].tolist() == [1.5, 2.0]
    assert pd.api.types.is_integer_dtype(frame["code"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"id,age\n", "has a header but no rows"),
        (b"id,age\n,\n", "has a header but no rows"),
        (b",,\na,b,c\n", "its first line names no columns"),
        (b"age sex\n1 60 M\n2 61 F\n", "a row does not fit the header of 2 columns"),
        (b'id,age\n"a,1\n', "a row does not fit the header of 2 columns .*EOF inside string"),
        (b"id,age\na,1\nb,2,3,4\n", "a row does not fit the header of 2 columns"),
        (b"id,name\na,Ren\xe9\n", r"line 2: byte 0xE9 is not UTF-8; .*encoding='latin-1'"),
        (b"\xff\xfei\0d\0", "is UTF-16; save it as UTF-8"),
        (b"PK\x03\x04\0\0\0\0", "is not a text file; export the table"),
        (b"id,age,age\na,1,2\n", "two columns are called 'age' and differ"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"a\.csv: .*{message}"):
        read_raw_table(write(tmp_path / "a.csv", content))


def test_absent_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"b\.csv: no such file"):
        read_raw_table(tmp_path / "b.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_raw_table(tmp_path)


def test_another_encoding_can_be_named(tmp_path):
    path = write(tmp_path / "a.csv", "id,name\na,René\n".encode("latin-1"))
    assert read_raw_table(path, encoding="latin-1").frame["name"].tolist() == ["René"]
    with pytest.raises(DataError, match="no encoding is called 'klingon'"):
        read_raw_table(path, encoding="klingon")


def test_columns_that_repeat_in_name_and_content_are_dropped_with_a_note(tmp_path):
    raw = read_raw_table(write(tmp_path / "a.csv", "id,eTIV,eTIV\na,1,1\nb,2,2\n"))
    assert list(raw.frame.columns) == ["id", "eTIV"]
    assert [(note.kind, note.column) for note in raw.notes] == [("ignored", "eTIV")]


CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=6
)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5),
    delimiter=st.sampled_from("\t,;|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_text_survives_any_delimiter_and_quoting(tmp_path_factory, rows, delimiter, quoting):
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, quoting=quoting).writerows([("id", "a", "b"), *rows])
    path = tmp_path_factory.mktemp("raw") / "a.csv"
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    frame = read_raw_table(path).frame
    known = [tuple(None if pd.isna(cell) else cell for cell in row) for row in frame.itertuples(index=False)]
    words = ("n/a", "N/A", "NA", "na", "NaN", "nan", "NULL", "null", "None", "none", ".", "#N/A")
    expected = [tuple(None if cell in words else cell for cell in row) for row in rows]
    assert known == [row for row in expected if set(row) != {None}]


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_clear_error(tmp_path_factory, content):
    path = write(tmp_path_factory.mktemp("raw") / "a.csv", content)
    assert str(path) in outcome(path)


def outcome(path) -> str:
    """What reading leads to: a table of this file, or the message of the only error that is allowed."""
    try:
        return f"{path}: {read_raw_table(path).frame.shape}"
    except DataError as error:
        return str(error)
