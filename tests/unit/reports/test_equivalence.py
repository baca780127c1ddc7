"""The table of structures at the front: its words and its sentence are those of the rows."""

import numpy as np
import pandas as pd
import pytest

from plausibrain.reports.equivalence import RATE, equivalence
from plausibrain.reports.run_folder import Run


class StandIn:
    """A run with another table of results."""

    def __init__(self, run: Run, results: pd.DataFrame) -> None:
        self.settings, self._run, self._results = run.settings, run, results

    def table(self, name: str) -> pd.DataFrame:
        return self._results if name == "results" else self._run.table(name)


@pytest.fixture
def mixed(run: Run) -> StandIn:
    """Every third structure differs, every fourth is equivalent."""
    results = run.table("results").copy()
    place = np.arange(len(results))
    results["q"] = np.where(place % 3 == 0, 0.01, 0.4)
    results["verdict"] = np.where(place % 4 == 0, "pass", "inconclusive")
    return StandIn(run, results)


def rows_of(run: StandIn) -> pd.DataFrame:
    results = run.table("results")
    rows = results[(results.quantity == "adjusted_d") & (results.stratum == "all")]
    adjusted = rows[rows.headsize == "covariate"]
    return pd.concat([adjusted, rows[(rows.structure == "TIV") & (rows.headsize == "none")]])


def test_every_structure_has_a_difference_a_q_value_and_an_answer(mixed: StandIn) -> None:
    found, rows = equivalence(mixed), rows_of(mixed)
    assert found is not None
    assert len(found.table.rows) == len(rows) == 33
    by_place = dict(zip(found.table.columns, zip(*found.table.rows, strict=True), strict=True))
    equivalent, different = (rows.verdict == "pass").sum(), (rows.q < RATE).sum()
    assert [c.text for c in by_place["Equivalent?"]].count("yes") == equivalent > 0
    assert [c.text for c in by_place["Different?"]].count("yes") == different > 0
    assert sorted(cell.value for cell in by_place["Difference (SD)"]) == sorted(rows.estimate)


def test_the_sentence_counts_the_rows(mixed: StandIn) -> None:
    found, rows = equivalence(mixed), rows_of(mixed)
    assert found is not None
    same, different = rows.verdict == "pass", rows.q < RATE
    assert f"{different.sum()} differ from the reference at a false discovery rate of 5 %" in found.sentence
    assert f"({(same & different).sum()} of them by less than the margin)" in found.sentence
    assert f"{same.sum()} are equivalent to it within 0.2 SD" in found.sentence
    assert f"{(~same & ~different).sum()} are neither" in found.sentence


def test_the_page_shows_it_beside_the_scorecard(html: str) -> None:
    assert html.index('id="scorecard"') < html.index('id="structures"') < html.index('id="q1"')


def test_without_volumes_there_is_none(run: Run) -> None:
    assert equivalence(StandIn(run, run.table("results").query("question != 2"))) is None
