"""Tables of one question: a row per structure, a column per cohort, strata with n and detectable effect."""

import pandas as pd
import pytest

from plausibrain.reports.formatting import MISSING
from plausibrain.reports.result_tables import ResultTable, _strata_of, tables_of
from plausibrain.reports.run_folder import Run


def table(run: Run, question: int, title: str) -> ResultTable:
    return next(found for found in tables_of(run, question) if found.title == title)


def column(found: ResultTable, name: str) -> list[str]:
    place = found.columns.index(name)
    return [row[place].text for row in found.rows]


def test_one_row_per_structure_with_the_run_s_own_convention(run: Run) -> None:
    found = table(run, 2, "Adjusted difference")
    # Head size cannot be adjusted for itself, so it stands among the conventions only.
    assert len(found.rows) == 32
    assert "head size as covariate" in found.note
    assert set(column(found, "Verdict")) <= {"pass", "fail", "inconclusive"}


def test_columns_without_any_number_are_left_out(run: Run) -> None:
    assert "p (equivalence)" in table(run, 2, "Adjusted difference").columns
    assert "p (equivalence)" not in table(run, 3, "Ratio of standard deviations").columns


def test_cohorts_stand_side_by_side(run: Run) -> None:
    found = table(run, 4, "Change with age, standardised")
    heads = [f"{name} (SD per decade)" for name in ("Reference", "Generated", "Difference")]
    assert list(found.columns[1:4]) == heads
    results = run.table("results")
    row = results[(results.quantity == "age_beta") & (results.structure == "Left-Caudate")].set_index(
        "cohort"
    )
    cells = next(cells for cells in found.rows if cells[0].text == "Caudate, left")
    for place, cohort in enumerate(("reference", "generated", "difference"), start=1):
        assert cells[place].value == pytest.approx(row.loc[cohort, "estimate"], abs=0)


def test_conventions_stand_side_by_side(run: Run) -> None:
    found = table(run, 2, "Adjusted difference: head-size conventions")
    assert found.columns == ("Structure", "Uncorrected", "Covariate", "Share of head size")
    assert column(found, "Covariate")[0] == MISSING
    assert MISSING not in column(found, "Uncorrected")


def test_strata_have_n_and_detectable_effect(run: Run) -> None:
    found = table(run, 2, "Adjusted difference: by sex and age")
    assert column(found, "Stratum") == ["F", "M", "50-59", "60-69"]
    assert set(column(found, "n ref. / gen.")) == {"40 / 120"}
    assert MISSING not in column(found, "Minimum detectable")
    tallies = [
        sum(int(row[found.columns.index(word)].text) for word in ("Pass", "Inconclusive", "Fail"))
        for row in found.rows
    ]
    assert tallies == [33] * 4


def test_numbers_of_the_whole_brain_come_together(run: Run) -> None:
    found = table(run, 4, "Numbers of the whole brain")
    assert column(found, "Number") == ["Age effects, Deming slope"] * 2
    assert column(found, "Head size") == ["Uncorrected", "Covariate"]


def test_what_depends_on_n_stands_at_the_n_of_the_halves(run: Run) -> None:
    found = table(run, 8, "Numbers of the whole brain")
    row = dict(zip(found.columns, found.rows[0], strict=True))
    halves, at_that_n = row["Split-half reference"], row["Generated at that n"]
    assert (halves.value, at_that_n.value) == (3.1, 4.8)
    assert "4.4" in at_that_n.below
    assert f"n = {len(run.table('subjects')) // 4}" in at_that_n.below


def test_failed_estimates_show_their_reason_and_notes_are_kept(run: Run) -> None:
    found = table(run, 8, "Numbers of the whole brain")
    published, plain = found.rows
    assert plain[found.columns.index("Estimate (×10⁻⁴)")].text == MISSING
    assert plain[found.columns.index("Estimate (×10⁻⁴)")].below == "undefined on these subjects"
    assert "not a confidence interval" in published[-1].text


def test_strata_of_the_whole_brain(run: Run) -> None:
    found = table(run, 1, "Excluded: by sex and age")
    assert column(found, "Stratum") == ["F", "M"]
    assert found.columns[1:3] == ("Reference (%)", "Generated (%)")
    assert found.rows[0][1].text == "2.5 %"


@pytest.mark.parametrize(
    ("strata", "expected"),
    [
        (["25 subjects", "50 subjects"], "size of the training set"),
        (["left frontal lobe", "right insula", "left cingulate cortex"], "region"),
        (["cortical parcels", "subcortical grey matter", "all structures"], "region"),
        (["trained on both"], "training set"),
        (["women", "20-29", "men 20-29"], "sex and age"),
        (["women", "25 subjects"], "sex and age"),
    ],
)
def test_strata_are_named_by_what_they_were_made_of(strata, expected):
    assert _strata_of(pd.DataFrame({"stratum": strata}))[0] == expected
