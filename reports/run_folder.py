"""A run folder as the report reads it: record, scorecard and tables, each checked when it is opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import SCHEMAS
from plausibrain.cohorts.tables import read_table, stored_table
from plausibrain.cohorts.text_files import read_json, require_object
from plausibrain.reports.run_files import RecordFile, ScorecardFile, check_file

SCORECARD_SCHEMA = 2
N_QUESTIONS = 10

#: Without these there is no report; every other table is optional, because a run may not have measured it.
REQUIRED_TABLES = ("results",)


@dataclass
class Run:
    """One run folder.

    Attributes
    ----------
    path : Path
        The folder.
    record : mapping
        Content of ``run.json``.
    scorecard : mapping
        Content of ``scorecard.json``.
    """

    path: Path
    record: Mapping[str, Any]
    scorecard: Mapping[str, Any]
    _tables: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    def table(self, name: str) -> pd.DataFrame:
        """Read ``tables/NAME`` once; an empty table when an optional one does not exist.

        Raises
        ------
        DataError
            When a required table is missing, or a table does not follow its schema.
        """
        if name not in self._tables:
            self._tables[name] = _read_table(self.path / "tables", name)
        return self._tables[name]

    @property
    def questions(self) -> Sequence[Mapping[str, Any]]:
        """The ten questions of the scorecard, in order."""
        return sorted(self.scorecard["questions"], key=lambda question: question["number"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the analysis; empty when the scorecard states none."""
        return self.scorecard.get("settings") or {}


def read_run(path: Path) -> Run:
    """Read the record and the scorecard of a run folder, and check that it has the tables a report needs.

    Parameters
    ----------
    path : Path
        Folder written by ``plausibrain run``.

    Raises
    ------
    DataError
        When the folder, a file or a field is missing, or comes from another version of the scorecard.
    """
    if not path.is_dir():
        raise DataError(
            f"expected a run folder, but {path} is not a folder; give the folder that `run` wrote"
        )
    if not (path / "scorecard.json").exists() and not (path / "run.json").exists():
        raise DataError(_no_run(path))
    scorecard = _read_json(path / "scorecard.json")
    _check_scorecard(scorecard, path / "scorecard.json")
    record = _read_json(path / "run.json")
    check_file(RecordFile, record, path / "run.json")
    run = Run(path, record, scorecard)
    for name in REQUIRED_TABLES:
        run.table(name)
    return run


def _no_run(path: Path) -> str:
    """Say that a folder holds no run, and which folders in it or above it do."""
    inside = sorted(child.name for child in path.iterdir() if (child / "run.json").is_file())
    above = next((parent for parent in path.resolve().parents if (parent / "run.json").is_file()), None)
    hint = "give the folder that `plausibrain run --out` wrote"
    if inside:
        hint = f"give one of the runs in it: {', '.join(inside[:5])}"
    elif above is not None:
        hint = f"it lies in the run folder {above}; give that one"
    return f"{path} is not a run folder, it holds neither run.json nor scorecard.json; {hint}"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise DataError(f"expected {path}, but there is no such file; run the analysis again") from None
    except DataError as error:
        raise DataError(f"{error}; run the analysis again") from error
    return require_object(content, path)


def _check_scorecard(scorecard: Mapping[str, Any], path: Path) -> None:
    version = scorecard.get("schema")
    if version != SCORECARD_SCHEMA:
        raise DataError(
            f"{path} has schema {version!r}, but this version reads schema {SCORECARD_SCHEMA}; "
            "run the analysis again with this version (its configuration is in run.json), or use the version "
            "that wrote it"
        )
    questions = scorecard.get("questions")
    if not isinstance(questions, list) or len(questions) != N_QUESTIONS:
        count = len(questions) if isinstance(questions, list) else "no list"
        raise DataError(
            f"expected {N_QUESTIONS} questions in {path}, but it has {count}; run the analysis again"
        )
    check_file(ScorecardFile, scorecard, path)


def _read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read one table; text that is missing becomes empty text, because a page shows both alike."""
    schema = SCHEMAS[name]
    path = stored_table(folder, name)
    if not path.is_file():
        if name in REQUIRED_TABLES:
            raise DataError(
                f"expected the table {folder / name}.tsv, but there is none; run the analysis again"
            )
        return schema.empty()
    table = read_table(path, schema)
    texts = [column.name for column in schema.columns if column.dtype == "str" and column.name in table]
    return table.assign(**{column: table[column].astype(object).fillna("").astype("str") for column in texts})
