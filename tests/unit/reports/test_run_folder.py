"""What a damaged run folder answers."""

import json
import shutil
from pathlib import Path

import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.reports.run_folder import Run, read_run


@pytest.fixture
def copy(run_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "copy"))


def edit_scorecard(folder: Path, **changes: object) -> None:
    path = folder / "scorecard.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_questions_come_in_order(run: Run) -> None:
    assert [question["number"] for question in run.questions] == list(range(1, 11))


@pytest.mark.parametrize("name", ["run.json", "scorecard.json", "tables/results.tsv"])
def test_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(DataError, match=rf"expected .*{Path(name).stem}.*run the analysis again"):
        read_run(copy)


def test_broken_json_is_named(copy: Path) -> None:
    (copy / "scorecard.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"scorecard\.json: is not readable JSON"):
        read_run(copy)


def test_json_that_is_no_object_is_refused(copy: Path) -> None:
    (copy / "run.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="expected one JSON object"):
        read_run(copy)


@pytest.mark.parametrize("schema", [0, 1, 3, None, "2"])
def test_other_schema_is_refused(copy: Path, schema: object) -> None:
    edit_scorecard(copy, schema=schema)
    with pytest.raises(DataError, match="this version reads schema 2; run the analysis again"):
        read_run(copy)


@pytest.mark.parametrize("questions", [[], {}, None])
def test_other_number_of_questions_is_refused(copy: Path, questions: object) -> None:
    edit_scorecard(copy, questions=questions)
    with pytest.raises(DataError, match="expected 10 questions"):
        read_run(copy)


def test_question_without_verdict_is_refused(copy: Path) -> None:
    card = json.loads((copy / "scorecard.json").read_text(encoding="utf-8"))
    del card["questions"][3]["verdict"]
    edit_scorecard(copy, **card)
    with pytest.raises(DataError, match="verdict: field required"):
        read_run(copy)


def test_missing_column_is_named(copy: Path) -> None:
    path = copy / "tables" / "results.tsv"
    path.write_text(path.read_text(encoding="utf-8").replace("estimate", "value", 1), encoding="utf-8")
    with pytest.raises(DataError, match="lacks column estimate"):
        read_run(copy)


def test_absent_optional_table_is_empty_with_its_columns(copy: Path) -> None:
    (copy / "tables" / "dose.tsv").unlink()
    table = read_run(copy).table("dose")
    assert table.empty
    assert "requested" in table


def test_missing_text_reads_as_empty_text(run: Run) -> None:
    assert (run.table("notes").value == "").any()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("failing", [1]), ("worst", "x"), ("estimate", "x"), ("null", []), ("better", "up"), ("source", 1),
        ("percent", "x"), ("ci_level", 2), ("name", None),
    ],
)  # fmt: skip
def test_headlines_with_values_that_none_has_are_refused(field: str, value: object, copy: Path) -> None:
    card = json.loads((copy / "scorecard.json").read_text(encoding="utf-8"))
    card["questions"][1]["headlines"][0][field] = value
    edit_scorecard(copy, **card)
    with pytest.raises(DataError, match=rf"scorecard\.json: questions\.1\.headlines\.0\.{field}") as caught:
        read_run(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantities", {"hedges_g": {}}),
        ("reference", 3),
        ("versions", [1]),
        ("seconds", "x"),
        ("config", "x"),
    ],
)
def test_records_with_values_that_none_has_are_refused(field: str, value: object, copy: Path) -> None:
    record = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    (copy / "run.json").write_text(json.dumps(record | {field: value}), encoding="utf-8")
    with pytest.raises(DataError, match=rf"run\.json: {field}"):
        read_run(copy)
