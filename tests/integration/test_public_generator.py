"""A public generator against real subjects, and a copy of it with one fault: what each page opens with."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from plausibrain.analysis.analyse import analyse
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.pipeline import record_of, write_run_folder
from plausibrain.reports.check.check import check_run
from plausibrain.reports.compare.compare import compare_runs
from plausibrain.reports.compare.structures import PREFIX
from plausibrain.reports.report import write_report
from tests.unit.analysis.factory import with_volume
from tests.unit.reports.page_parser import Page

pytestmark = pytest.mark.slow

QUICK = {"n_resamples": 100, "n_splits": 20, "wasabi_repeats": 10}
#: Volume of the hippocampus in the faulty copy, as a share of what the public model made.
KEPT = 0.93
STEP = 3  # every third image of each condition


@pytest.fixture(scope="module")
def runs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, tables = tmp_path_factory.mktemp("public"), shared_data / "tables"
    reference = read_cohort(tables / "ixi_synthseg.csv", name="IXI", sex_coding="1=M,0=F")
    public = read_cohort(tables / "brainldm_synthseg.csv", name="public")
    public = public.select(np.arange(0, len(public), STEP))
    faulty = public
    for name in ("Left-Hippocampus", "Right-Hippocampus"):
        faulty = with_volume(faulty, name, KEPT * faulty.volumes[name].to_numpy())
    return {
        name: _run(reference, generated, folder / name)
        for name, generated in (("public", public), ("faulty", faulty))
    }


def _run(reference: Cohort, generated: Cohort, out: Path) -> Path:
    """Analyse without the figures, which take as long as the analysis."""
    analysis = analyse(reference, generated, Settings(**QUICK))
    record = record_of(analysis, reference, generated, name=out.name, seconds=0.0, config={})
    write_run_folder(out, analysis, record)
    return out


def opening(page: Path) -> str:
    """Words of a page before its contents: the first screen."""
    text = page.read_text(encoding="utf-8")
    header = Page.of(text[text.index("<header") : text.index("</header>") + len("</header>")])
    return " ".join(header.elements[0].text.split())


def test_the_report_opens_with_the_faults_of_the_model(runs: dict[str, Path]) -> None:
    words = opening(write_report(runs["public"], runs["public"] / "page.html"))
    assert words.startswith("plausibrain report: public Fails on regional volumes")
    assert "CSF 1." in words, "the largest bias by name"
    assert "SD too small (1." in words, "with direction and interval"
    assert "Spread of head size" in words
    assert "Ventricle volume, measured per requested" in words
    assert "Without a verdict" in words
    assert "requests do not follow age" in words, "the design of the requests is the reason"


def test_the_comparison_keeps_the_model_and_names_the_hippocampus_first(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    words = opening(compare_runs([runs["public"], runs["faulty"]], tmp_path))
    assert "Keep public: better on 1, worse on 0" in words
    changed = words[words.index("Structures that changed most") :]
    assert changed.removeprefix("Structures that changed most, faulty against public ").startswith(
        "Hippocampus left −0.9"
    )
    assert "further from the reference" in changed
    assert "Amygdala" not in changed, "nothing else changed"


def test_the_check_fails_with_the_hippocampus_as_first_culprit(runs: dict[str, Path], tmp_path: Path) -> None:
    result = check_run(runs["faulty"], baseline=runs["public"], out=tmp_path)
    assert result.status == "fail"
    words = opening(tmp_path / "check.html")
    assert re.search(r"Fails: \d+ failed", words)
    assert "First: Hippocampus, left: worse by" in words
    markdown = (tmp_path / "check.md").read_text(encoding="utf-8")
    assert len(markdown.splitlines()) <= 40
    assert markdown.index("Hippocampus") < markdown.index("| Outcome")
    suite = ET.parse(tmp_path / "check.xml").getroot()  # noqa: S314  (the check wrote it)
    failed = [case.get("name", "") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed
    assert all(name.startswith(f"{PREFIX}") and "Hippocampus" in name for name in failed)
