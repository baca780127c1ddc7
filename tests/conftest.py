"""Shared fixtures: where the real data lies, which skips are allowed, and what makes a run of tests short."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Workers run side by side: with a thread for every core in each of them, and in the processes that tests
# start, they wait for each other. Read by the libraries when they are loaded, which is after this file.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

REQUIRE_ALL = os.environ.get("PLAUSIBRAIN_REQUIRE_ALL") == "1"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the checkout; set PLAUSIBRAIN_DATA to look elsewhere."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PLAUSIBRAIN_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set PLAUSIBRAIN_DATA to its folder")
    return folder


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every later search for garbage: it stays until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave figures out of reports: half the time of a quick run, where a test reads tables and words."""
    monkeypatch.setattr("plausibrain.reports.report.figures_of", lambda *_: [])
    monkeypatch.setattr("plausibrain.reports.report.write_figures", lambda *_, **__: [])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Turn every skip into a failure when PLAUSIBRAIN_REQUIRE_ALL=1, but for the want of a browser."""
    report = yield
    optional = item.get_closest_marker("browser") is not None
    if REQUIRE_ALL and report.skipped and not optional and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"PLAUSIBRAIN_REQUIRE_ALL=1 forbids skips: {report.longrepr}"
    return report
