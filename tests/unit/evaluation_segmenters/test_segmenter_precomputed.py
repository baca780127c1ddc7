from pathlib import Path

import numpy as np
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.volumes import LabelMap, read_label_map, write_label_map
from plausibrain.evaluation.segmenters.precomputed import (
    find_label_map,
    measure_label_map,
    precomputed,
    read_label_table,
)
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

FREESURFER = Path("t1w/heads/dktatlas_aparc+aseg.nii.gz")


def test_volumes_are_voxel_counts_and_tiv_their_sum() -> None:
    labels = make_labels(3.0)
    volumes = measure_label_map(labels)
    assert volumes["Brain-Stem"] == pytest.approx((labels.data == 16).sum() * 27)
    assert volumes[TIV] == pytest.approx((labels.data > 0).sum() * 27)


def test_parcels_are_summed_to_the_cortex() -> None:
    data = np.zeros((4, 4, 4), np.int32)
    data[0], data[1], data[2] = 1002, 1035, 2002
    volumes = measure_label_map(LabelMap(data, np.eye(4)))
    assert volumes["Left-Cerebral-Cortex"] == 32
    assert volumes["Right-Cerebral-Cortex"] == 16
    assert TIV not in volumes


def test_another_protocol_needs_its_table(tmp_path: Path) -> None:
    labels = LabelMap(np.full((2, 2, 2), 9001), np.eye(4))
    with pytest.raises(DataError, match=r"labels \[9001\] have no name"):
        measure_label_map(labels)
    table = tmp_path / "dseg.tsv"
    table.write_text("index\tname\n9001\tLeft-Hippocampus\n")
    assert measure_label_map(labels, read_label_table(str(table))) == {"Left-Hippocampus": 8.0}
    table.write_text("label\tname\n9001\tLeft-Hippocampus\n")
    with pytest.raises(DataError, match="expected the columns index and name"):
        read_label_table(str(table))
    table.write_text("index\tname\none\tLeft-Hippocampus\n")
    with pytest.raises(DataError, match="an index is a whole number"):
        read_label_table(str(table))


def test_label_maps_are_found_by_whole_names(tmp_path: Path) -> None:
    for name in ("sub-1_space-orig_dseg.nii.gz", "sub-10_dseg.nii.gz", "scan.nii.gz"):
        (tmp_path / name).touch()
    assert find_label_map(Path("sub-1_T1w.nii.gz"), tmp_path).name == "sub-1_space-orig_dseg.nii.gz"
    assert find_label_map(Path("x/scan.mgz"), tmp_path).name == "scan.nii.gz"
    with pytest.raises(DataError, match="expected one label map named after 'sub-2', found none"):
        find_label_map(Path("sub-2_T1w.nii.gz"), tmp_path)


def test_two_label_maps_for_an_image_are_an_error(tmp_path: Path) -> None:
    for name in ("sub-1_desc-a_dseg.nii.gz", "sub-1_desc-b_dseg.nii.gz"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"found sub-1_desc-a_dseg.nii.gz, sub-1_desc-b_dseg.nii.gz"):
        find_label_map(Path("sub-1_T1w.nii.gz"), tmp_path)


def test_pieces_are_counted(tmp_path: Path) -> None:
    labels = make_labels(3.0)
    data = labels.data.copy()
    data[2:4, 2:4, 2:4] = 17
    write_label_map(LabelMap(data, labels.affine), tmp_path / "sub-1_dseg.nii.gz")
    result = precomputed(make_image(3.0), Path("sub-1_T1w.nii.gz"), labels=str(tmp_path))
    assert result.facts["pieces_Left-Hippocampus"] == 2
    assert result.facts["pieces_Right-Hippocampus"] == 1


def test_freesurfer_aparc_aseg_is_read(shared_data: Path) -> None:
    labels = read_label_map(shared_data / FREESURFER)
    volumes = measure_label_map(labels)
    left = (labels.data >= 1000) & (labels.data < 2000) & (labels.data != 1004)
    assert volumes["Left-Cerebral-Cortex"] == pytest.approx(left.sum() * labels.voxel_volume_mm3)
    assert 2500 < volumes["Left-Hippocampus"] < 6000
