"""Vectors of a cohort: resumable, one bad image a NaN row, the same whatever the order."""

from dataclasses import replace

import numpy as np
import pytest

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.volumes import LabelMap, read_label_map, write_label_map
from plausibrain.evaluation.extract_cohort import extract_cohort
from tests.unit.evaluation_extractors.phantoms import image_cohort

FAST = ["low_resolution", "random_network"]


@pytest.fixture(scope="module")
def balls(tmp_path_factory):
    return image_cohort(tmp_path_factory.mktemp("balls"), 3)


def test_features_are_aligned_with_subjects_and_found_again(balls, tmp_path):
    cohort, labels = balls
    first = extract_cohort(cohort, labels, out=tmp_path, names=FAST, voxel_mm=4.0)
    assert first.n_fresh == 3
    again = extract_cohort(cohort, labels, out=tmp_path, names=FAST, voxel_mm=4.0)
    assert again.n_fresh == 0
    assert [name.partition(":")[0] for name in first.cohort.features] == FAST
    for name, matrix in first.cohort.features.items():
        assert np.isfinite(matrix).all()
        np.testing.assert_array_equal(matrix, again.cohort.features[name])
    mixed = extract_cohort(
        cohort.select([2, 0]), [labels[2], labels[0]], out=tmp_path, names=FAST, voxel_mm=4.0
    )
    for name, matrix in mixed.cohort.features.items():
        np.testing.assert_array_equal(matrix, first.cohort.features[name][[2, 0]])


def test_where_the_head_lay_does_not_matter_and_who_it_is_does(tmp_path):
    cohort, labels = image_cohort(tmp_path, 3, seeds=[1, 1, 2])
    found = extract_cohort(cohort, labels, out=tmp_path / "store", names=["low_resolution"], voxel_mm=4.0)
    (x,) = found.cohort.features.values()
    same, other = (np.corrcoef(x[0], x[k])[0, 1] for k in (1, 2))
    assert same > other


def test_a_bad_image_is_a_row_of_nan_with_a_reason(balls, tmp_path):
    cohort, labels = balls
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"not an image")
    good = read_label_map(labels[2])
    empty = write_label_map(LabelMap(np.zeros_like(good.data), good.affine), tmp_path / "empty.nii.gz")
    cohort = replace(cohort, images=(cohort.images[0], broken, cohort.images[2]))
    found = extract_cohort(
        cohort, [labels[0], labels[1], empty], out=tmp_path, names=["low_resolution"], voxel_mm=4.0
    )
    (matrix,) = found.cohort.features.values()
    assert np.isfinite(matrix).all(axis=1).tolist() == [True, False, False]
    assert np.isnan(matrix[1:]).all()
    assert found.table["participant_id"].tolist() == ["p1", "p2"]
    assert "no structure of the brain" in found.table["reason"][1]


def test_excluded_subjects_and_rows_without_labels_get_no_vector(balls, tmp_path):
    cohort, labels = balls
    subjects = cohort.subjects.assign(status=["ok", "excluded", "ok"])
    found = extract_cohort(
        replace(cohort, subjects=subjects),
        [*labels[:2], None],
        out=tmp_path,
        names=["low_resolution"],
        voxel_mm=4.0,
    )
    (matrix,) = found.cohort.features.values()
    assert np.isfinite(matrix).all(axis=1).tolist() == [True, False, False]
    assert not len(found.table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["low_resolutoin"]}, "did you mean 'low_resolution'"),
        ({"names": ["medicalnet"]}, "'medicalnet' needs the option weights"),
        ({"names": FAST, "options": {"random_network": {"sead": 1}}}, "no option sead; it has seed"),
        ({"names": FAST, "options": {"medicalnet": {}}}, "options for medicalnet"),
    ],
)
def test_what_is_asked_must_exist(balls, tmp_path, arguments, message):
    cohort, labels = balls
    with pytest.raises(DataError, match=message):
        extract_cohort(cohort, labels, out=tmp_path, **arguments)


def test_labels_must_be_aligned(balls, tmp_path):
    with pytest.raises(DataError, match="2 label maps for 3 subjects"):
        extract_cohort(balls[0], balls[1][:2], out=tmp_path, names=FAST)


def test_weights_that_are_not_there_stop_the_run(balls, tmp_path):
    cohort, labels = balls
    options = {"medicalnet": {"weights": str(tmp_path / "nowhere.pth")}}
    with pytest.raises((ToolError, DataError), match=r"nowhere\.pth"):
        extract_cohort(cohort, labels, out=tmp_path, names=["medicalnet"], options=options)
