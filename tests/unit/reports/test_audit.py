"""The committed page of the audit is what its committed table prints."""

from pathlib import Path

import pandas as pd

from plausibrain.cohorts.schemas import AUDIT
from plausibrain.cohorts.tables import read_table
from plausibrain.reports.audit import audit_markdown, headline_powers, smallest_seen

DOCS = Path(__file__).parents[3] / "docs"


def test_the_committed_page_belongs_to_the_committed_table():
    table = read_table(DOCS / "audit_severities.tsv", AUDIT)
    settings = {"command": "", "date": "", "cores": 2, "n_resamples": 300, "n_splits": 40}
    page = audit_markdown(table, settings)
    after = "## False alarms"
    committed = (DOCS / "audit_severities.md").read_text(encoding="utf-8")
    assert committed.partition(after)[2] == page.partition(after)[2]
    assert "Copied training subjects: also injected" in page, (
        "a defect that no question here declares is named"
    )


def rate(defect: str, severity: float, headline: str, share: float, *, question: int = 2, declared: int = 1):
    return {
        "defect": defect, "label": defect.title(), "severity": severity, "unit": "ml", "question": question,
        "headline": headline, "declared": declared, "trials": 10, "n_fail": round(10 * share),
        "n_pass": 0, "n_inconclusive": 0, "share_fail": share, "ci_low": 0.0, "ci_high": 1.0, "subjects": 50,
    }  # fmt: skip


TABLE = pd.DataFrame(
    [
        rate("none", 0.0, "", 0.0, question=0, declared=0),
        rate("none", 0.0, "size", 0.0, declared=0),
        rate("none", 0.0, "complexity", 0.1, question=0, declared=0),
        rate("loss", 1.0, "", 0.5),
        rate("loss", 1.0, "size", 0.8),
        rate("loss", 1.0, "complexity", 0.9, question=0),
        rate("loss", 2.0, "", 0.9),
        rate("loss", 2.0, "size", 0.9),
        rate("loss", 2.0, "sex", 0.7, question=5, declared=0),
        rate("loss", 2.0, "complexity", 1.0, question=0),
    ]
)


def test_every_headline_has_the_smallest_severity_that_it_detects():
    powers = headline_powers(TABLE).set_index("headline")["detected"]
    assert powers.to_dict() == {"complexity": "Loss from 1", "size": "Loss from 1", "sex": ""}


def test_a_section_beside_the_scorecard_counts_as_what_must_see_a_defect():
    smallest = smallest_seen(TABLE).iloc[0]
    assert (smallest["severity"], smallest["question"]) == (1.0, 0)
    settings = {"command": "", "date": "", "cores": 1, "n_resamples": 1, "n_splits": 1}
    page = audit_markdown(TABLE, settings)
    assert "| Loss | 1 ml | section | 90%" in page
    assert "| section | complexity | 1 | 0 | 0 | 10%" in page
    assert "sections of the report beside the scorecard" in page
    questions_alone = audit_markdown(TABLE[TABLE["headline"] != "complexity"], settings)
    assert "section" not in questions_alone
