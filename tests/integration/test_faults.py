"""What may go wrong while a cohort is measured ends in a sentence or a row, never in a wrong table."""

import errno
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.folder_lock import locked_folder
from plausibrain.cohorts.store import Store
from plausibrain.cohorts.volumes import write_label_map, write_volume
from plausibrain.config import RunConfig, Source
from plausibrain.evaluation import open_image
from plausibrain.evaluation.image_job import Segmenting, Steps, visit_images
from plausibrain.evaluation.segment_cohort import segment_cohort
from plausibrain.imaging import segment
from plausibrain.pipeline import run
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

N = 3


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    ids = [f"sub-{k}" for k in range(N)]
    for k, name in enumerate(ids):
        write_volume(make_image(3.0, seed=k), tmp_path / "images" / f"{name}_T1w.nii.gz")
        write_label_map(make_labels(3.0), tmp_path / "labels" / f"{name}_dseg.nii.gz")
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids, "age": 30.0, "sex": "F"})
    images = tuple(tmp_path / "images" / f"{name}_T1w.nii.gz" for name in ids)
    return Cohort("phantoms", subjects, images=images)


def options(tmp_path: Path) -> dict[str, str]:
    return {"labels": str(tmp_path / "labels")}


def test_a_full_disk_ends_the_run_and_what_was_finished_stays(cohort, tmp_path, monkeypatch):
    real, written = os.fsync, []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 5:  # while the second image is kept
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        segment_cohort(cohort, out=tmp_path / "store", segmenter="precomputed", options=options(tmp_path))
    assert not list((tmp_path / "store").rglob(".tmp-*"))
    seen = []
    segment_cohort(
        cohort,
        out=tmp_path / "store",
        segmenter="precomputed",
        options=options(tmp_path),
        progress=seen.append,
    )
    assert seen[-1].n_fresh == N - 1


def test_memory_that_does_not_suffice_is_the_failure_of_one_image(cohort, tmp_path, monkeypatch):
    real, tried = open_image.read_volume, []

    def greedy(path: Path, content: bytes) -> object:
        tried.append(path.name)
        if "sub-1" in path.name:
            raise MemoryError
        return real(path, content)

    monkeypatch.setattr(open_image, "read_volume", greedy)
    result = segment_cohort(
        cohort, out=tmp_path / "store", segmenter="precomputed", options=options(tmp_path)
    )
    assert list(result.table["status"]) == ["ok", "failed", "ok"]
    assert result.table["reason"].iloc[1].startswith("MemoryError")
    assert tried.count("sub-1_T1w.nii.gz") == 2, "tried again once"
    assert result.cohort.subjects["reason"].iloc[1].startswith("segmentation: MemoryError")


def test_a_corrupt_image_among_good_ones_is_one_row(cohort, tmp_path):
    bad = cohort.images[1]
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])  # a copy that was cut off
    result = segment_cohort(
        cohort, out=tmp_path / "store", segmenter="precomputed", options=options(tmp_path)
    )
    assert list(result.table["status"]) == ["ok", "failed", "ok"]
    assert bad.name in result.table["reason"].iloc[1]
    assert result.cohort.volumes.notna().all(axis=1).tolist() == [True, False, True]


def _visit(images: tuple[Path, ...], labels: str, store: Path) -> None:
    steps = Steps(Segmenting("precomputed", {"labels": labels}, store))
    for _ in visit_images(images, [None] * len(images), steps):
        pass


def test_killed_at_random_moments_and_resumed_nothing_is_done_twice(cohort, tmp_path):
    """Killed as the kernel kills for want of memory; a fork, so that no import takes the time."""
    images, labels, rng = cohort.images, options(tmp_path)["labels"], np.random.default_rng(0)
    began = time.perf_counter()
    _visit(images, labels, tmp_path / "whole")
    whole_seconds = time.perf_counter() - began
    fork, finished = multiprocessing.get_context("fork"), {}
    for moment in rng.uniform(0, whole_seconds, 5):
        child = fork.Process(target=_visit, args=(images, labels, tmp_path / "killed"))
        child.start()
        child.join(moment)
        child.kill()
        child.join()
        assert all(path.stat().st_mtime_ns == when for path, when in finished.items())
        finished |= {path: path.stat().st_mtime_ns for path in _entries(tmp_path / "killed")}
    _visit(images, labels, tmp_path / "killed")
    assert all(path.stat().st_mtime_ns == when for path, when in finished.items())
    assert _names(tmp_path / "killed") == _names(tmp_path / "whole")
    for path in (tmp_path / "whole").rglob("*.nii.gz"):
        assert path.read_bytes() == (tmp_path / "killed" / path.relative_to(tmp_path / "whole")).read_bytes()
    Store(tmp_path / "killed").sweep()
    assert not list((tmp_path / "killed").rglob(".tmp-*"))


def _entries(store: Path) -> list[Path]:
    """Finished results: the numbers, and the label maps that have numbers beside them."""
    numbers = [path for path in store.rglob("*.json") if ".tmp-" not in path.name]
    return [*numbers, *(path.with_name(f"{path.stem}.nii.gz") for path in numbers)]


def _names(store: Path) -> set[str]:
    return {path.name for path in _entries(store)}


def test_a_folder_deleted_meanwhile_is_an_error(cohort, tmp_path):
    def delete(what: str, done: int, of: int) -> None:
        if done == 2:
            shutil.rmtree(tmp_path / "out")

    with pytest.raises(DataError, match="was deleted or replaced"):
        segment(
            cohort, tmp_path / "out", segmenter="precomputed", n_processes=1, options=options(tmp_path),
            store=tmp_path / "store", progress=delete,
        )  # fmt: skip
    assert not (tmp_path / "out" / "segmentation.tsv").exists()


def test_the_second_run_in_a_folder_refuses(tmp_path):
    config = RunConfig(reference=Source(path=tmp_path), generated=Source(path=tmp_path), out=tmp_path / "run")
    command = [sys.executable, "-m", "plausibrain", "run", "--reference", str(tmp_path), "--generated",
               str(tmp_path), "--out", str(config.out), "--quiet"]  # fmt: skip
    with locked_folder(config.out):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    (sentence,) = second.stderr.strip().splitlines()
    assert sentence.startswith(f"plausibrain: {config.out}: another plausibrain command is writing")
    with pytest.raises(DataError, match="participants"):
        run(config)  # the lock is free again: now it is the empty folder that it stumbles over


def test_threads_of_the_machine_do_not_move_the_numbers(tmp_path):
    """The network in one thread and in two gave other volumes; an image has as many everywhere."""
    image = write_volume(make_image(4.0, seed=1), tmp_path / "sub-1_T1w.nii.gz")
    subjects = pd.DataFrame({"participant_id": ["sub-1"], "subject": "sub-1", "age": 30.0, "sex": "F"})
    before, found = torch.get_num_threads(), []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        result = segment_cohort(
            Cohort("one", subjects, images=(image,)), out=tmp_path / f"store{n_threads}",
            segmenter="synthseg_style_2mm",
        )  # fmt: skip
        found.append(result.cohort.volumes.to_numpy())
    torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)
    assert np.isfinite(found[0]).all()
