"""The first screen: names, numbers, directions and reasons are those of the tables and the scorecard."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.reports.findings import answer, biases, faults, unjudged
from plausibrain.reports.run_folder import Run


def table_of(rows: list[tuple[str, float, float, str]]) -> pd.DataFrame:
    base = {"question": 2, "quantity": "adjusted_d", "stratum": "all", "headsize": "covariate", "unit": "SD",
            "cohort": "difference", "status": "ok"}  # fmt: skip
    return pd.DataFrame(
        [base | {"structure": name, "estimate": d, "ci_low": d - half, "ci_high": d + half,
                 "verdict": verdict}
         for name, d, half, verdict in rows]
    )  # fmt: skip


def run_of(rows: list[tuple[str, float, float, str]], questions: list[dict] | None = None) -> Run:
    card = {"schema": 2, "questions": questions or [], "settings": {}}
    return Run(Path(), {}, card, {"results": table_of(rows)})


def test_biases_are_named_with_direction_and_interval() -> None:
    run = run_of([
        ("CSF", -1.64, 0.2, "fail"), ("Left-Hippocampus", -0.3, 0.1, "fail"), ("TIV", 3.0, 0.1, "fail"),
        ("Right-Hippocampus", -0.95, 0.1, "fail"), ("Left-Putamen", 0.1, 0.3, "inconclusive"),
    ])  # fmt: skip
    found = biases(run)
    assert [(f.name, f.text, f.verdict) for f in found] == [
        ("CSF", "1.64 SD too small (1.44 to 1.84)", "fail"),
        ("Hippocampus", "0.95 SD too small (0.85 to 1.05)", "fail"),
    ]


def test_without_a_failure_nothing_is_called_too_large() -> None:
    found = biases(run_of([("Left-Putamen", 0.15, 0.3, "inconclusive"), ("Left-Caudate", 0.05, 0.1, "pass")]))
    assert [(f.name, f.text) for f in found] == [("Putamen", "0.15 SD larger (−0.15 to 0.45)")]


def test_reasons_for_a_missing_verdict_are_kept_apart() -> None:
    questions = [
        {"number": 4, "name": "Ageing effects", "verdict": "not judged", "headlines": [
            {"name": "ageing", "verdict": "not judged",
             "caveat": "the design does not support a verdict: ages do not overlap"}]},
        {"number": 5, "name": "Sex differences", "verdict": "inconclusive", "headlines": [
            {"name": "sex", "verdict": "inconclusive", "n_needed": 1234}]},
        {"number": 7, "name": "Image quality", "verdict": "not measured", "reason": "needs images",
         "headlines": []},
        {"number": 9, "name": "Memorisation and diversity", "verdict": "not measured",
         "reason": "needs images", "headlines": []},
    ]  # fmt: skip
    rows = [(u.state, u.names, u.reason) for u in unjudged(run_of([], questions))]
    assert rows == [
        ("inconclusive", "Sex differences",
         "the intervals are too wide; about 1,300 generated subjects would decide"),
        ("not judged", "Ageing effects", "ages do not overlap"),
        ("not measured", "Image quality, and Memorisation and diversity", "needs images"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        (["fail", "pass"], "Fails on a"),
        (["inconclusive", "pass"], "Inconclusive on a; passes 1 of 10 questions"),
        (["pass"] * 10, "Passes 10 of 10 questions"),
        (["not measured"], "Nothing could be judged"),
    ],
)
def test_the_answer_follows_the_verdicts(verdicts: list[str], text: str) -> None:
    questions = [{"name": name, "verdict": v} for name, v in zip("abcdefghij", verdicts, strict=False)]
    assert answer({"questions": questions}) == text


def test_every_fault_carries_the_verdict_of_its_headline(run: Run) -> None:
    verdicts = {h["label"]: h["verdict"] for q in run.questions for h in q["headlines"]}
    found = faults(run)
    assert found
    assert all(verdicts[f.name] == f.verdict for f in found)
    assert json.dumps([f.text for f in found])
    assert not any("nan" in f.text for f in found)


def test_a_structure_without_an_interval_is_named_all_the_same() -> None:
    found = biases(run_of([("CSF", -0.5, np.nan, "")]))
    assert [(f.name, f.text) for f in found] == [("CSF", "0.500 SD smaller")]
