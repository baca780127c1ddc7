"""How a page shows image quality: labels and units from the run's catalogue, far values at the edge."""

import pandas as pd
from matplotlib.figure import Figure

from plausibrain.reports.figure import FIGURES, figures_of
from plausibrain.reports.measure_labels import with_measure_labels
from plausibrain.reports.result_tables import tables_of
from plausibrain.reports.run_folder import Run
from plausibrain.reports.svg import drawing


def test_measures_are_called_by_their_label_and_carry_their_unit(run: Run) -> None:
    tables = {table.title: table for table in tables_of(run, 7)}
    difference = tables["Difference of image quality"]
    assert {row[0].text for row in difference.rows} == {"The fwhm_mean", "The cjv", "The snr_gm"}
    means = tables["Mean of each quality measure, in its own unit"]
    assert {row[0].text for row in means.rows} == {"The fwhm_mean (mm)", "The cjv", "The snr_gm"}
    assert means.columns[1:3] == ("Reference", "Generated")


def test_structures_keep_their_names(run: Run) -> None:
    rows = run.table("results").query("question == 2")
    pd.testing.assert_frame_equal(with_measure_labels(run, rows), rows)


def test_far_and_near_differences_are_told_with_their_true_numbers(run: Run) -> None:
    table = FIGURES.discover("plausibrain.reports.figures")["quality_forest"].select(run)
    assert "to The fwhm_mean: 9.00 SD (8.75 to 9.25) – fail." in FIGURES["quality_forest"].describe(table)
    with drawing("x"):
        ax = FIGURES["quality_forest"].function(table, ax=Figure().add_subplot())
    assert ax.get_xlim()[1] > 9.25
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["−1", "0", "1", "3"]


def test_the_measures_that_differ_most_come_first(run: Run) -> None:
    quality = {figure.name: figure for figure in figures_of(run, 7)}
    assert list(quality) == ["quality_forest", "quality_distributions"]
    table = FIGURES["quality_distributions"].select(run)
    assert list(table.measure.unique()) == ["The fwhm_mean", "The snr_gm", "The cjv"]
    assert set(table.cohort) == {"reference", "generated"}


def test_without_a_catalogue_names_stay_as_they_are(run: Run) -> None:
    tables = {"results": run.table("results"), "measure_names": run.table("measure_names").head(0)}
    bare = Run(run.path, run.record, run.scorecard, tables)
    rows = run.table("results").query("question == 7")
    assert with_measure_labels(bare, rows) is rows
