"""Exit code 1 belongs to `check` alone: whatever else goes wrong ends with 2 and one sentence."""

import errno
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from plausibrain import cli
from plausibrain.cohorts.errors import DataError


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataError("a.tsv: is empty; give a table"), "a.tsv: is empty"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), "runs/a: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "runs"), "runs: Permission denied; what was"),
        (RuntimeError("boom"), "this is a fault of plausibrain"),
    ],
)  # fmt: skip
def test_errors_end_with_code_2_and_a_sentence(monkeypatch, capsys, error, sentence) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as outcome:
        cli.main()
    assert outcome.value.code == cli.EXIT_DATA_ERROR == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_the_version_is_that_of_the_package() -> None:
    outcome = CliRunner().invoke(cli.app, ["--version"])
    assert outcome.output.strip() == f"plausibrain {version('plausibrain')}"
