"""The committed audit: its page is what its table prints, and its sentences repeat the table's numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.audit_cells import CELLS, PUBLISHED
from benchmarks.audit_page import COVERED, FAIL, SEEN, TABLE, coverage, false_alarms, page, power, summarise
from plausibrain.cohorts.tables import read_table

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return read_table(DOCS / "audit.tsv", TABLE)


@pytest.fixture(scope="module")
def committed() -> str:
    return (DOCS / "audit.md").read_text(encoding="utf-8")


def test_the_committed_page_belongs_to_the_committed_table(table, committed):
    after = "## Perfect generators"
    assert page(table, "").partition(after)[2] == committed.partition(after)[2]


def test_every_cell_was_tried(table):
    assert set(table["cell"]) == {cell.name for cell in CELLS}
    assert np.allclose(table["share"], table["count"] / table["trials"])


def test_sentences_repeat_the_numbers_of_the_table(table, committed):
    """Recomputed here from the rows, without the functions that print them."""
    verdicts = table[table["counted"] == FAIL]
    perfect, defects = verdicts[verdicts["question"] == 0], verdicts[verdicts["question"] > 0]
    count, n = perfect["count"].sum(), perfect["trials"].sum()
    assert (
        f"**{count} of {n} scorecards of perfect generators fail on some headline: {count / n:.1%} ("
        in committed
    )
    worst = perfect["share"].max()
    assert f", {worst:.1%} (" in committed.split("The highest rate is that of")[1].split(".** ")[0]
    high = (perfect["ci_high"] > 0.08).sum()
    assert f"above 8 % in {high} of {len(perfect)} cells" in committed
    covered = table[table["counted"] == COVERED]
    assert f"**{covered['count'].sum() / covered['trials'].sum():.1%} (" in committed
    assert f"of {covered['trials'].sum()} intervals cover" in committed
    strong = (defects["share"] >= 0.8).sum()
    assert f"at least 80 % of trials for {strong} of {len(defects)} defects" in committed
    for _, row in verdicts.iterrows():
        line = next(line for line in committed.splitlines() if line.startswith(f"| {row['cell']} | "))
        assert f"{row['count']} of {row['trials']}, {row['share']:.1%} (" in line


def trial(cell, number, verdict, wasabi):
    published = dict.fromkeys(PUBLISHED, 0.5) | {"WASABI": wasabi}
    failed = ["size_head"] if verdict == "fail" else []
    return {"cell": cell, "trial": number, "verdict": verdict, "failed": failed, "published": published,
            "covered": {"size_head": number > 0}}  # fmt: skip


def test_counts_of_a_log():
    defect = next(cell.name for cell in CELLS if cell.question and cell.n == (200, 200))
    rows = [trial("perfect generator", k, "fail" if k == 0 else "pass", float(k)) for k in range(20)]
    rows += [trial(defect, k, "fail" if k < 15 else "pass", 100.0) for k in range(20)]
    found = summarise(pd.DataFrame(rows)).set_index(["cell", "counted", "name"])
    assert found.loc[("perfect generator", FAIL, ""), "share"] == 0.05
    assert found.loc[("perfect generator", COVERED, "size_head"), "count"] == 19
    assert found.loc[(defect, SEEN, "WASABI"), "share"] == 1.0
    assert found.loc[(defect, SEEN, "mean |d|"), "share"] == 0.0
    flat = found.reset_index()
    perfect, defects = flat[flat["question"] == 0], flat[flat["question"] > 0]
    assert "1 of 20 scorecards" in "".join(false_alarms(perfect))
    assert "95.0%" in "".join(coverage(perfect))
    assert "for 0 of 1 defects" in "".join(power(defects))
    assert f"{defect}: 75%" in "".join(power(defects))
