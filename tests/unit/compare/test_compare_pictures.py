"""Pictures of one request as every run generated it: the same subjects, side by side, or nothing."""

from pathlib import Path

import pandas as pd
import pytest

from plausibrain.cohorts.schemas import SLICES
from plausibrain.cohorts.tables import write_table
from plausibrain.reports.compare import pictures
from plausibrain.reports.compare.compare import compare_runs
from plausibrain.reports.compare.pictures import shared_pictures
from plausibrain.reports.run_folder import read_run
from tests.unit.compare.factory import World

PICTURE = b"\x89PNG made up"


def with_pictures(folder: Path, subjects: dict[str, float]) -> Path:
    """Give a run pictures of generated subjects, by id and age, each with a reference subject beside it."""
    rows = []
    (folder / "slices").mkdir()
    for pair, (name, age) in enumerate(subjects.items()):
        for cohort in ("generated", "reference"):
            file = f"{pair}-{cohort}.png"
            (folder / "slices" / file).write_bytes(PICTURE)
            rows.append(
                {"file": file, "question": 0, "group": "random", "pair": pair, "cohort": cohort,
                 "participant_id": name if cohort == "generated" else f"real-{pair}", "age": age, "sex": "F"}
            )  # fmt: skip
    missing = {column.name: "" if column.dtype == "str" else float("nan") for column in SLICES.columns}
    table = pd.DataFrame([missing | row for row in rows])
    write_table(table, folder / "tables" / "slices.tsv", SLICES)
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    world = World(n_draws=100)
    made = {"a": {"s1": 50.0, "s2": 60.0, "s3": 70.0}, "b": {"s3": 70.0, "s1": 50.0, "s2": 61.0}}
    return [
        with_pictures(world.run(name).write(tmp_path / name), subjects) for name, subjects in made.items()
    ]


def test_a_request_stands_in_one_row_as_every_run_generated_it(runs: list[Path]) -> None:
    group = shared_pictures([read_run(run) for run in runs], ["a", "b"])
    assert group is not None
    assert [[s.caption for s in row] for row in group.pairs] == [
        ["Real real-0, 50 years, F", "a: Generated s1, 50 years, F", "b: Generated s1, 50 years, F"],
        ["Real real-2, 70 years, F", "a: Generated s3, 70 years, F", "b: Generated s3, 70 years, F"],
    ], "s2 was requested at another age in b"
    assert all(s.source for row in group.pairs for s in row)


def test_runs_without_a_common_request_or_without_pictures_show_none(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = World(n_draws=100).run("c").write(tmp_path / "c")
    assert shared_pictures([read_run(run) for run in (*runs, bare)], ["a", "b", "c"]) is None
    monkeypatch.setattr(pictures, "BUDGET_BYTES", 2 * len(PICTURE))
    group = shared_pictures([read_run(run) for run in runs], ["a", "b"])
    assert group is not None
    assert len(group.pairs) == 1, "the second row is beyond the budget of the page"


def test_the_page_shows_them(runs: list[Path], tmp_path: Path) -> None:
    text = compare_runs(runs, tmp_path / "out").read_text(encoding="utf-8")
    assert text.count("<img src=") == 6
    assert pictures.TITLE in text
