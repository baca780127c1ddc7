"""`plausibrain status` tells done, failed and pending, whatever became of the run."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from plausibrain.cli import app
from plausibrain.cohorts.cohort import Cohort, read_cohort, write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.folder_lock import locked_folder
from plausibrain.cohorts.volumes import write_label_map, write_volume
from plausibrain.evaluation.image_job import Progress
from plausibrain.imaging import segment
from plausibrain.run_status import Manifest, run_status, status_text
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

N = 6


def cohort_of(folder: Path) -> Cohort:
    """Write phantoms, the last of them half a file, with label maps in another folder."""
    (folder / "labels").mkdir(parents=True)
    ids = [f"sub-{k}" for k in range(N)]
    for k, name in enumerate(ids):
        place = folder / "images" / name / "anat"
        place.mkdir(parents=True)
        write_volume(make_image(3.0, seed=k), place / f"{name}_T1w.nii.gz")
        write_label_map(make_labels(3.0), folder / "labels" / f"{name}_dseg.nii.gz")
    broken = folder / "images" / ids[-1] / "anat" / f"{ids[-1]}_T1w.nii.gz"
    broken.write_bytes(broken.read_bytes()[:1000])
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids, "age": 30.0, "sex": "F"})
    write_cohort(Cohort("images", subjects), folder / "images")
    return read_cohort(folder / "images", min_subjects=1)


def test_a_finished_run_names_what_failed(tmp_path):
    cohort, out = cohort_of(tmp_path), tmp_path / "out"
    segment(cohort, out, segmenter="precomputed", n_processes=1, options={"labels": str(tmp_path / "labels")})
    status = run_status(out)
    assert status.state == "complete"
    (part,) = status.cohorts
    assert (part.done, part.failed, part.pending) == (N - 1, 1, 0)
    text = status_text(out, status)
    assert "images       5 done, 1 failed, 0 pending" in text
    assert f"failed: images {cohort.subjects['participant_id'].iloc[-1]}: " in text
    printed = CliRunner().invoke(app, ["status", str(out), "--json"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout)["cohorts"][0]["failed"] == 1


def test_a_run_under_way_has_a_rate_and_a_time(tmp_path):
    manifest = Manifest(tmp_path)
    with locked_folder(tmp_path):
        manifest.begin({"reference": 10, "generated": 10})
        manifest.update("reference", Progress(4, 10, 1, 4, 60.0, 3, "cut off"), "sub-3")
        manifest._write()
        status = run_status(tmp_path)
        assert status.state == "running"
        first, second = status.cohorts
        assert (first.done, first.failed, first.pending, first.per_minute) == (3, 1, 6, 4.0)
        assert first.seconds_left == 90.0
        assert (second.pending, second.seconds_left) == (10, None)
        assert "4 images a minute, about 0:01:30 left" in status_text(tmp_path, status)
    assert run_status(tmp_path).state == "stopped"
    assert "repeat the command" in status_text(tmp_path, run_status(tmp_path))


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"holds no progress\.json"):
        run_status(tmp_path)


def test_killed_at_any_moment_and_resumed_nothing_is_done_twice(tmp_path):
    """SIGKILL while two processes segment; the second run finds what the first one finished."""
    cohort_of(tmp_path)
    command = [
        sys.executable, "-m", "plausibrain", "segment", str(tmp_path / "images"), "--out",
        str(tmp_path / "out"), "--segmenter", "precomputed", "--option", f"labels={tmp_path / 'labels'}",
        "--processes", "2", "--quiet",
    ]  # fmt: skip
    store = tmp_path / "out" / "store"
    killed = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while not list(store.rglob("*.json")) and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    time.sleep(1.5)  # its workers see that they are alone
    finished = {path: path.stat().st_mtime_ns for path in store.rglob("*.json") if ".tmp-" not in path.name}
    assert finished
    assert run_status(tmp_path / "out").state == "stopped"
    resumed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert all(path.stat().st_mtime_ns == moment for path, moment in finished.items())
    assert run_status(tmp_path / "out").state == "complete"
    table = pd.read_csv(tmp_path / "out" / "segmentation.tsv", sep="\t", keep_default_na=False)
    whole = tmp_path / "whole"
    shutil.rmtree(tmp_path / "out")
    segment(
        read_cohort(tmp_path / "images", min_subjects=1), whole, segmenter="precomputed", n_processes=1,
        options={"labels": str(tmp_path / "labels")},
    )  # fmt: skip
    expected = pd.read_csv(whole / "segmentation.tsv", sep="\t", keep_default_na=False)
    columns = ["participant_id", "status", "reason", "labels"]
    pd.testing.assert_frame_equal(table[columns], expected[columns])
