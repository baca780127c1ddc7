"""Cohorts without ages or sexes: what can be judged is judged, and nothing is invented."""

import json
from pathlib import Path

import pytest

from tests.integration.conftest import Command, plain_table

NEEDS_AGE_OR_SEX = (4, 5)


@pytest.mark.parametrize("missing", [("age", "sex"), ("age",), ("sex",)])
def test_a_generated_cohort_without_ages_or_sexes_is_judged(
    missing: tuple[str, ...],
    tables: dict[str, Path],
    tmp_path: Path,
    command: Command,
    request: pytest.FixtureRequest,
) -> None:
    if len(missing) == 1:  # with neither, the figures are plotted too
        request.getfixturevalue("without_figures")
    bare = tmp_path / "generated.csv"
    plain_table(60, seed=2).assign(**dict.fromkeys(missing, "n/a")).to_csv(bare, index=False)
    outcome = command("run", tables["config"], "--generated", bare, "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 0, outcome.err
    scorecard = json.loads((tmp_path / "run" / "scorecard.json").read_text(encoding="utf-8"))
    questions = {q["number"]: q for q in scorecard["questions"]}
    for number in (2, 3, 8):
        assert any(h["status"] == "ok" for h in questions[number]["headlines"]), questions[number]
    for name, number in zip(("age", "sex"), NEEDS_AGE_OR_SEX, strict=True):
        stated = any(h["status"] == "ok" for h in questions[number]["headlines"])
        assert stated == (name not in missing)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    plural = {"age": "ages", "sex": "sexes"}
    for name in missing:
        assert f"the generated cohort states no {plural[name]}" in page


def test_a_table_without_a_column_of_ages_says_how_to_state_that_there_are_none(
    tables: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    bare = tmp_path / "generated.csv"
    plain_table(60, seed=2).drop(columns="age").to_csv(bare, index=False)
    outcome = command("run", tables["config"], "--generated", bare, "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 2
    assert "column of n/a" in outcome.err
