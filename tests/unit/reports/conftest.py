"""One made-up run and its page, shared by all tests of this folder."""

from pathlib import Path

import pytest

from plausibrain.reports.report import page
from plausibrain.reports.run_folder import Run, read_run
from tests.unit.reports.factory import make_run


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def run(run_folder: Path) -> Run:
    return read_run(run_folder)


@pytest.fixture(scope="session")
def html(run: Run) -> str:
    return page(run)


@pytest.fixture
def bare_folder(run_folder: Path, tmp_path: Path) -> Path:
    """The run with nothing but what it must have; its page is soon written."""
    bare = tmp_path / "bare"
    (bare / "tables").mkdir(parents=True)
    for name in ("run.json", "scorecard.json", "tables/results.tsv"):
        (bare / name).write_bytes((run_folder / name).read_bytes())
    return bare
