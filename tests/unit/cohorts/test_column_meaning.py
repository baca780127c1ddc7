"""Columns whose names have two meanings are decided by their content, or asked for."""

import pandas as pd
import pytest

from plausibrain.cohorts.column_meaning import columns_of
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.frames import cohort_from_frame
from plausibrain.cohorts.participants import parse_participants

N = 6


def table(**columns: object) -> pd.DataFrame:
    base = {
        "participant_id": [f"sub-{i}" for i in range(N)],
        "age": [60, 61, 62, 63, 64, 65],
        "sex": ["M", "F"] * 3,
    }
    return pd.DataFrame({name: values for name, values in (base | columns).items() if values is not None})


def twice(**columns: object) -> pd.DataFrame:
    """Three subjects in two rows each."""
    return table(participant_id=["a", "a", "b", "b", "c", "c"], sex=["M", "M", "F", "F", "M", "M"], **columns)


@pytest.mark.parametrize(
    ("columns", "session"),
    [
        ({"SES": [1, 1, 3, 3, 2, 2], "Visit": [1, 2, 1, 2, 1, 2]}, "Visit"),
        ({"ses": [1, 1, 3, 3, 2, 2], "Visit": [1, 2, 1, 2, 1, 2]}, "Visit"),
        ({"SES": [1, 2, 1, 2, 1, 2]}, "SES"),
        ({"session": ["MR"] * 6, "wave": [1, 2, 1, 2, 1, 2]}, "wave"),
        ({"visit": [None] * 6, "timepoint": ["bl", "m12"] * 3}, "timepoint"),
        ({"session": [1, 2, 1, 2, 1, 2], "run": [1] * 6}, "session"),
    ],
)
def test_the_session_is_what_tells_rows_of_one_id_apart(columns: dict[str, list], session: str) -> None:
    rows = twice(**columns)
    assert columns_of(rows, "t.csv")[0]["session"] == session
    ids = parse_participants(rows, source="t.csv").subjects["participant_id"]
    assert ids.is_unique
    frame = rows.assign(**{"Left-Hippocampus": range(4000, 4006), "TIV": range(1400000, 1400006)})
    assert len(cohort_from_frame(frame, name="t")) == N


def test_socioeconomic_status_is_no_session_of_single_scans() -> None:
    assert "session" not in columns_of(table(SES=[1, 2, 3, 1, 2, 3]), "t.csv")[0]


@pytest.mark.parametrize(
    "other",
    [
        {"age_at_scan": [60.4, 61.2, 61.8, 63.0, 64.9, 65.5]},
        {"age_months": [720, 732, 744, 756, 768, 780]},
        {"Age": [60, 61, None, 63, 64, 65]},
    ],
)
def test_two_columns_of_the_same_ages_are_read(other: dict[str, list]) -> None:
    ages = parse_participants(table(**other), source="t.csv").subjects["age"]
    assert ages.tolist() == [60, 61, 62, 63, 64, 65]


@pytest.mark.parametrize("other", [{"age_at_scan": [60, 61, 70, 63, 64, 65]}, {"age_months": [30] * 6}])
def test_two_columns_of_other_ages_are_asked_for(other: dict[str, list]) -> None:
    with pytest.raises(DataError, match=r"'age' is \d+ and 'age_.*keep the age at the scan"):
        parse_participants(table(**other), source="t.csv")


def test_an_empty_column_gives_way() -> None:
    rows = table(age=[None] * N, scan_age=[50] * N, site=[None] * N, scanner=["A", "B"] * 3)
    columns, _ = columns_of(rows, "t.csv")
    assert (columns["age"], columns["site"]) == ("scan_age", "scanner")


@pytest.mark.parametrize("gender", [["M", "F"] * 3, [1, 2] * 3, ["male", "female"] * 3, [None] * 6])
def test_sex_and_gender_that_agree_are_read_whatever_their_codes(gender: list) -> None:
    parsed = parse_participants(table(gender=gender), source="t.csv")
    assert parsed.subjects["sex"].tolist() == ["M", "F"] * 3
    assert not [note for note in parsed.notes if "differs" in note.message]


def test_sex_counts_where_gender_differs_in_a_few_rows() -> None:
    n = 40
    rows = pd.DataFrame(
        {
            "id": [f"s{i}" for i in range(n)], "age": 50, "sex": ["M", "F"] * 20,
            "gender": ["F", "F", *["M", "F"] * 19],
        }
    )  # fmt: skip
    parsed = parse_participants(rows, source="t.csv")
    assert parsed.subjects["sex"].tolist() == ["M", "F"] * 20
    (note,) = [note for note in parsed.notes if "differs" in note.message]
    assert "'gender' differs from 'sex' in 1 of 40 rows" in note.message


@pytest.mark.parametrize("gender", [["M"] * 6, ["M", "F", "F", "M", "M", "F"], [1] * 3 + [2] * 3])
def test_sex_and_gender_that_contradict_each_other_are_asked_for(gender: list) -> None:
    with pytest.raises(DataError, match="the two columns contradict each other"):
        parse_participants(table(gender=gender), source="t.csv")


@pytest.mark.parametrize(
    ("group", "is_diagnosis"),
    [
        (["train", "test"] * 3, False),
        (["40-50", "50-60"] * 3, False),
        (["Young", "Old"] * 3, False),
        (["M", "F"] * 3, False),
        (["Demented", "Nondemented"] * 3, True),
        (["AD", "HC"] * 3, True),
        ([0, 1] * 3, True),
    ],
)
def test_a_group_is_a_diagnosis_only_where_it_may_be_one(group: list, *, is_diagnosis: bool) -> None:
    columns, notes = columns_of(table(Group=group), "t.csv")
    assert ("diagnosis" in columns) == is_diagnosis
    assert is_diagnosis or "no diagnosis" in notes[0].message


def test_the_first_of_several_columns_of_sites_is_used_and_the_others_are_listed() -> None:
    rows = table(site=["A", "B"] * 3, center=["X"] * 6, scanner=["GE", "Siemens"] * 3)
    parsed = parse_participants(rows, source="t.csv")
    assert parsed.subjects["site"].tolist() == ["A", "B"] * 3
    assert any("2 columns not used: center, scanner" in note.message for note in parsed.notes)
