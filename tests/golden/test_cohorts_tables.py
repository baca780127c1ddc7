"""Real tables of other subjects: what must be found in them, counted with pandas alone."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV, names
from plausibrain.cohorts.tables import EXACT_FLOATS
from plausibrain.cohorts.volumes import from_canonical, read_label_map, read_volume, to_canonical


def test_ixi_subjects_that_stand_in_it_four_times_are_found(shared_data: Path) -> None:
    path = shared_data / "tables" / "ixi_synthseg.csv"
    raw = pd.read_csv(path)
    repeated = sorted(raw.loc[raw["subject_id"].duplicated(), "subject_id"].unique())
    cohort = read_cohort(path, sex_coding="1=M,0=F")
    note = next(note for note in cohort.notes if note.kind == "duplicate")
    assert len(repeated) == 24
    assert (len(raw), len(cohort), cohort.n_subjects) == (346, 274, 274)
    assert all(subject in note.message for subject in repeated)
    assert "72 rows" in note.message
    assert cohort.segmenter == "synthseg"
    assert set(cohort.structures) == {*names("aseg"), *names("dk")}
    assert cohort.qc is not None
    assert cohort.qc.shape == (274, 8)


def test_ixi_values_are_those_of_the_file(shared_data: Path) -> None:
    path = shared_data / "tables" / "ixi_synthseg.csv"
    raw = pd.read_csv(path, **EXACT_FLOATS).drop_duplicates().reset_index(drop=True)
    cohort = read_cohort(path, sex_coding="1=M,0=F")
    assert cohort.volumes is not None
    np.testing.assert_array_equal(cohort.volumes[TIV], raw["vol_total intracranial"])
    np.testing.assert_array_equal(cohort.volumes["Right-Hippocampus"], raw["vol_right hippocampus"])
    np.testing.assert_array_equal(cohort.subjects["age"], raw["age"])
    np.testing.assert_array_equal(cohort.subjects["sex"] == "M", raw["sex"] == 1)


@pytest.mark.parametrize("name", ["ixi_synthseg", "fcon1000", "NIMH_controls_v1"])
def test_sex_codes_are_not_guessed(shared_data: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"line 2, column 'sex': .* is a code \(found 0, 1\)"):
        read_cohort(shared_data / "tables" / f"{name}.csv")


def test_images_of_the_latent_diffusion_model(shared_data: Path) -> None:
    cohort = read_cohort(shared_data / "tables" / "brainldm_synthseg.csv")
    assert (len(cohort.included), cohort.segmenter, len(cohort.structures)) == (780, "synthseg", 32)
    assert cohort.subjects["sex"].value_counts().to_dict() == {"M": 390, "F": 390}
    assert sorted(cohort.subjects["requested_ventricle_mm3"].unique())[0] > 1000
    assert cohort.subjects["requested_brain_mm3"].between(1e6, 2e6).all()


def test_fcon1000_thickness_is_left_out_and_its_sites_are_kept(shared_data: Path) -> None:
    cohort = read_cohort(shared_data / "tables" / "fcon1000.csv", sex_coding="1=M,0=F")
    assert (len(cohort), cohort.segmenter, cohort.subjects["site"].nunique()) == (1078, "freesurfer", 23)
    assert not [name for name in cohort.structures if "thick" in name]
    assert {"Left-Cerebral-Cortex", "Left-Thalamus", "Optic-Chiasm", "CC_Anterior"} <= set(cohort.structures)
    ignored = [note for note in cohort.notes if note.kind == "ignored"]
    assert [note.column for note in ignored][:1] == ["EstimatedTotalIntraCranialVol"]
    assert sum("columns not used" in note.message for note in ignored) == 1


def test_both_nimh_visits_name_the_same_subjects(shared_data: Path) -> None:
    first, second = (
        read_cohort(shared_data / "tables" / f"NIMH_controls_v{visit}.csv", sex_coding="1=M,0=F")
        for visit in (1, 2)
    )
    assert len(first) == len(second) == 67
    assert first.subjects["participant_id"].tolist() == second.subjects["participant_id"].tolist()
    assert (second.subjects["age"] >= first.subjects["age"]).all()
    assert first.structures == second.structures


def test_openneuro_folder_with_flat_images(shared_data: Path) -> None:
    cohort = read_cohort(shared_data / "t1w" / "ds002748")
    assert cohort.images is not None
    assert len(cohort.included) == 16
    assert next(path.name for path in cohort.images if path) == "sub-01_T1w.nii.gz"
    assert set(cohort.subjects["diagnosis"]) == {"depr", "control"} & set(cohort.subjects["diagnosis"])


def test_subjects_scanned_twice_are_one_subject(shared_data: Path) -> None:
    cohort = read_cohort(shared_data / "t1w" / "malf", images="*_SS.nii.gz")
    assert (len(cohort), cohort.n_subjects) == (19, 17)
    twice = cohort.subjects[cohort.subjects["participant_id"].isin(["1003", "1023"])]
    assert twice["subject"].nunique() == 1


@pytest.mark.parametrize(
    ("path", "axes", "voxel_mm"),
    [
        ("t1w/malf/1000_SS.nii.gz", "LAS", 1.0),
        ("t1w/heads/dktatlas_T1w.nii.gz", "LIA", 1.0),
        ("controls/inia19-t1-brain.nii.gz", "RAS", 0.5),
    ],
)
def test_real_images_are_read_as_nibabel_reads_them(
    shared_data: Path, path: str, axes: str, voxel_mm: float
) -> None:
    expected = nib.load(shared_data / path)
    volume = read_volume(shared_data / path)
    np.testing.assert_array_equal(volume.data, np.asarray(expected.dataobj).reshape(volume.shape))
    np.testing.assert_allclose(volume.affine, expected.affine)
    assert nib.aff2axcodes(volume.affine) == tuple(axes)
    np.testing.assert_allclose(volume.voxel_size_mm, voxel_mm, atol=1e-5)
    assert volume.remarks == ()
    np.testing.assert_array_equal(from_canonical(to_canonical(volume), volume).data, volume.data)


def test_real_label_maps_are_whole_numbers(shared_data: Path) -> None:
    path = shared_data / "labelmaps" / "seg_01.nii.gz"
    labels = read_label_map(path)
    np.testing.assert_array_equal(labels.data, np.asarray(nib.load(path).dataobj))
    assert labels.voxel_volume_mm3 == 1
    with pytest.raises(DataError, match="labels are whole numbers"):
        read_label_map(shared_data / "t1w" / "ds002748" / "sub-01_T1w.nii.gz")
