"""Sections after the ten questions: complexity of the cortex with its verdict, and sweeps of the run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.analysis.complexity import complexity_table
from plausibrain.cohorts.schemas import COMPLEXITY, SWEEP_VERDICTS
from plausibrain.cohorts.tables import write_table
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.reports.complexity import complexity_section
from plausibrain.reports.extra_section import worst_verdict
from plausibrain.reports.figure import FIGURES, figures_of
from plausibrain.reports.figures._brains import atlas, lobe_atlas, lobes
from plausibrain.reports.questions import COMPLEXITY as COMPLEXITY_PLACE
from plausibrain.reports.report import page
from plausibrain.reports.run_folder import Run, read_run
from plausibrain.reports.sweeps import sweep_sections
from tests.unit.reports.factory_complexity import PARCELS, results_with, run_with_complexity
from tests.unit.reports.page_parser import Page

INSIDE, OUTSIDE = "inside the reference", "outside the reference"
NAN = float("nan")
#: One transparent pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6300010000000500010d0a2d"
    "b40000000049454e44ae426082"
)


@pytest.fixture
def with_complexity(bare_folder: Path) -> Run:
    return run_with_complexity(read_run(bare_folder))


def test_errors_that_follow_complexity_fail_with_figure_and_tables(with_complexity: Run) -> None:
    section = complexity_section(with_complexity)
    assert section.verdict == "fail"
    assert "ρ = +1.00" in section.lede
    assert "10 label maps that come with the package" in section.methods
    associations, parcels = section.tables
    assert associations.rows[0][7].text == "fail"
    assert {row[7].text for row in associations.rows[2:]} == {"not measured"}
    assert len(parcels.rows) == len(PARCELS)
    (figure,) = figures_of(with_complexity, COMPLEXITY_PLACE)
    assert len(figure.panels) == 2
    assert "68 parcels: size of the difference of volumes against fractal dimension" in figure.panels[0]


def test_page_has_the_section_with_its_verdict(with_complexity: Run) -> None:
    html = page(with_complexity)
    Page().feed(html)
    section = html[html.index('<section class="part" id="complexity"') : html.index('id="done"')]
    assert '<span class="verdict fail">' in section
    assert "not part of the scorecard" in section


def test_runs_without_parcels_say_so(run: Run) -> None:
    section = complexity_section(run)
    assert section.verdict == "not measured"
    assert (
        section.lede == "Not measured: the volumes of this run have no cortical parcels in both hemispheres."
    )
    assert not section.tables


def test_too_few_parcels_are_the_reason(bare_folder: Path) -> None:
    table = complexity_table(results_with(np.ones(68)).head(4), typical_geometry(), headsize="covariate")
    write_table(table, bare_folder / "tables" / "complexity.tsv", COMPLEXITY)
    section = complexity_section(read_run(bare_folder))
    assert section.lede == "Not measured: 0 cortical parcels in both hemispheres, at least 16 are needed."


def sweep_folder(folder: Path, verdict: str = "fail") -> None:
    folder.mkdir(parents=True)
    rows = [
        ["slope", INSIDE, "measured per requested", 4, 0.55, 0.52, 0.57, 0.67, 1.33, 0.001, verdict, ""],
        ["leak into brain", INSIDE, "%", 4, -10.0, -11.0, -9.0, -2.0, 2.0, 0.001, "fail", ""],
    ]
    table = pd.DataFrame(rows, columns=[column.name for column in SWEEP_VERDICTS.columns])
    write_table(table, folder / "sweep_verdicts.tsv", SWEEP_VERDICTS)
    facts = {"condition": "ventricle volume", "n_images": 24, "all": {"n": 24, "r": 0.9, "slope": 0.55}}
    (folder / "sweep.json").write_text(json.dumps(facts), encoding="utf-8")
    (folder / "sweep.png").write_bytes(PIXEL)


def test_sweeps_of_the_run_folder_have_a_section_each(bare_folder: Path) -> None:
    assert sweep_sections(read_run(bare_folder)) == []
    sweep_folder(bare_folder / "sweep")
    sweep_folder(bare_folder / "sweeps" / "age")
    run = read_run(bare_folder)
    first, second = sweep_sections(run)
    assert (first.anchor, second.anchor) == ("sweep-1", "sweep-2")
    assert first.verdict == "fail"
    assert "0.550 inside the reference (95 % CI 0.520 to 0.570)" in first.lede
    assert "moves what it should not: brain volume (−10.0 %)" in first.lede
    assert first.pictures[0].source.startswith("data:image/png;base64,")
    assert [row[7].text for row in first.tables[0].rows] == ["fail", "fail"]
    html = page(run)
    Page().feed(html)
    assert 'id="sweep-1"' in html


def test_pictures_and_folders_outside_the_run_are_not_shown(bare_folder: Path, tmp_path: Path) -> None:
    sweep_folder(tmp_path / "elsewhere")
    (bare_folder / "sweep-linked").symlink_to(tmp_path / "elsewhere")
    sweep_folder(bare_folder / "sweep")
    (bare_folder / "sweep" / "sweep.png").unlink()
    (bare_folder / "sweep" / "sweep.png").symlink_to(tmp_path / "elsewhere" / "sweep.png")
    (section,) = sweep_sections(read_run(bare_folder))
    assert section.pictures == ()


def test_sweeps_without_picture_or_summary_keep_their_verdicts(bare_folder: Path) -> None:
    sweep_folder(bare_folder / "sweep", verdict="pass")
    shutil.move(bare_folder / "sweep" / "sweep.json", bare_folder / "sweep" / "other.json")
    (bare_folder / "sweep" / "sweep.png").unlink()
    (section,) = sweep_sections(read_run(bare_folder))
    assert section.title == "One-factor sweep: sweep"
    assert len(section.tables[0].rows) == 2


def test_a_single_strip_says_what_keeps_it_from_a_verdict(bare_folder: Path) -> None:
    """As a real sweep of one subject with one value outside the range of the reference leaves it."""
    sweep_folder(bare_folder / "sweep")
    few = "1 strip, at least 3 are needed"
    rows = [
        ["slope", INSIDE, "measured per requested", 1, 0.966, NAN, NAN, 0.8, 1.2, NAN, "inconclusive", few],
        ["slope", OUTSIDE, "measured per requested", 0, NAN, NAN, NAN, 0.8, 1.2, NAN, "not measured", "one"],
        ["leak into tiv", INSIDE, "%", 1, 1.5, NAN, NAN, -2.0, 2.0, NAN, "inconclusive", few],
    ]
    table = pd.DataFrame(rows, columns=[column.name for column in SWEEP_VERDICTS.columns])
    write_table(table, bare_folder / "sweep" / "sweep_verdicts.tsv", SWEEP_VERDICTS)
    (section,) = sweep_sections(read_run(bare_folder))
    assert section.verdict == "inconclusive"
    assert section.lede == (
        "Slope of measured on requested ventricle volume, 1 is perfect: 0.966 inside the reference. 24 "
        "images in one strip. Too few strips for intervals and verdicts."
    )
    assert [row[0].text for row in section.tables[0].rows][2] == "Leak into head size (TIV) (%)"
    write_table(table[1:2], bare_folder / "sweep" / "sweep_verdicts.tsv", SWEEP_VERDICTS)
    assert sweep_sections(read_run(bare_folder))[0].lede.startswith("No strip has two images")


def test_lobes_cover_the_cortex_of_the_brain_of_reports() -> None:
    labels = lobe_atlas()
    cortex = np.isin(atlas(), (3, 42))
    assert (np.isin(labels[cortex], list(lobes().values()))).mean() > 0.99
    assert (labels[~cortex] == atlas()[~cortex]).all()
    left = np.argwhere(labels == lobes()["left occipital lobe"])
    front = np.argwhere(labels == lobes()["left frontal lobe"])
    assert left[:, 1].mean() < front[:, 1].mean()  # RAS+: the frontal lobe lies in front


def test_lobes_are_painted_with_their_own_numbers(bare_folder: Path) -> None:
    results = read_run(bare_folder).table("results")
    row = results.iloc[[0]].assign(
        question=2, quantity="lobe_difference", structure="", cohort="difference", status="ok", unit="SD"
    )
    rows = pd.concat([row.assign(stratum=name, estimate=0.1 * i) for i, name in enumerate(lobes())])
    run = Run(bare_folder, {}, read_run(bare_folder).scorecard, {"results": rows})
    figures_of(run, 2)
    plugin = FIGURES["brain_lobes"]
    table = plugin.select(run)
    assert len(table) == len(lobes()) == 12
    assert "12 lobes painted on a brain" in plugin.describe(table)


def test_worst_verdict_decides() -> None:
    assert worst_verdict(["pass", "fail", "inconclusive"]) == "fail"
    assert worst_verdict(["pass", "not measured"]) == "pass"
    assert worst_verdict(["not measured"]) == "not measured"
