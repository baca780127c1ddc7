"""Small cohorts on disk and a way to call the command line in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from plausibrain import cli
from plausibrain.generation.demo_cohorts import table_cohort

QUICK = ("--resamples", "100")


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Call `plausibrain` with arguments, as a shell would."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["plausibrain", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


def plain_table(n: int, seed: int) -> pd.DataFrame:
    """Return a cohort as the flat table that a user would bring: id, age, sex, FreeSurfer names."""
    cohort = table_cohort(n, seed=seed, name="table")
    subjects = cohort.subjects[["participant_id", "age", "sex"]]
    return pd.concat([subjects, cohort.volumes], axis=1)


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two flat tables of 60 subjects and a quick configuration."""
    folder = tmp_path_factory.mktemp("tables")
    paths = {}
    for name, seed in (("reference", 1), ("generated", 2)):
        paths[name] = folder / f"{name}.csv"
        plain_table(60, seed).to_csv(paths[name], index=False)
    paths["config"] = folder / "quick.yaml"
    paths["config"].write_text(
        "reference: reference.csv\ngenerated: {path: generated.csv, name: model A}\nout: run\n"
        "settings: {n_resamples: 100, n_splits: 20, wasabi_repeats: 10}\n"
    )
    return paths
