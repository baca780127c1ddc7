"""The example of the README: its tables are real and small, and its known defect is the first thing named."""

import re
from pathlib import Path

from plausibrain.analysis.analyse import analyse
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import read_cohort
from plausibrain.reports.findings import answer, biases
from plausibrain.reports.run_folder import Run

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "aomic_piop2"
FACTOR = 0.93


def test_the_readme_runs_these_tables() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(r"plausibrain run --reference (\S+) --generated (\S+) --out runs/example", text)
    assert command is not None
    assert all((ROOT / path).is_file() for path in command.groups())
    assert (ROOT / "docs" / "report.png").is_file()


def test_the_hippocampus_is_named_first() -> None:
    reference, model = (read_cohort(FOLDER / f"{name}.csv") for name in ("reference", "model"))
    assert len(reference) + len(model) == 226
    done = analyse(reference, model, Settings(n_resamples=300, n_splits=40))
    results = done.tables["results"]
    texts = {name: results[name].fillna("") for name in ("verdict", "structure", "headsize")}
    run = Run(Path(), {}, done.scorecard, {"results": results.assign(**texts)})
    assert "regional volumes" in answer(done.scorecard)
    first = biases(run)[0]
    assert (first.name, first.verdict) == ("Hippocampus", "fail")
    assert "too small" in first.text


def test_the_defect_is_what_the_page_of_the_example_says() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"{round(100 * (1 - FACTOR))} % smaller" in page
    assert "CC0" in page
