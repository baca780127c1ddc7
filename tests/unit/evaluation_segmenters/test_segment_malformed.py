"""Files as they come: refused with a reason, or handled; never a crash of the cohort."""

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from plausibrain.cohorts.store import Store
from plausibrain.cohorts.volumes import LabelMap, Volume, read_label_map, write_label_map
from plausibrain.evaluation.segment_files import Outcome, segment_files
from plausibrain.evaluation.segmentation import Segmentation, check_segmentation
from plausibrain.evaluation.working_grid import make_working_image
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels


def segment(path: Path) -> Outcome:
    """Run the whole path of a file; the segmenter is the label map beside the image."""
    folder = path.parent / "labels"
    folder.mkdir(exist_ok=True)
    write_label_map(make_labels(4.0), folder / "sub-1_dseg.nii.gz")
    store = Store(path.parent / "store")
    (outcome,) = segment_files([path], segmenter="precomputed", options={"labels": str(folder)}, store=store)
    return outcome


def nifti(image: Volume, dtype: type = np.float32) -> nib.Nifti1Image:
    return nib.Nifti1Image(image.data.astype(dtype), image.affine)


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sub-1_T1w.nii"
    nib.save(nifti(make_image(4.0)), path)
    path.write_bytes(path.read_bytes()[:50_000])
    outcome = segment(path)
    assert outcome.status == "failed"
    assert "cut off" in outcome.reasons[0]


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sub-1_T1w.nii.gz"
    path.write_bytes(b"<html>404</html>")
    assert "not a whole, readable image" in segment(path).reasons[0]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no such file" in segment(tmp_path / "sub-1_T1w.nii.gz").reasons[0]


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    header = bytearray(nib.Nifti1Header().binaryblock)
    struct.pack_into("<8h", header, 40, 3, 30000, 30000, 30000, 1, 1, 1, 1)
    path = tmp_path / "sub-1_T1w.nii.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(bytes(header))
        for _ in range(64):
            stream.write(bytes(1 << 20))
    assert "the header is broken" in segment(path).reasons[0]


def test_several_volumes_are_refused_with_what_to_do(tmp_path: Path) -> None:
    image = make_image(4.0)
    path = tmp_path / "sub-1_T1w.nii.gz"
    nib.save(nib.Nifti1Image(np.stack([image.data] * 3, -1), image.affine), path)
    assert "holds 3 volumes" in segment(path).reasons[0]


def test_colour_is_refused(tmp_path: Path) -> None:
    colour = np.zeros((48, 48, 48), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    path = tmp_path / "sub-1_T1w.nii.gz"
    nib.save(nib.Nifti1Image(colour, np.eye(4)), path)
    assert "colour" in segment(path).reasons[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float64])
def test_number_types_are_handled(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "sub-1_T1w.nii.gz"
    nib.save(nifti(make_image(4.0), dtype), path)
    assert segment(path).status == "ok"


def test_a_single_volume_in_four_dimensions_is_handled(tmp_path: Path) -> None:
    image = make_image(4.0)
    path = tmp_path / "sub-1_T1w.nii.gz"
    nib.save(nib.Nifti1Image(image.data[..., None], image.affine), path)
    assert segment(path).status == "ok"


def test_sform_against_qform_is_handled_by_the_sform(tmp_path: Path) -> None:
    image = nifti(make_image(4.0))
    image.set_qform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    path = tmp_path / "sub-1_T1w.nii.gz"
    nib.save(image, path)
    assert segment(path).status == "ok"


def test_a_left_handed_affine_is_handled(tmp_path: Path) -> None:
    image = make_image(4.0)
    affine = image.affine.copy()
    affine[0] *= -1
    path = tmp_path / "sub-1_T1w.nii.gz"
    nib.save(nib.Nifti1Image(image.data[::-1], affine), path)
    assert segment(path).status == "ok"


@pytest.mark.parametrize("sizes", [(0.5, 2, 2), (1, 1, 5), (5, 5, 5), (0.8, 1.2, 3)])
def test_voxels_of_half_to_five_millimetres_become_one_millimetre(sizes: tuple[float, float, float]) -> None:
    """A fine phantom, sampled with these voxels, has its size on the working grid."""
    source = make_image(2.0, noise=0)
    index = [np.arange(0, 192 - s, s) / 2 for s in sizes]
    cut = np.ix_(*[np.floor(i).astype(int) for i in index])
    affine = np.diag([*sizes, 1.0])
    working = make_working_image(Volume(source.data[cut], affine))
    assert working.voxel_mm3 == pytest.approx(1.0)
    head = (source.data > 15).sum() * 8.0
    # a surface displaced by a fifth of the largest voxel, on a ball of about 72 mm
    assert (working.data > 0.14).sum() == pytest.approx(head, rel=3 * 0.2 * max(2, *sizes) / 72)


def test_the_output_contract_names_what_is_wrong() -> None:
    labels = LabelMap(np.zeros((4, 4, 4)), np.eye(4))
    volumes = {"Left-Hippocampus": 0.0, "Right-Hippocampus": float("nan"), "TIV": 5e6}
    result = Segmentation(labels, volumes, {"brainstem": 0.3}, {}, "x", "1")
    image = Volume(np.zeros((5, 4, 4)), np.eye(4))
    checked = check_segmentation(result, ("Left-Hippocampus", "Right-Hippocampus", "Brain-Stem"), image)
    assert checked.status == "flagged"
    said = "\n".join(checked.reasons)
    for part in (
        "no volume for Brain-Stem",
        "not a volume: Right-Hippocampus = nan",
        "empty: Left-Hippocampus",
        "TIV is 5000 mL",
        "predicted Dice below 0.65: brainstem 0.30",
        "not on the grid of the image",
    ):
        assert part in said


def test_a_good_result_is_ok(tmp_path: Path) -> None:
    path = write_label_map(make_labels(4.0), tmp_path / "x.nii.gz")
    result = Segmentation(read_label_map(path), {"Brain-Stem": 20_000.0, "TIV": 1.5e6}, {"brainstem": 0.9})
    assert check_segmentation(result, ("Brain-Stem",)).status == "ok"
