"""A cohort is measured image by image: resumable, one bad image is a row with a reason, memory stays flat."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import MEASURES
from plausibrain.cohorts.tables import write_table
from plausibrain.cohorts.volumes import Volume, write_label_map, write_volume
from plausibrain.evaluation import measure_image as module
from plausibrain.evaluation.measure_cohort import MeasuredCohort, measure_cohort
from plausibrain.evaluation.measuring import all_measures
from tests.unit.evaluation_measures.scans import VOXEL_MM, phantom

N = 4
JUDGED = [f"{p.name}_{part}" if part else p.name for p in all_measures() if p.judged for part in p.parts]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, list[Path]]:
    """Four phantoms, the third of them cut off, and their label maps."""
    folder = tmp_path_factory.mktemp("phantoms")
    images, labels = [], []
    for k in range(N):
        image, names = phantom(noise=2.0 + k, seed=k)
        images.append(write_volume(image, folder / f"sub-{k}_T1w.nii.gz"))
        labels.append(write_label_map(names, folder / f"sub-{k}_dseg.nii.gz"))
    images[2].write_bytes(images[2].read_bytes()[:2000])
    identity = [f"sub-{k}" for k in range(N)]
    subjects = pd.DataFrame({"participant_id": identity, "subject": identity, "age": 30.0, "sex": "F"})
    return Cohort("phantoms", subjects, images=tuple(images)), labels


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def result(files, store) -> MeasuredCohort:
    return measure_cohort(*files, out=store, voxel_mm=VOXEL_MM)


def test_every_image_has_its_numbers_and_the_broken_one_a_reason(result):
    assert result.cohort.measures.columns.tolist() == JUDGED
    assert result.cohort.measures["cjv"].isna().tolist() == [False, False, True, False]
    assert result.cohort.measures["cjv"].dropna().is_monotonic_increasing  # noise grows from image to image
    reasons = result.cohort.measure_reasons
    assert "sub-2_T1w.nii.gz" in reasons["cjv"][2]
    assert (reasons["cjv"][[0, 1, 3]] == "").all()
    assert reasons["fber"].str.contains("stripped to the brain").tolist() == [True, True, False, True]
    assert result.cohort.measures["fber"].isna().all()


def test_the_table_holds_every_number_once_with_status_and_unit(result, tmp_path):
    table = result.table
    n_values = sum(len(p.parts) for p in all_measures())
    assert len(table) == N * n_values
    assert not table.duplicated(["participant_id", "metric", "structure"]).any()
    assert set(table["status"]) == {"ok", "failed", "not_applicable"}
    assert (table["value"].isna() == (table["status"] != "ok")).all()
    assert (table["reason"] != "")[table["status"] != "ok"].all()
    assert set(table.loc[table["metric"] == "fwhm", "unit"]) == {"mm"}
    write_table(table.assign(cohort="reference"), tmp_path / "measures.tsv", MEASURES)


def test_the_failure_stands_in_the_notes(result):
    (note,) = result.cohort.notes
    assert note.message.startswith("image quality: 1 of 4 images could not be measured, for example sub-2")


def test_a_second_run_measures_nothing_again(files, store, result):
    seen = []
    again = measure_cohort(
        *files, out=store, voxel_mm=VOXEL_MM, progress=lambda at: seen.append((at.done, at.total))
    )
    assert (result.n_fresh, again.n_fresh) == (N, 1)  # the broken image is looked at again
    assert seen == [(k + 1, N) for k in range(N)]
    pd.testing.assert_frame_equal(again.table, result.table)
    np.testing.assert_array_equal(again.seconds, result.seconds)


def test_a_damaged_result_and_another_version_are_measured_again(files, store, result, monkeypatch):
    entries = [path for path in store.rglob("*.json") if "values" in json.loads(path.read_text())]
    assert len(entries) == N - 1
    entries[0].write_text(entries[0].read_text()[:50])
    assert measure_cohort(*files, out=store, voxel_mm=VOXEL_MM).n_fresh == 2
    monkeypatch.setattr(module, "_FORM", 99)
    assert measure_cohort(*files, out=store, voxel_mm=VOXEL_MM).n_fresh == N


def test_excluded_rows_and_rows_without_files_are_not_opened(files, store):
    cohort, labels = files
    subjects = cohort.subjects.assign(status=["excluded", "ok", "ok", "ok"], reason=["motion", "", "", ""])
    partial = replace(cohort, subjects=subjects, images=(*cohort.images[:2], None, cohort.images[3]))
    found = measure_cohort(partial, [*labels[:3], None], out=store, voxel_mm=VOXEL_MM)
    assert found.n_fresh == 0
    assert found.cohort.measure_reasons["cjv"].tolist() == [
        "excluded: motion", "", "this row has no image", "this row has no label map",
    ]  # fmt: skip


def test_files_and_rows_must_fit(files, tmp_path):
    cohort, labels = files
    with pytest.raises(DataError, match="4 images and 3 label maps for 4 subjects"):
        measure_cohort(cohort, labels[:3], out=tmp_path)
    with pytest.raises(DataError, match="0 images and 4 label maps"):
        measure_cohort(replace(cohort, images=None), labels, out=tmp_path)


def test_two_processes_find_the_same(files, result, tmp_path):
    both = measure_cohort(*files, out=tmp_path, voxel_mm=VOXEL_MM, n_processes=2)
    pd.testing.assert_frame_equal(both.table, result.table)


def test_memory_does_not_grow_with_the_cohort(files, tmp_path, monkeypatch):
    """Peak memory of twelve images is that of three: one image at a time is held."""
    cohort, labels = files
    monkeypatch.setattr(module, "_read_stored", lambda key, store: None)  # every image is measured

    def peak(n: int) -> int:
        rows = [0, 1, 3] * (n // 3)
        subjects = pd.DataFrame(
            {"participant_id": [f"p{i}" for i in range(n)], "subject": "p", "age": 30.0, "sex": "F"}
        )
        many = Cohort("many", subjects, images=tuple(cohort.images[r] for r in rows))
        tracemalloc.start()
        measure_cohort(many, [labels[r] for r in rows], out=tmp_path / str(n), voxel_mm=VOXEL_MM)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    # Numbers of an image are a few kilobytes; the image itself is 2 MB.
    assert peak(12) < peak(3) + 1_000_000


def test_an_image_of_another_scale_is_changed_and_counted(files, tmp_path):
    cohort, labels = files
    image, _ = phantom(noise=2.0)
    path = write_volume(Volume(image.data / 100 - 1.0, image.affine), tmp_path / "sub-9_T1w.nii.gz")
    one = replace(cohort.select([0]), images=(path,))
    found = measure_cohort(one, labels[:1], out=tmp_path / "store", voxel_mm=VOXEL_MM)
    (note,) = found.cohort.notes
    assert "1 of 1 images had to be changed first, for example sub-0:" in note.message
    assert "was taken as no signal" in note.message
