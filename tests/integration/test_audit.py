"""The audit through the command line: an injected defect is seen, and a repeated audit repeats nothing."""

import json
from pathlib import Path

from plausibrain.cohorts.schemas import AUDIT
from plausibrain.cohorts.tables import read_table
from tests.integration.conftest import Command

ARGUMENTS = (
    "--n", "60", "--replicates", "1", "--null-replicates", "2", "--defect", "regional_atrophy",
    "--resamples", "100", "--splits", "20", "--quiet",
)  # fmt: skip


def test_audit_sees_a_strong_defect_and_resumes(tmp_path: Path, command: Command) -> None:
    assert command("audit", "--out", tmp_path, *ARGUMENTS).code == 0
    table = read_table(tmp_path / "audit.tsv", AUDIT)
    strongest = table[(table["defect"] == "regional_atrophy") & (table["severity"] == 0.2)]
    assert strongest.set_index(["question", "headline"]).loc[(2, "size_worst"), "n_fail"] == 1
    assert set(table.loc[table["defect"] == "none", "trials"]) <= {1, 2}
    page = (tmp_path / "audit.md").read_text(encoding="utf-8")
    assert "--defect regional_atrophy" in page, "the page names the command that prints it"
    trials = sorted((tmp_path / "trials").rglob("*.json"))
    written = {path: path.stat().st_mtime_ns for path in trials}
    trials[0].unlink()
    assert command("audit", "--out", tmp_path, *ARGUMENTS).code == 0
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").rglob("*.json")}
    assert set(again) == set(written)
    assert [path for path in trials if again[path] != written[path]] == [trials[0]]
    assert json.loads(trials[0].read_text()) != []
