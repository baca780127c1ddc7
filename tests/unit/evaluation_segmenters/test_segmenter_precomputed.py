from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV, structure
from plausibrain.cohorts.volumes import LabelMap, read_label_map, write_label_map
from plausibrain.evaluation.segmentation import Segmentation
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


def measured(labels: LabelMap, folder: Path, table: str = "") -> Segmentation:
    folder.mkdir(exist_ok=True)
    write_label_map(labels, folder / "sub-1_dseg.nii.gz")
    return precomputed(make_image(3.0), Path("sub-1_T1w.nii.gz"), labels=str(folder), table=table)


def relabelled(change: Callable[[np.ndarray], np.ndarray]) -> LabelMap:
    labels = make_labels(3.0)
    return LabelMap(change(labels.data.copy()), labels.affine)


def placed(world: np.ndarray) -> LabelMap:
    labels = make_labels(3.0)
    return LabelMap(labels.data, world @ labels.affine)


SHIFT = np.eye(4)
SHIFT[1, 3] = 45.0
WRONG: dict[str, tuple[LabelMap, str]] = {
    "right cortex absent": (
        relabelled(lambda d: np.where(d == 42, 0, d)),
        "no counterpart on the other side for Left-Cerebral-Cortex",
    ),
    "all cortex on the left": (
        relabelled(lambda d: np.where(d == 42, 3, d)),
        "no counterpart on the other side for Left-Cerebral-Cortex",
    ),
    "most cortex on the left": (
        relabelled(lambda d: np.where((d == 42) & (np.arange(64)[:, None] > 24), 3, d)),
        "Cerebral-Cortex has ",
    ),
    "parcels of one side": (
        relabelled(lambda d: np.where((d == 3) & (np.arange(64) > 32), 1035, d)),
        "no counterpart on the other side for ctx-lh-insula",
    ),
    "mirrored": (placed(np.diag([-1.0, 1, 1, 1])), "labelled left lie to the right"),
    "elsewhere": (placed(SHIFT), "of what is labelled as brain lies on the brain of the image"),
}


@pytest.mark.parametrize("name", WRONG)
def test_maps_that_show_no_whole_brain_are_flagged(name: str, tmp_path: Path) -> None:
    labels, reason = WRONG[name]
    result = measured(labels, tmp_path)
    assert result.status == "flagged"
    assert reason in "; ".join(result.reasons)


def test_cortex_beside_parcels_counts_once(tmp_path: Path) -> None:
    whole = measured(make_labels(3.0), tmp_path / "whole")
    both = relabelled(
        lambda d: np.where(
            (np.arange(64) > 32) & (d == 3), 1035, np.where((np.arange(64) > 32) & (d == 42), 2035, d)
        )
    )
    parcels = measured(both, tmp_path / "parcels")
    assert (whole.status, parcels.status) == ("ok", "ok"), parcels.reasons
    for side in ("Left", "Right"):
        assert parcels.volumes[f"{side}-Cerebral-Cortex"] == whole.volumes[f"{side}-Cerebral-Cortex"]
    assert parcels.volumes[TIV] == whole.volumes[TIV]


def test_a_map_on_another_grid_of_the_same_brain_is_sound(tmp_path: Path) -> None:
    assert measured(make_labels(2.0, side_mm=256.0), tmp_path).status == "ok"


def test_labels_of_another_protocol_become_those_of_freesurfer(tmp_path: Path) -> None:
    table = tmp_path / "dseg.tsv"
    known = [label for label in np.unique(make_labels(3.0).data) if label]
    table.write_text(
        "\n".join(["index\tname", *(f"{label + 500}\t{structure(int(label)).name}" for label in known)])
    )
    result = measured(relabelled(lambda d: np.where(d > 0, d + 500, 0)), tmp_path / "maps", str(table))
    assert result.status == "ok", result.reasons
    np.testing.assert_array_equal(result.labels.data, make_labels(3.0).data)
