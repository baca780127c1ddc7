"""The committed page of the audit is what its committed table prints."""

from pathlib import Path

from plausibrain.cohorts.schemas import AUDIT
from plausibrain.cohorts.tables import read_table
from plausibrain.reports.audit import audit_markdown

DOCS = Path(__file__).parents[3] / "docs"


def test_the_committed_page_belongs_to_the_committed_table():
    table = read_table(DOCS / "audit_severities.tsv", AUDIT)
    said = {"command": "", "date": "", "cores": 2, "n_resamples": 500, "n_splits": 60}
    page = audit_markdown(table, said)
    after = "## False alarms"
    committed = (DOCS / "audit_severities.md").read_text(encoding="utf-8")
    assert committed.partition(after)[2] == page.partition(after)[2]
    assert "Copied training subjects: also injected" in page, (
        "a defect that no question here declares is named"
    )
