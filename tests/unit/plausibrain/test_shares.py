"""Several commands, each with its share of the images, fill one store; the whole command finds all."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from plausibrain.cli import app
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import Volume, write_volume
from plausibrain.imaging import segment, segment_share
from plausibrain.shares import Share, array_script, parsed_share
from tests.unit.plausibrain.test_run_status import N, cohort_of

RUNNER = CliRunner()


def test_shares_cover_every_image_once():
    images = [Path(str(k)) for k in range(11)]
    parts = [Share(k, 3).masked(images) for k in range(3)]
    assert [sum(part is not None for part in row) for row in zip(*parts, strict=True)] == [1] * 11
    for wrong in ("", "3", "3/3", "a/b", "-1/2", "1/"):
        with pytest.raises(DataError, match="expected index/number of shares"):
            parsed_share(wrong)


def test_the_whole_finds_what_the_shares_left(tmp_path):
    cohort, out = cohort_of(tmp_path), tmp_path / "out"
    how = {"segmenter": "precomputed", "n_processes": 1, "options": {"labels": str(tmp_path / "labels")}}
    assert [segment_share(cohort, out, Share(k, 2), **how) for k in range(2)] == [3, 3]
    assert not (out / "segmentation.tsv").exists()
    assert not (out / "progress.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in (out / "store").rglob("*.json")}
    assert len(kept) == N
    segment(cohort, out, **how)
    assert {path: path.stat().st_mtime_ns for path in (out / "store").rglob("*.json")} == kept
    assert (out / "segmentation.tsv").exists()


def test_the_script_is_one_that_bash_reads_and_repeats_the_command(tmp_path):
    script = array_script(["plausibrain", "segment", "a cohort/", "--out", "o"], 8)
    file = tmp_path / "array.sh"
    file.write_text(script)
    subprocess.run(["bash", "-n", str(file)], check=True)
    assert "#SBATCH --array=0-7" in script
    command = "plausibrain segment 'a cohort/' --out o --processes 1"
    assert f"{command} --share ${{SLURM_ARRAY_TASK_ID}}/8\n" in script
    assert f"{command}\nEOF\n" in script


def test_the_script_is_run_by_sbatch(tmp_path, monkeypatch):
    """A stand-in of sbatch runs every task of the array: all images are in the store before the tables."""
    cohort_of(tmp_path)
    monkeypatch.setattr(
        "sys.argv",
        ["plausibrain", "segment", str(tmp_path / "images"), "--out", str(tmp_path / "out"), "--sbatch", "2"],
    )
    printed = RUNNER.invoke(
        app, ["segment", str(tmp_path / "images"), "--out", str(tmp_path / "out"), "--sbatch", "2"]
    )
    assert printed.exit_code == 0
    assert "--sbatch " not in printed.stdout
    seen = tmp_path / "seen"
    for name, body in (
        ("sbatch", 'cat > "$0.job"; for i in 0 1; do SLURM_ARRAY_TASK_ID=$i bash "$0.job"; done'),
        ("plausibrain", f'echo "$@" >> "{seen}"'),
    ):  # fmt: skip
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/bash\n{body}\n")
        tool.chmod(0o755)
    file = tmp_path / "array.sh"
    file.write_text(printed.stdout)
    subprocess.run(["bash", str(file)], check=True, env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    lines = seen.read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in lines[:2]] == ["0/2", "1/2"]
    assert lines[2].endswith("--processes 1")


def test_a_cluster_samples_in_shares_what_one_process_samples(tmp_path, monkeypatch):
    """Jobs of a cluster, run here one after the other; `tests.integration.test_dask` runs jobs elsewhere."""
    from plausibrain import models

    ids = [f"s{k}" for k in range(5)]
    for k, name in enumerate(ids):
        volume = Volume(np.random.default_rng(k).random((4, 3, 5)), np.eye(4))
        write_volume(volume, tmp_path / "made" / f"{name}.nii.gz")
    table = tmp_path / "table.tsv"
    pd.DataFrame({"participant_id": ids, "age": 50.0, "sex": "F"}).to_csv(table, sep="\t", index=False)
    how = {"model": "folder", "checkpoint": tmp_path / "made", "conditions": table, "seed": 0}
    alone = models.sample_model(tmp_path / "alone", **how)
    shares = []
    real = models.sample_share
    monkeypatch.setattr(models, "workers_elsewhere", lambda: 1)

    def here(job: models.ShareJob) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(models, "workers_elsewhere", lambda: 0)  # as in a process of the cluster
            shares.append(job.share)
            return real(job)

    monkeypatch.setattr(models, "sample_share", here)
    monkeypatch.chdir(tmp_path)
    together = models.sample_model(Path("cluster"), **how)
    assert shares == ["0/3", "1/3", "2/3"]
    for one, two in zip(alone.images, together.images, strict=True):
        assert Path(one).read_bytes() == Path(two).read_bytes()
