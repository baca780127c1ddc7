import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plausibrain.cohorts.ages import parse_ages
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.identity import bids_name, match_ids, safe_id
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.participant_columns import find_columns
from plausibrain.cohorts.participants import parse_participants
from plausibrain.cohorts.sexes import parse_coding


def raw(**columns):
    """A raw table as `read_raw_table` gives it: text, lines as index."""
    n = len(next(iter(columns.values())))
    return pd.DataFrame(columns, index=pd.RangeIndex(2, n + 2), dtype="str")


def parse(table=None, *, sex_coding=None, age_unit=None, **columns):
    defaults = {"participant_id": ["a", "b", "c"], "age": ["60", "70.5", "80"], "sex": ["M", "F", "F"]}
    table = raw(**{**defaults, **columns}) if table is None else table
    return parse_participants(table, source="p.tsv", sex_coding=sex_coding, age_unit=age_unit)


def kinds(notes):
    return [(note.kind, note.column, note.row) for note in notes]


def test_a_clean_table_needs_no_notes():
    subjects, notes = parse()
    assert subjects["participant_id"].tolist() == subjects["subject"].tolist() == ["a", "b", "c"]
    assert subjects["age"].tolist() == [60, 70.5, 80]
    assert subjects["sex"].tolist() == ["M", "F", "F"]
    assert subjects["status"].tolist() == ["ok"] * 3
    assert subjects["reason"].tolist() == [""] * 3
    assert notes == ()


@pytest.mark.parametrize(
    "name", ["subject", "Subject_ID", "sub_id", "scan_id", "ID", "Measure:volume", "", "Unnamed: 0"]
)
def test_the_id_column_has_many_names(name):
    table = raw(**{name: ["x", "y"], "age": ["1", "2"], "sex": ["M", "F"]})
    assert parse(table).subjects["participant_id"].tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (["scan_id", "subject", "sex"], {"participant_id": "scan_id", "subject": "subject", "sex": "sex"}),
        (["subject", "Gender"], {"participant_id": "subject", "sex": "Gender"}),
        (["Age (years)", "prompt_age"], {"age": "Age (years)", "requested_age": "prompt_age"}),
        (["x", "age_z"], {}),
    ],
)
def test_columns_are_found_by_meaning(header, found):
    assert find_columns(header) == found


def test_missing_columns_are_named_with_what_was_found():
    with pytest.raises(
        DataError, match=r"p\.tsv: no column for age and sex; found participant_id, IQ; rename"
    ):
        parse(raw(participant_id=["a"], IQ=["100"]))


@pytest.mark.parametrize("word", ["M", "m", "Male", "male", "MALE", "man", " m "])
def test_male_has_many_spellings(word):
    subjects, notes = parse(sex=[word, "F", "F"])
    assert subjects["sex"].tolist() == ["M", "F", "F"]
    assert len(notes) == (word.strip() != "M")


def test_coercions_are_one_note_per_spelling_with_count_and_example():
    notes = parse(sex=["female", "female", "m"]).notes
    assert kinds(notes) == [("coerced", "sex", 2), ("coerced", "sex", 4)]
    assert notes[0].message == "2 times 'female' read as F"


@pytest.mark.parametrize(
    ("codes", "example"),
    [(("0", "1"), "0=M,1=F"), (("1", "2"), "1=M,2=F"), (("1.0", "0.0"), "0=M,1=F"), (("1", "1"), "1=M,0=F")],
)
def test_coded_sex_is_never_guessed_and_the_example_can_be_used(codes, example):
    sex = [codes[0], codes[1], codes[0]]
    with pytest.raises(
        DataError, match=rf"p\.tsv: line 2, column 'sex': sex .* is a code .*sex_coding='{example}'"
    ):
        parse(sex=sex)
    assert set(parse(sex=sex, sex_coding=example).subjects["sex"]) <= {"M", "F"}


def test_a_stated_coding_is_used_and_noted():
    subjects, notes = parse(sex=["1", "2.0", "1"], sex_coding="1=M,2=F")
    assert subjects["sex"].tolist() == ["M", "F", "M"]
    assert [note.message for note in notes] == ["2 times '1' read as M", "1 times '2.0' read as F"]


def test_a_code_that_the_coding_does_not_cover_is_named():
    with pytest.raises(
        DataError, match=r"line 4, column 'sex': sex '9' is unknown; expected .*the coding '1=M,2=F'"
    ):
        parse(sex=["1", "2", "9"], sex_coding="1=M,2=F")


@pytest.mark.parametrize("coding", ["", "1=M", "1=M,2=M", "1=M,1=F", "1:M,2:F", "=M,2=F", "1=X,2=F"])
def test_a_coding_that_cannot_be_read_is_refused(coding):
    with pytest.raises(DataError, match="cannot be read; write for example '1=M,0=F'"):
        parse_coding(coding)


def test_a_word_for_sex_that_is_unknown_is_refused():
    with pytest.raises(
        DataError, match=r"line 3, column 'sex': sex 'yes' is unknown; expected M, F, male, female"
    ):
        parse(sex=["M", "yes", "F"])


def test_neither_male_nor_female_is_excluded_with_a_note():
    subjects, notes = parse(sex=["M", "other", "F"])
    assert subjects["status"].tolist() == ["ok", "excluded", "ok"]
    assert subjects["reason"].tolist() == ["", "sex is missing", ""]
    assert [note.kind for note in notes] == ["warning", "excluded"]


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("89+", 89),
        ("90.5 +", 90.5),
        (">89", 89),
        (">=89", 89),
        ("045Y", 45),
        ("006M", 0.5),
        ("P50Y8M", 50 + 8 / 12),
        ("P52W", 52 * 7 / 365.25),
        ("63,5", 63.5),
        ("0", 0),
        ("120", 120),
    ],
)
def test_ages_are_read(text, years):
    assert parse(age=["60", text, "80"]).subjects["age"].tolist() == pytest.approx([60, years, 80])


def test_open_ended_ages_are_noted():
    notes: list[Note] = []
    parse_ages(pd.Series(["89+", "90+", *["70"] * 28], name="age"), source="p", unit=None, notes=notes)
    assert [(note.kind, note.column) for note in notes] == [("coerced", "age")]
    assert notes[0].value == "89+"
    assert notes[0].message == "2 open-ended ages read as the stated limit"


def test_many_open_ended_ages_are_a_warning():
    notes = parse(age=["36+", "30", "31"]).notes
    assert [note.kind for note in notes] == ["coerced", "warning"]
    assert "1 of 3 ages are open-ended" in notes[1].message


@pytest.mark.parametrize("text", ["XX", "unknown", "26-30", "26 – 30", "26 to 30"])
def test_ages_that_are_no_number_of_years_are_left_out_and_counted(text):
    subjects, notes = parse(age=["60", text, "80"])
    assert subjects["reason"].tolist() == ["", "age is missing", ""]
    assert [note.kind for note in notes] == ["warning", "excluded"]
    assert notes[0].value == text


def test_a_column_of_ranges_is_refused():
    with pytest.raises(DataError, match=r"all ages are ranges, such as '20-25'; write the middle"):
        parse(age=["20-25", "26-30", "31-35"])


@pytest.mark.parametrize("text", ["sixty", "1,063,5", "inf", "1e999", "89-", "P5H", "P"])
def test_text_for_an_age_is_refused(text):
    with pytest.raises(
        DataError, match=r"p\.tsv: line 3, column 'age': age '.*' is not a number; write years"
    ):
        parse(age=["60", text, "80"])


@pytest.mark.parametrize("text", ["-1", "121", "999", "-9"])
def test_impossible_ages_are_refused(text):
    with pytest.raises(
        DataError, match=r"line 3, column 'age': age '.*' lies outside 0 to 120 years \(1 such rows\)"
    ):
        parse(age=["60", text, "80"])


def test_ages_in_months_ask_for_the_unit():
    with pytest.raises(DataError, match=r"all ages lie above 130 \(720 to 960\); .*age_unit='months'"):
        parse(age=["720", "840", "960"])
    with pytest.raises(DataError, match=r"all ages lie above 130 .*age_unit='days'"):
        parse(age=["21900", "25567", "29200"])
    subjects, notes = parse(age=["720", "840", "960"], age_unit="months")
    assert subjects["age"].tolist() == [60, 70, 80]
    assert notes[0].message == "3 ages converted from months to years"


def test_a_column_that_says_months_is_converted():
    table = raw(participant_id=["a", "b"], age_months=["720", "6"], sex=["M", "F"])
    subjects, notes = parse(table)
    assert subjects["age"].tolist() == [60, 0.5]
    assert [note.kind for note in notes] == ["coerced"]


def test_scaled_ages_are_refused_and_infants_can_be_stated():
    with pytest.raises(DataError, match="all ages lie between 0 and 1, they seem to be scaled"):
        parse(age=["0.1", "0.5", "1"])
    assert parse(age=["0.1", "0.5", "1"], age_unit="years").subjects["age"].tolist() == [0.1, 0.5, 1]


def test_an_unknown_unit_is_refused():
    with pytest.raises(DataError, match="age_unit='decades' is unknown; use years, months, weeks or days"):
        parse(age_unit="decades")


def test_rows_without_age_or_sex_stay_as_excluded():
    subjects, notes = parse(age=["60", None, "80"], sex=["M", "F", None])
    assert subjects["status"].tolist() == ["ok", "excluded", "excluded"]
    assert subjects["reason"].tolist() == ["", "age is missing", "sex is missing"]
    assert [note.message for note in notes] == [
        "1 of 3 rows excluded: age is missing",
        "1 of 3 rows excluded: sex is missing",
    ]


def test_nothing_left_is_an_error():
    with pytest.raises(DataError, match=r"p\.tsv: none of 3 rows has both age and sex"):
        parse(age=[None, 30, None], sex=["M", None, "F"])


def test_ages_that_nobody_has_are_stated_missing_and_exclude_nobody():
    subjects, notes = parse(age=[None] * 3)
    assert subjects["status"].tolist() == ["ok"] * 3
    assert any("states no age" in note.message for note in notes)


@pytest.mark.parametrize("name", ["a/b", "..", "../x", "a..b", "a\\b", "a\nb", "a\x1b[2J", "x" * 129, "."])
def test_ids_that_could_leave_their_folder_are_refused(name):
    with pytest.raises(DataError, match=r"p\.tsv: line 3: participant id"):
        parse(participant_id=["a", name, "c"])


def test_an_empty_id_is_refused():
    with pytest.raises(DataError, match="line 3: 'participant_id' is empty"):
        parse(participant_id=["a", None, "c"])
    with pytest.raises(DataError, match="the participant id is empty"):
        safe_id("  ")


@settings(max_examples=300)
@given(st.text(max_size=140))
def test_a_safe_id_is_one_plain_path_component(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    try:
        identifier = safe_id(text)
    except DataError:
        return
    assert (folder / identifier).parent == folder
    assert (folder / identifier).resolve().parent == folder.resolve()
    assert identifier.isprintable() or not any(ord(character) < 32 for character in identifier)


def test_bids_ids_give_subject_and_session():
    subjects, _ = parse(participant_id=["sub-01_ses-1_T1w", "sub-01_ses-2_T1w", "sub-02"])
    assert subjects["subject"].tolist() == ["sub-01", "sub-01", "sub-02"]
    assert subjects["session"].fillna("").tolist() == ["1", "2", ""]
    assert subjects["participant_id"].tolist() == ["sub-01_ses-1_T1w", "sub-01_ses-2_T1w", "sub-02"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sub-01", ("sub-01", "")),
        ("sub-01_T1w", ("sub-01", "")),
        ("sub-01_ses-pre_acq-x_run-2_T1w", ("sub-01", "pre_run-2")),
        ("IXI016", None),
        ("sub-", None),
    ],
)
def test_bids_names(name, expected):
    assert bids_name(name) == expected


def test_repeated_ids_become_unique_by_their_session_and_stay_one_subject():
    subjects, _ = parse(participant_id=["a", "a", "b"], session=["1", "2 nd", None])
    assert subjects["participant_id"].tolist() == ["a_ses-1", "a_ses-2nd", "b"]
    assert subjects["subject"].tolist() == ["a", "a", "b"]
    assert subjects["session"].fillna("").tolist() == ["1", "2 nd", ""]


def test_repeated_ids_become_unique_by_their_seed():
    subjects, _ = parse(participant_id=["a", "a", "b"], seed=["1", "2", "1"])
    assert subjects["participant_id"].tolist() == ["a_seed-1", "a_seed-2", "b"]
    assert subjects["subject"].tolist() == ["a", "a", "b"]
    assert subjects["seed"].tolist() == [1, 2, 1]


def test_repeated_ids_that_nothing_tells_apart_are_refused():
    with pytest.raises(DataError, match="line 3: participant_id 'a' repeats; add a session or seed column"):
        parse(participant_id=["a", "a", "b"])


def test_a_subject_column_names_the_cluster():
    subjects, _ = parse(subject=["p", "p", None])
    assert subjects["subject"].tolist() == ["p", "p", "c"]


def test_columns_of_the_published_synthetic_set_are_known():
    subjects, notes = parse(
        raw(
            image_id=["0001", "0002"],
            prompt_age=["45", "70"],
            prompt_sex=["F", "M"],
            prompt_ventricular_volume=["20000", "60000.5"],
            prompt_brain_volume=["1500000", "1300000"],
        )
    )
    assert subjects["age"].tolist() == subjects["requested_age"].tolist() == [45, 70]
    assert subjects["sex"].tolist() == subjects["requested_sex"].tolist() == ["F", "M"]
    assert subjects["requested_ventricle_mm3"].tolist() == [20000, 60000.5]
    assert subjects["requested_brain_normalised_mm3"].tolist() == [1500000, 1300000]
    assert subjects["participant_id"].tolist() == ["0001", "0002"]
    assert [note.message for note in notes] == [
        "the requested age stands for the age",
        "the requested sex stands for the sex",
    ]


def test_own_age_stands_beside_the_requested_one():
    subjects, notes = parse(requested_age=["61", "71", "81"])
    assert subjects["age"].tolist() == [60, 70.5, 80]
    assert subjects["requested_age"].tolist() == [61, 71, 81]
    assert notes == ()


def test_scaled_requests_are_refused():
    with pytest.raises(DataError, match=r"'requested_brain_mm3' holds values up to 0\.9; expected mm3"):
        parse(requested_brain_mm3=["0.1", "0.5", "0.9"])


@pytest.mark.parametrize(
    ("column", "value"), [("seed", "one"), ("seed", "1.5"), ("prompt_brain_volume", "big")]
)
def test_text_in_a_number_is_named(column, value):
    with pytest.raises(DataError, match=rf"line 3, column '{column}': '{value}' is not a"):
        parse(**{column: ["1", value, "3"]})


def test_other_columns_are_listed_in_one_note():
    notes = parse(IQ=["1", "2", "3"], BDI=["1", "2", "3"], site=["x", "y", None]).notes
    assert [(note.kind, note.message) for note in notes] == [("ignored", "2 columns not used: IQ, BDI")]


def test_a_given_exclusion_is_kept():
    subjects, _ = parse(status=["ok", "excluded", "EXCLUDED"], reason=[None, "moved", None])
    assert subjects["reason"].tolist() == ["", "moved", "excluded in the table"]
    assert subjects["status"].tolist() == ["ok", "excluded", "excluded"]


@pytest.mark.parametrize(
    ("names", "ids", "expected"),
    [
        (["sub-01_T1w", "sub-02_ses-1_T1w", "x"], ["sub-01", "sub-02"], [0, 1, -1]),
        (["01", "sub-02"], ["sub-01", "02"], [0, 1]),
        (["IXI016-Guys-0828-T1"], ["IXI01", "IXI016"], [1]),
        (["a_b_c"], ["a", "a_b"], [1]),
        (["ab"], ["a"], [-1]),
        ([], ["a"], []),
    ],
)
def test_ids_are_matched_by_the_longest_whole_part(names, ids, expected):
    assert match_ids(names, ids).tolist() == expected


AGES = st.one_of(
    st.none(), st.sampled_from(["n/a", "89+", "045Y", "x", "-3", "700", ""]), st.floats(0, 120).map(str)
)
SEXES = st.sampled_from(["M", "F", "male", "Female", "0", "1", "unknown", None, "?"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=4), AGES, SEXES), min_size=1, max_size=6))
def test_any_table_gives_checked_subjects_or_a_clear_error(rows):
    table = raw(participant_id=[r[0] for r in rows], age=[r[1] for r in rows], sex=[r[2] for r in rows])
    subjects = subjects_of(table)
    if subjects is not None:
        included = subjects[subjects["status"] == "ok"]
        assert len(subjects) == len(rows)
        assert included["age"].between(0, 120).all() or subjects["age"].isna().all()
        assert included["sex"].isin(["M", "F"]).all() or subjects["sex"].isna().all()
        assert subjects["participant_id"].is_unique
        assert (subjects.loc[subjects["status"] != "ok", "reason"] != "").all()


def subjects_of(table):
    try:
        return parse(table).subjects
    except DataError:
        return None
