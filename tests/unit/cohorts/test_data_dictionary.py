"""Units and levels that ``participants.json`` states count; columns that mean two things are told apart."""

import json
from pathlib import Path

import pytest

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.participant_columns import find_columns

HEADER = "participant_id\tage\tsex\tEstimatedTotalIntraCranialVol"


def cohort_folder(folder: Path, dictionary: object, age: str, sexes: tuple[str, str]) -> Path:
    rows = "".join(f"sub-{n}\t{age}\t{sexes[n % 2]}\t{1.4e6 + n}\n" for n in range(4))
    (folder / "participants.tsv").write_text(
        f"participant_id\tage\tsex\tEstimatedTotalIntraCranialVol\n{rows}"
    )
    (folder / "participants.json").write_text(json.dumps(dictionary))
    return folder


@pytest.mark.parametrize(
    ("unit", "age", "years"), [("months", "96", 8.0), ("Weeks", "417", 7.99), ("years", "8", 8.0)]
)
def test_the_stated_unit_of_age_counts(unit: str, age: str, years: float, tmp_path: Path) -> None:
    folder = cohort_folder(tmp_path, {"age": {"Units": unit}}, age, ("M", "F"))
    assert read_cohort(folder).subjects["age"].iloc[0] == pytest.approx(years, abs=0.01)


@pytest.mark.parametrize(
    ("levels", "first"), [({"1": "male", "2": "female"}, "M"), ({"1": "Female", "2": "Male"}, "F")]
)
def test_the_stated_levels_of_sex_count(levels: dict[str, str], first: str, tmp_path: Path) -> None:
    folder = cohort_folder(tmp_path, {"sex": {"Levels": levels}}, "40", ("1", "2"))
    cohort = read_cohort(folder)
    assert cohort.subjects["sex"].iloc[0] == first
    assert any("states the levels" in note.message for note in cohort.notes)


def test_socioeconomic_status_is_no_session() -> None:
    assert find_columns(["id", "age", "sex", "SES", "Visit"])["session"] == "Visit"
    assert "session" not in find_columns(["id", "age", "sex", "SES"])
    assert find_columns(["id", "age", "sex", "ses"])["session"] == "ses"
