"""Images made elsewhere: who is who, one grid, nothing lost, nothing invented."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import Volume, read_volume, write_volume
from plausibrain.generation.models.folder import folder
from plausibrain.generation.registry import find_model
from plausibrain.generation.sample_cohort import Share, sample_cohort
from plausibrain.models import sample_model

AFFINE = np.array([[2.0, 0, 0, -3], [0, 0, 2.5, 4], [0, -2.5, 0, 5], [0, 0, 0, 1]])


def image(number: int) -> Volume:
    return Volume(np.random.default_rng(number).random((4, 3, 5)), AFFINE)


@pytest.fixture
def made(tmp_path, subjects):
    """A flat folder with one image per participant."""
    for number, name in enumerate(subjects["participant_id"]):
        write_volume(image(number), tmp_path / "made" / f"{name}_sample.nii.gz")
    return tmp_path / "made"


def test_images_become_a_cohort_unchanged(made, subjects, tmp_path):
    assert find_model("folder").function is folder
    sample_cohort(folder(made), subjects[::-1], tmp_path / "out", seed=0)
    read = read_cohort(tmp_path / "out")
    for name, path in zip(read.subjects["participant_id"], read.images, strict=True):
        copied, original = read_volume(path), image(int(name[-2:]))
        assert np.array_equal(copied.data, original.data)
        assert np.array_equal(copied.affine, original.affine)
    assert list(read.subjects["requested_brain_mm3"]) == list(subjects["requested_brain_mm3"][::-1])
    said = json.loads((tmp_path / "out/dataset_description.json").read_text())["GeneratedBy"][0]
    assert (said["Model"], said["Settings"]["made"]) == ("folder", "elsewhere")


def test_no_seed_is_invented(made, subjects, tmp_path):
    without = sample_cohort(folder(made), subjects, tmp_path / "a", seed=0)
    given = sample_cohort(folder(made), subjects.assign(seed=range(5)), tmp_path / "b", seed=0)
    assert "seed" not in without.subjects
    assert "seed" not in read_cohort(tmp_path / "a").subjects
    assert list(given.subjects["seed"]) == list(range(5))


def test_several_workers_and_bids_folders(made, subjects, tmp_path):
    for index in range(2):
        sample_cohort(folder(made), subjects, tmp_path / "a", seed=0, share=Share(index, 2))
    sample_cohort(folder(tmp_path / "a"), subjects, tmp_path / "b", seed=0)
    for one, two in zip(read_cohort(tmp_path / "a").images, read_cohort(tmp_path / "b").images, strict=True):
        assert np.array_equal(read_volume(one).data, read_volume(two).data)


def test_the_command_takes_a_column_of_file_names(made, subjects, tmp_path):
    for number in range(5):
        (made / f"sub-0{number}_sample.nii.gz").rename(made / f"{9 - number}.nii.gz")
    table = subjects.assign(file=[f"{9 - number}.nii.gz" for number in range(5)])
    table.to_csv(tmp_path / "table.tsv", sep="\t", index=False)
    request = {"model": "folder", "checkpoint": made, "conditions": tmp_path / "table.tsv", "seed": 0}
    cohort = sample_model(tmp_path / "out", **request, options={"files": "file"})
    assert np.array_equal(read_volume(cohort.images[3]).data, image(3).data)
    with pytest.raises(DataError, match="5 of 5 rows have no image"):
        sample_model(tmp_path / "other", **request)
    with pytest.raises(DataError, match="no column 'path'"):
        sample_model(tmp_path / "other", **request, options={"files": "path"})


@pytest.mark.parametrize("named", ["../secret.nii.gz", "/etc/secret.nii.gz", "sub-00_sample.nii.gz/../x"])
def test_file_names_never_become_paths(named, made, subjects, tmp_path):
    write_volume(image(9), tmp_path / "secret.nii.gz")
    files = [named, *(f"sub-0{number}_sample.nii.gz" for number in range(1, 5))]
    with pytest.raises(DataError, match="1 of 5 rows have no image, for example 'sub-00'"):
        sample_cohort(folder(made, files="file"), subjects.assign(file=files), tmp_path / "out", seed=0)
    hostile = subjects.assign(participant_id=["../secret", *subjects["participant_id"][1:]])
    with pytest.raises(DataError, match="cannot be used"):
        sample_cohort(folder(made), hostile, tmp_path / "out", seed=0)
    assert not (tmp_path / "out").exists()


def spoil(kind: str, made) -> None:
    path = made / "sub-03_sample.nii.gz"
    if kind == "missing":
        path.unlink()
    elif kind == "extra":
        write_volume(image(7), made / "sub-07_sample.nii.gz")
    elif kind == "twice":
        write_volume(image(7), made / "sub-03_other.nii.gz")
    elif kind == "shape":
        write_volume(Volume(np.ones((4, 3, 4)), AFFINE), path)
    elif kind == "affine":
        write_volume(Volume(image(3).data, AFFINE + np.eye(4, k=3)), path)
    elif kind == "nan":
        write_volume(Volume(np.where(image(3).data > 0.5, np.nan, 1), AFFINE), path)
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "1 of 5 rows have no image, for example 'sub-03'"),
        ("extra", "1 of 6 images belong to no row, for example sub-07"),
        ("twice", "belong to 'sub-03'; choose"),
        ("shape", r"sub-03\S+: lies on another grid"),
        ("affine", r"sub-03\S+: lies on another grid"),
        ("nan", r"sub-03\S+: holds values that are not finite"),
        ("cut", r"sub-03\S+: not a whole"),
    ],
)
def test_what_does_not_fit_is_named(kind, said, made, subjects, tmp_path):
    spoil(kind, made)
    with pytest.raises(DataError, match=said):
        sample_cohort(folder(made), subjects, tmp_path / "out", seed=0)
    assert not (tmp_path / "out/participants.tsv").exists()


def test_a_pattern_chooses_among_images(made, subjects, tmp_path):
    spoil("extra", made)
    spoil("twice", made)
    cohort = sample_cohort(folder(made, pattern="sub-0[0-4]_sample*"), subjects, tmp_path / "out", seed=0)
    assert np.array_equal(read_volume(cohort.images[3]).data, image(3).data)


def test_headers_without_orientation_are_refused_unless_told(made, subjects, tmp_path):
    for path in made.iterdir():
        plain = nib.Nifti1Image(read_volume(path).data, None)
        nib.save(plain, path)
    with pytest.raises(DataError, match="states no orientation"):
        sample_cohort(folder(made), subjects, tmp_path / "out", seed=0)
    told = folder(made, assume_orientation=True)
    assert len(sample_cohort(told, subjects, tmp_path / "told", seed=0).images) == 5


def test_other_images_are_not_mixed_into_a_cohort(made, subjects, tmp_path):
    sample_cohort(folder(made), subjects, tmp_path / "out", seed=0)
    write_volume(image(8), made / "sub-03_sample.nii.gz")
    with pytest.raises(DataError, match="another sampled cohort"):
        sample_cohort(folder(made), subjects, tmp_path / "out", seed=0)


def test_rows_alone_find_their_images(made, subjects):
    drawn = next(folder(made).sample(subjects.iloc[[2]].reset_index(drop=True), [0]))
    assert np.array_equal(drawn, image(2).data)


def test_no_folder_or_no_image(tmp_path):
    with pytest.raises(DataError, match="expected a folder of images"):
        folder(tmp_path / "none")
    with pytest.raises(DataError, match="no image"):
        folder(tmp_path)


def test_an_empty_table_is_refused(made, subjects, tmp_path):
    with pytest.raises(DataError, match="has no rows"):
        sample_cohort(folder(made), pd.DataFrame(columns=subjects.columns), tmp_path / "out", seed=0)
