"""Wrong input on purpose: one clear line and exit code 2, or a stated exclusion; never a traceback."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.config import Source, read_config
from plausibrain.pipeline import run
from tests.integration.conftest import Command, plain_table

Damage = Callable[[pd.DataFrame], pd.DataFrame]


def _set(row: int, column: str, value: object) -> Damage:
    def damage(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object})
        table.loc[row, column] = value
        return table

    return damage


def _all(column: str, value: object) -> Damage:
    return lambda table: table.assign(**{column: value})


REFUSED: dict[str, tuple[Damage, list[str]]] = {
    "text in a number": (_set(3, "Left-Hippocampus", "large"), ["Left-Hippocampus", "large", "5"]),
    "unknown sex coding": (lambda t: t.assign(sex=np.where(t["sex"] == "M", 1, 0)), ["sex", "sex-coding"]),
    "sex in words nobody knows": (_set(3, "sex", "xx"), ["xx", "sex"]),
    "negative age": (_set(3, "age", -4), ["age", "-4"]),
    "months": (lambda t: t.assign(age=t["age"] * 12), ["age", "months"]),
    "repeated id with other values": (_set(3, "participant_id", "sub-00001"), ["sub-00001"]),
    "no age column": (lambda t: t.drop(columns="age"), ["age"]),
    "no id column": (lambda t: t.drop(columns="participant_id"), ["participant_id"]),
    "no volumes": (lambda t: t[["participant_id", "age", "sex"]], ["volumes"]),
    "one subject": (lambda t: t.head(1), ["1"]),
    "nobody": (lambda t: t.head(0), ["generated.csv"]),
    "every row without age or sex": (
        lambda t: t.assign(age=t["age"].where(t.index % 2 == 0), sex=t["sex"].where(t.index % 2 == 1)),
        ["age", "sex"],
    ),
    "no common structure": (
        lambda t: t[["participant_id", "age", "sex"]].assign(**{"ctx-lh-insula": 7000.0 + np.arange(len(t))}),
        ["structure"],
    ),
    "an id that is a path": (_set(3, "participant_id", "../../etc/passwd"), ["../../etc/passwd"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_one_clear_line(
    name: str, tables: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    damage, words = REFUSED[name]
    bad = tmp_path / "generated.csv"
    damage(plain_table(60, seed=2)).to_csv(bad, index=False)
    outcome = command("run", tables["config"], "--generated", bad, "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 2, outcome.out
    assert "Traceback" not in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    for word in words:
        assert word in outcome.err
    assert not (tmp_path / "run" / "report.html").exists()


EXCLUDED: dict[str, tuple[Damage, str]] = {
    "missing age": (_set(3, "age", np.nan), "age"),
    "negative volume": (_set(4, "Left-Hippocampus", -5.0), "negative"),
    "all volumes zero": (
        lambda t: t.assign(**{c: np.where(t.index == 5, 0.0, t[c]) for c in t.columns[3:]}),
        "zero",
    ),
}


#: Row with a missing volume.
GAP = 6


@pytest.fixture(scope="module")
def damaged_run(tables: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table with every damage that excludes a row, a gap, and a structure less."""
    folder = tmp_path_factory.mktemp("damaged")
    table = _set(GAP, "Left-Hippocampus", np.nan)(plain_table(60, seed=2)).drop(columns="Left-Amygdala")
    for damage, _ in EXCLUDED.values():
        table = damage(table)
    table.to_csv(folder / "generated.csv", index=False)
    config = read_config(tables["config"])
    generated = Source(path=folder / "generated.csv", name="generated")
    run(config.model_copy(update={"generated": generated, "out": folder / "run"}))
    return folder / "run"


@pytest.mark.parametrize("name", EXCLUDED)
def test_excluded_with_a_reason(name: str, damaged_run: Path) -> None:
    subjects = pd.read_csv(damaged_run / "tables" / "subjects.tsv", sep="\t")
    subjects = subjects[subjects["cohort"] == "generated"].reset_index(drop=True)
    excluded = subjects[subjects["status"] == "excluded"]
    assert len(excluded) == len(EXCLUDED)
    assert excluded["reason"].str.contains(EXCLUDED[name][1]).sum() == 1


def test_a_row_with_a_gap_counts_for_what_it_has(damaged_run: Path) -> None:
    subjects = pd.read_csv(damaged_run / "tables" / "subjects.tsv", sep="\t")
    subjects = subjects[subjects["cohort"] == "generated"].reset_index(drop=True)
    assert subjects.loc[GAP, "status"] == "ok"
    assert (subjects["status"] == "ok").sum() == len(subjects) - len(EXCLUDED)
    notes = pd.read_csv(damaged_run / "tables" / "notes.tsv", sep="\t")
    assert notes["message"].str.contains("missing").any()


def test_different_structures_are_named(damaged_run: Path) -> None:
    notes = pd.read_csv(damaged_run / "tables" / "notes.tsv", sep="\t")
    assert notes["message"].str.contains("Left-Amygdala").any()


def test_a_structure_without_variance_fails_variability(
    tables: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    bad = tmp_path / "generated.csv"
    _all("Left-Hippocampus", 4000.0)(plain_table(60, seed=2)).to_csv(bad, index=False)
    assert (
        command("run", tables["config"], "--generated", bad, "--out", tmp_path / "run", "--quiet").code == 0
    )
    card = json.loads((tmp_path / "run" / "scorecard.json").read_text(encoding="utf-8"))
    assert card["questions"][2]["verdict"] == "fail"
    results = pd.read_csv(tmp_path / "run" / "tables" / "results.tsv", sep="\t")
    rows = results.query("structure == 'Left-Hippocampus' and quantity == 'sd_ratio' and stratum == 'all'")
    assert rows.loc[rows["cohort"] == "difference", "estimate"].iloc[0] < 0.05


@pytest.mark.usefixtures("without_figures")
def test_different_segmenters_are_refused(tables: dict[str, Path], tmp_path: Path, command: Command) -> None:
    from plausibrain.cohorts.structures import find_structure

    table = plain_table(60, seed=2)
    names = {c: find_structure(c).synthseg for c in table.columns[3:] if find_structure(c)}
    renamed = table.rename(columns={**names, "TIV": "total intracranial"})
    renamed.to_csv(tmp_path / "generated.csv", index=False)
    outcome = command(
        "run", tables["config"], "--generated", tmp_path / "generated.csv", "--out", tmp_path / "r", "--quiet"
    )
    assert outcome.code in (0, 2)
    if outcome.code == 2:
        assert "synthseg" in outcome.err


def test_not_utf8(tables: dict[str, Path], tmp_path: Path, command: Command) -> None:
    bad = tmp_path / "generated.csv"
    text = plain_table(60, seed=2).assign(site="Zürich").to_csv(index=False)
    bad.write_bytes(text.encode("latin-1"))
    outcome = command("run", tables["config"], "--generated", bad, "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 2
    assert "encoding" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], ["reference"]),
        (["run", "missing.yaml"], ["missing.yaml"]),
        (["report", "missing"], ["missing"]),
        (["compare", "missing", "--out", "x"], ["missing"]),
        (["check", "missing", "--baseline", "nothing.json"], ["missing"]),
        (["baseline", "missing", "--out", "x"], ["missing"]),
    ],
)
def test_wrong_usage(
    arguments: list[str], words: list[str], command: Command, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = command(*arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def test_unknown_setting_is_named(tables: dict[str, Path], tmp_path: Path, command: Command) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        f"reference: {tables['reference']}\ngenerated: {tables['generated']}\n"
        "out: r\nsettings: {marginn: 1}\n"
    )
    outcome = command("run", config)
    assert outcome.code == 2
    assert "marginn" in outcome.err


def test_100_000_rows(tables: dict[str, Path], tmp_path: Path) -> None:
    """A large table is read in seconds."""
    import time

    from plausibrain.cohorts.cohort import read_cohort

    small = plain_table(100, seed=2)
    many = pd.concat([small] * 1000, ignore_index=True)
    many["participant_id"] = [f"sub-{i:06d}" for i in range(len(many))]
    many["Left-Hippocampus"] += np.linspace(0, 1, len(many))
    path = tmp_path / "many.csv"
    many.to_csv(path, index=False)
    start = time.monotonic()
    cohort = read_cohort(path)
    assert len(cohort.subjects) == 100_000
    assert time.monotonic() - start < 60, "generous: shared machines"
