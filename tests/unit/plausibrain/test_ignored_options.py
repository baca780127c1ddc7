"""An option that the chosen mode of a command would ignore is refused, with what it goes with."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from plausibrain.cli import app
from plausibrain.cohorts.errors import DataError

LIKE = ("conditions", "--like", "missing.csv", "--out", "table.tsv")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("generate", "--out", "x", "--severity", "1"), "--severity goes with --defect"),
        (("generate", "--out", "x", "--defect", "flat_ageing"), "--defect flat_ageing goes with"),
        (("generate", "--out", "x", "--conditions", "t.tsv", "--n", "3"), "--n goes with subjects"),
        ((*LIKE, "--levels", "4"), "--levels goes with --sweep"),
        ((*LIKE, "--levels", "4", "--beyond", "0.5"), "--levels and --beyond go with --sweep"),
        ((*LIKE, "--sex", "F"), "--sex goes with --sweep"),
        ((*LIKE, "--youngest", "30", "--resample"), "--youngest goes with --balanced"),
        (("sweep", "--out", "x", "--condition", "age", "--values", "30,40", "--levels", "4"),
         "--levels goes with a range"),
        (("audit", "--out", "x", "--seed", "3"), "--seed goes with --images"),
        (("audit", "--out", "x", "--images", "--null-replicates", "3"), "--null-replicates goes"),
        (("plan", "--severity", "1"), "--severity goes with --defect"),
        (("plan", "--defect", "flat_ageing", "--effect", "1"), "--effect goes with a plan"),
    ],
)  # fmt: skip
def test_options_without_effect_are_refused(
    arguments: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(app, list(arguments))
    assert isinstance(outcome.exception, DataError), outcome.output
    assert str(outcome.exception).startswith(line)
    assert list(tmp_path.iterdir()) == []
