"""From tables to a page, a comparison and a check, through the command line."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from plausibrain.analysis.settings import Settings
from plausibrain.api import load_run
from plausibrain.cohorts.errors import DataError
from plausibrain.verification import verify
from tests.integration.conftest import Command

ALL_TABLES = (
    "subjects", "volumes", "results", "draws", "null_draws", "balance", "curves", "correlations", "dose",
    "notes",
)  # fmt: skip


@pytest.fixture(scope="module")
def run_folder(tables: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One quick run, made by a process of its own."""
    folder = tmp_path_factory.mktemp("run") / "run"
    arguments = ["run", str(tables["config"]), "--out", str(folder), "--quiet"]
    subprocess.run([sys.executable, "-m", "plausibrain", *arguments], check=True, capture_output=True)
    return folder


def test_run_writes_page_scorecard_and_tables(run_folder: Path) -> None:
    page = (run_folder / "report.html").read_text(encoding="utf-8")
    assert "model A" in page
    assert len(page) < 5_000_000
    scorecard = json.loads((run_folder / "scorecard.json").read_text())
    assert [q["number"] for q in scorecard["questions"]] == list(range(1, 11))
    assert {q["verdict"] for q in scorecard["questions"] if q["number"] in (7, 9, 10)} == {"not measured"}
    written = {path.stem for path in (run_folder / "tables").glob("*.tsv")}
    assert written >= set(ALL_TABLES) - {"dose"}
    for name in written:
        assert (run_folder / "tables" / f"{name}.json").exists(), "every table has a data dictionary"


@pytest.mark.usefixtures("without_figures")
def test_same_configuration_gives_the_same_numbers_and_json_is_the_scorecard(
    run_folder: Path, tables: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("pyarrow")
    again = tmp_path / "again"
    outcome = command("run", tables["config"], "--out", again, "--tables", "parquet", "--quiet", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out) == json.loads((again / "scorecard.json").read_text())
    assert not list((again / "tables").glob("*.tsv"))
    one, other = load_run(run_folder), load_run(again)
    assert set(other.tables) == set(one.tables)
    for name in ("results", "draws", "null_draws", "volumes"):
        pd.testing.assert_frame_equal(other.tables[name], one.tables[name], check_exact=True)
    assert command("check", again, "--baseline", run_folder).code in (0, 3)
    assert command("verify", again).code == 0


def test_verify_names_every_file_that_changed(run_folder: Path, tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(run_folder, folder)
    whole = command("verify", folder, "--json")
    assert whole.code == 0
    assert json.loads(whole.out)["problems"] == []
    results = folder / "tables" / "results.tsv"
    results.write_text(results.read_text(encoding="utf-8").replace("0.", "1.", 1), encoding="utf-8")
    (folder / "scorecard.json").unlink()
    changed = command("verify", folder)
    assert changed.code == 2
    assert sorted(changed.out.splitlines()) == [
        f"{folder / 'scorecard.json'}: this result is missing",
        f"{results}: this result is not the same as when the run ended",
    ]


def test_verify_hashes_inputs_and_stays_in_the_folder(run_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    source = tmp_path / "input.csv"
    source.write_text("changed")
    record = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    assert len(record["checksums"]["inputs"]) == 2
    record["checksums"] = {"inputs": {str(source): "0" * 64}, "outputs": {}}
    (folder / "run.json").write_text(json.dumps(record))
    assert verify(folder) == (1, [f"{source}: this input is not the same as when the run ended"])
    record["checksums"] = {"outputs": {"../input.csv": "0" * 64}}
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="lies outside the folder"):
        verify(folder)
    del record["checksums"]
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="lists no checksums"):
        verify(folder)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(("problem", "nth"), [(errno.ENOSPC, 4), (errno.EROFS, 1)])
def test_a_page_that_cannot_be_written_is_one_sentence(
    run_folder: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    problem: int,
    nth: int,
) -> None:
    """The disk is full, or read-only, when the report is written: exit code 2, and no half file stays."""
    folder = tmp_path / "copy"
    shutil.copytree(run_folder, folder)
    real, calls = os.fsync, []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == nth:
            raise OSError(problem, os.strerror(problem))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    outcome = command("report", folder, "--quiet")
    assert outcome.code == 2, outcome.err
    (sentence,) = outcome.err.strip().splitlines()
    assert os.strerror(problem) in sentence
    assert not list(folder.rglob(".tmp-*"))
    assert command("verify", folder).code == 0, "what was finished is as it was"


def test_report_is_redrawn_from_tables_alone(run_folder: Path, tmp_path: Path, command: Command) -> None:
    outcome = command("report", run_folder, "--out", tmp_path / "page.html")
    assert outcome.code == 0
    assert (tmp_path / "page.html").read_bytes() == (run_folder / "report.html").read_bytes()


@pytest.mark.usefixtures("without_figures")
def test_compare_and_check(
    run_folder: Path, tables: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    other = tmp_path / "other"
    assert (
        command("run", tables["config"], "--generated", tables["reference"], "--out", other, "--quiet").code
        == 0
    )
    assert command("compare", run_folder, other, "--out", tmp_path / "both").code == 0
    assert (tmp_path / "both" / "compare.html").exists()
    assert command("baseline", run_folder, "--out", tmp_path / "baseline.json").code == 0
    same = command("check", run_folder, "--baseline", tmp_path / "baseline.json", "--out", tmp_path / "check")
    assert same.code in (0, 3), "a run never fails against itself"
    assert (tmp_path / "check" / "check.xml").exists()


@pytest.mark.usefixtures("without_figures")
def test_other_settings_are_another_protocol(
    run_folder: Path, tables: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    assert command("run", tables["config"], "--seed", "1", "--out", tmp_path / "b", "--quiet").code == 0
    outcome = command("check", tmp_path / "b", "--baseline", run_folder)
    assert outcome.code == 2
    assert "settings.seed" in outcome.err


@pytest.mark.usefixtures("without_figures")
def test_a_killed_run_leaves_no_half_file_and_repeats_cleanly(
    tables: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    folder = tmp_path / "killed"
    arguments = ["run", str(tables["config"]), "--out", str(folder), "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "plausibrain", *arguments], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and not folder.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for path in folder.rglob("*.json"):
        json.loads(path.read_text())
    assert command("run", tables["config"], "--out", folder, "--quiet").code == 0
    assert (folder / "report.html").exists()
    assert not list(folder.rglob(".tmp*"))


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_demo(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(n_resamples=300, n_splits=40, wasabi_repeats=10)
    monkeypatch.setattr("plausibrain.demo.Settings", lambda: settings)
    monkeypatch.setattr("plausibrain.demo.processes", lambda: 1)
    outcome = command("demo", "--tables", "--out", tmp_path / "demo", "--n", "200", "--quiet")
    assert outcome.code == 0
    assert "comparison:" in outcome.out
    scorecard = json.loads((tmp_path / "demo" / "tables" / "defective" / "scorecard.json").read_text())
    verdicts = {q["number"]: q["verdict"] for q in scorecard["questions"]}
    assert verdicts[2] == "fail", "a hippocampus 10 % too small is seen"
    assert verdicts[4] == "fail", "missing ageing is seen"
    page = (tmp_path / "demo" / "tables" / "sound" / "report.html").read_text()
    assert "sound model (true volumes)" in page
    assert "reference (true volumes)" in page


@pytest.mark.parametrize("name", ["metrics", "doctor", "plan"])
def test_small_commands(name: str, command: Command) -> None:
    plain, as_json = command(name), command(name, "--json")
    assert plain.code == as_json.code == 0
    assert plain.out.strip()
    assert json.loads(as_json.out)
