"""What can be taken from a report: figures in three formats, methods with their papers, a summary."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from plausibrain.reports.figure import FIGURES, Plots, figures_of, panel_figures
from plausibrain.reports.methods import Paragraph
from plausibrain.reports.report import write_report
from plausibrain.reports.run_folder import Run, read_run
from plausibrain.reports.summary import write_summary
from plausibrain.reports.texts import bibtex, latex, results_paragraph, write_texts


@pytest.fixture(scope="module")
def folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("take away") / "run"
    shutil.copytree(run.path, target)
    write_report(target)
    return target


def test_every_figure_is_written_in_three_formats_that_open(folder: Path) -> None:
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert {"brain_sizes", "size_forest-1", "sex_map"} <= names
    for name in names:
        svg = ET.parse(folder / "figures" / f"{name}.svg").getroot()  # noqa: S314 (written by the code)
        assert svg.tag.endswith("svg")
        assert "var(--" not in (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        assert "tips:" not in (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        with Image.open(folder / "figures" / f"{name}.png") as picture:
            assert picture.getextrema()[0][0] < 128  # something dark stands on the white
        assert (folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_texts_cite_exactly_the_papers_of_the_bibliography(folder: Path) -> None:
    keys = set(re.findall(r"@\w+{(\w+),", (folder / "references.bib").read_text(encoding="utf-8")))
    markdown = (folder / "methods.md").read_text(encoding="utf-8")
    tex = (folder / "methods.tex").read_text(encoding="utf-8")
    assert keys
    assert set(re.findall(r"@(\w+)", markdown)) == keys
    assert {key for group in re.findall(r"\\cite{([^}]*)}", tex) for key in group.split(",")} == keys


def test_the_methods_name_version_protocol_and_n(folder: Path) -> None:
    text = (folder / "methods.md").read_text(encoding="utf-8")
    card = read_run(folder).scorecard
    assert re.search(r"plausibrain \d+\.\d+", text)
    assert card["fingerprint"][:12] in text
    assert re.search(r"has \d+ rows", text)


def test_results_repeat_the_numbers_of_the_first_screen(run: Run) -> None:
    text = results_paragraph(run)
    assert "fails on regional volumes" in text
    assert re.search(r"SD too (small|large) \([\d.]+ to [\d.]+\)", text)
    assert "nan" not in text


def test_latex_escapes_what_latex_would_read() -> None:
    assert latex([Paragraph("a_b & c", "50 % of {x} [@Hedges1981; @Lin1989].")]) == (
        "\\paragraph{a\\_b \\& c} 50 \\% of \\{x\\}~\\cite{Hedges1981,Lin1989}.\n"
    )
    assert bibtex([]) == ""


def test_the_summary_has_two_pages(folder: Path) -> None:
    content = (folder / "summary.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b(?!s)", content)) == 2


def test_the_same_run_gives_the_same_summary_and_texts(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_texts(run, tmp_path / name)
        write_summary(run, tmp_path / name / "summary.pdf")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_page_written_elsewhere_brings_no_files(bare_folder: Path, tmp_path: Path) -> None:
    before = {path.name for path in bare_folder.iterdir()}
    write_report(bare_folder, tmp_path / "elsewhere" / "page.html")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["page.html"]
    assert {path.name for path in bare_folder.iterdir()} == before


def test_panels_plotted_for_the_page_become_the_files_that_are_plotted_anew(run: Run, tmp_path: Path) -> None:
    plots: Plots = {}
    figures_of(run, 4, plots)
    plugin = next(plugin for plugin in FIGURES if plugin.name == "age_curves")
    pages = [name for name in plots if name.startswith(plugin.name)]
    assert pages
    saved = {}
    for source, given in (("page", plots), ("anew", None)):
        for name, figure in panel_figures(plugin, run, given):
            figure.savefig(tmp_path / source, format="svg", metadata={"Date": None})
            saved[source, name] = (tmp_path / source).read_bytes()
    assert not any(name in plots for name in pages), "every panel is taken out"
    assert [saved["page", name] for name in pages] == [saved["anew", name] for name in pages]
