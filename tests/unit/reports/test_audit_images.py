"""The page of an audit on images: verdicts in a grid, the usual numbers beside their null."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.schemas import AUDIT_IMAGES
from plausibrain.cohorts.tables import write_table
from plausibrain.reports.audit_images import USUAL, write_image_audit_page
from tests.unit.reports.page_parser import Page


def row(
    defect: str, question: int, verdict: str, *, declared: int = 0, headline: str = ""
) -> dict[str, object]:
    return {
        "defect": defect, "label": {"none": "No defect", "blur": "Blur"}[defect], "severity": 2.0,
        "unit": "mm (SD)", "level": "image", "subjects": 24, "question": question, "declared": declared,
        "headline": headline, "headline_label": headline.upper(), "verdict": verdict, "estimate": 5.0,
        "ci_low": 4.0, "ci_high": 6.0, "null_low": 1.0, "null_high": 4.5,
    }  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> str:
    rows = [
        row("none", 2, "inconclusive"),
        row("none", 7, "pass"),
        row("none", 9, "not measured"),
        row("none", 8, "pass", headline=USUAL[0]) | {"estimate": 2.0},
        row("blur", 2, "pass"),
        row("blur", 7, "fail", declared=1),
        row("blur", 9, "not measured"),
        row("blur", 7, "fail", headline="sharpness"),
        row("blur", 8, "pass", headline=USUAL[0]),
        row("blur", 8, "not measured", headline=USUAL[1]) | {"estimate": np.nan},
    ]
    write_table(pd.DataFrame(rows), tmp_path / "audit_images.tsv", AUDIT_IMAGES)
    settings = {"command": "plausibrain audit --images --n 24", "date": "2026-01-01", "cores": 2}
    (tmp_path / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    written = write_image_audit_page(tmp_path)
    assert written.name == "audit_images.html"
    return (tmp_path / "audit_images.md").read_text(encoding="utf-8")


def test_the_html_page_opens_with_what_is_detected_and_marks_verdicts(page: str, tmp_path: Path) -> None:
    parsed = Page.of((tmp_path / "audit_images.html").read_text(encoding="utf-8"))
    assert parsed.problems == []
    assert parsed.all("h1")[0].text == ("1 of 1 defects are detected by a question that is expected to do so")
    marks = [e.text for e in parsed.elements if (e.attributes.get("class") or "").startswith("verdict ")]
    assert marks == ["inconclusive", "pass", "not measured", "pass", "fail", "not measured"]


def test_verdicts_stand_in_a_grid_and_declared_ones_are_bold(page: str) -> None:
    assert "| defect | 2 | 7 | 9 |" in page.replace(" 8 |", "")
    assert "| No defect | inconclusive | pass | — |" in page
    assert "| Blur (2 mm (SD)) | pass | **fail** | — |" in page
    assert "**1 of 1 defects are detected by a question that is expected to do so.**" in page


def test_usual_numbers_stand_beside_real_against_real(page: str) -> None:
    assert f"| defect | {USUAL[0].upper()} | {USUAL[1].upper()} |" in page
    assert "| No defect | 2 [1 to 4.5] | — |" in page
    assert "| Blur (2 mm (SD)) | 5 [1 to 4.5], outside | — |" in page


def test_headlines_that_said_no_are_named(page: str) -> None:
    assert "| Blur (2 mm (SD)) | SHARPNESS (7) |" in page
    assert "| No defect | none |" in page
    assert "plausibrain audit --images --n 24" in page
