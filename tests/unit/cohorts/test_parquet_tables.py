"""A table in Parquet is read as the same table in text is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.participant_columns import is_text_column
from plausibrain.cohorts.raw_tables import read_raw_table

pytest.importorskip("pyarrow")

TABLE = pd.DataFrame(
    {
        "participant_id": ["007", "b", "c"],
        "age": [63.5, np.nan, 40.5],
        "sex": [1, 0, 1],
        "site": ["n/a", "Oslo", None],
        "TIV": [1.5e6, 1.4e6, 1.6e6],
        "Left-Hippocampus": [4000.25, 3900.125, 4100.0],
        "Right-Hippocampus": [4000, 3900, 4100],
    }
)


def write(table: pd.DataFrame, folder: Path) -> tuple[Path, Path]:
    """Write one table in both forms."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "a.csv", index=False)
    table.to_parquet(folder / "a.parquet", index=False)
    return folder / "a.csv", folder / "a.parquet"


def test_text_and_parquet_give_the_same_table(tmp_path):
    text, parquet = (read_raw_table(path, is_text=is_text_column) for path in write(TABLE, tmp_path))
    pd.testing.assert_frame_equal(parquet.frame, text.frame, check_dtype=False)
    assert parquet.frame["participant_id"].tolist() == ["007", "b", "c"]
    assert parquet.notes == text.notes == ()


def test_text_and_parquet_give_the_same_cohort(tmp_path):
    one, other = (read_cohort(path, sex_coding="1=M,0=F") for path in write(TABLE, tmp_path))
    pd.testing.assert_frame_equal(other.subjects, one.subjects)
    pd.testing.assert_frame_equal(other.volumes, one.volumes)
    assert other.volumes["Left-Hippocampus"].tolist() == TABLE["Left-Hippocampus"].tolist()


def test_a_volume_table_below_derivatives_may_be_parquet(tmp_path):
    volumes = TABLE.drop(columns=["age", "sex", "site"])
    (tmp_path / "derivatives" / "x").mkdir(parents=True)
    volumes.to_parquet(tmp_path / "derivatives" / "x" / "volumes.parquet")
    TABLE[["participant_id", "age", "sex"]].to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    assert read_cohort(tmp_path, sex_coding="1=M,0=F").volumes["TIV"].tolist() == [1.5e6, 1.4e6, 1.6e6]


@pytest.mark.parametrize(
    "column",
    [
        pd.array([1, None, 3], dtype="Int64"),
        pd.Series([1.0, None, 3.0]),
        pd.Categorical(["1", None, "3"]),
        pd.Series(["1", "n/a", "3"]),
        pd.array(["1", None, "3"], dtype="string"),
    ],
)
def test_whole_numbers_with_gaps_have_no_decimal_point_as_text(tmp_path, column):
    table = pd.DataFrame({"id": ["a", "b", "c"], "grade": column})
    read = [
        read_raw_table(write(table, tmp_path)[1], is_text=lambda name, text=text: text).frame["grade"]
        for text in (True, False)
    ]
    assert read[0].dropna().tolist() == ["1", "3"]
    assert read[1].dropna().tolist() == [1.0, 3.0]
    assert read[0].isna().tolist() == read[1].isna().tolist() == [False, True, False]


def test_ids_that_pandas_kept_as_the_index_are_a_column(tmp_path):
    TABLE.set_index("participant_id").to_parquet(tmp_path / "a.parquet")
    assert read_raw_table(tmp_path / "a.parquet").frame["participant_id"].tolist() == ["007", "b", "c"]


@pytest.mark.parametrize("content", [b"", b"id,age\na,1\n", b"PAR1 and no more PAR1"])
def test_what_is_no_parquet_is_a_sentence(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet: is no Parquet file"):
        read_raw_table(tmp_path / "a.parquet")


def test_an_absent_and_an_empty_table_are_sentences(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_raw_table(tmp_path / "a.parquet")
    TABLE.iloc[:0].to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="has a header but no rows"):
        read_raw_table(tmp_path / "b.parquet")
