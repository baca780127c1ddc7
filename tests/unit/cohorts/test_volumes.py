import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, inv_ornt_aff
from scipy import ndimage

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import (
    LabelMap,
    Volume,
    from_canonical,
    read_label_map,
    read_volume,
    resample,
    resample_to,
    to_canonical,
    write_label_map,
    write_volume,
)

RAS = np.diag([1.0, 1.0, 1.0, 1.0])
ENDINGS = [".nii", ".nii.gz", ".mgz", ".mgh"]
ORIENTATIONS = ["RAS", "LAS", "LIA", "PSR", "ARS", "SPL"]


def oblique(codes: str = "RAS", shape=(5, 6, 7), sizes=(0.8, 1.1, 1.5)) -> np.ndarray:
    """Affine of an anisotropic grid with these axes, turned by 10 degrees about the head-foot axis."""
    turn = np.eye(4)
    angle = np.deg2rad(10)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = (-20, 30, 7)
    axes = inv_ornt_aff(axcodes2ornt(tuple(codes)), shape)
    return turn @ axes @ np.diag([*sizes, 1.0])


def image(codes: str = "RAS", shape=(5, 6, 7)) -> Volume:
    data = np.random.default_rng(0).normal(size=shape)
    return Volume(data, oblique(codes, shape))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_images_come_back_as_they_were(tmp_path, ending, codes):
    original = image(codes)
    back = read_volume(write_volume(original, tmp_path / f"a{ending}"))
    np.testing.assert_array_equal(back.data, original.data)
    np.testing.assert_allclose(back.affine, original.affine, atol=1e-5)  # headers hold float32
    assert back.remarks == ()
    assert back.data.dtype == np.float32
    assert back.data.flags.c_contiguous


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("largest", [3, 30_000, 2_000_000])
def test_labels_come_back_as_they_were(tmp_path, ending, largest):
    data = np.random.default_rng(0).integers(0, largest + 1, size=(4, 5, 6))
    data.flat[0] = largest
    back = read_label_map(write_label_map(LabelMap(data, oblique()), tmp_path / f"a{ending}"))
    np.testing.assert_array_equal(back.data, data)
    assert back.data.dtype == np.int32


def test_writing_twice_gives_the_same_bytes(tmp_path):
    first = write_volume(image(), tmp_path / "a.nii.gz").read_bytes()
    assert write_volume(image(), tmp_path / "b.nii.gz").read_bytes() == first


def test_a_sheared_grid_keeps_its_affine(tmp_path):
    affine = RAS.copy()
    affine[0, 1] = 0.3
    back = read_volume(write_volume(Volume(np.ones((3, 3, 3)), affine), tmp_path / "a.nii"))
    np.testing.assert_allclose(back.affine, affine, atol=1e-6)
    assert back.remarks == ()


def test_sizes_follow_from_the_affine():
    volume = image("LIA")
    np.testing.assert_allclose(volume.voxel_size_mm, (0.8, 1.1, 1.5))
    assert volume.voxel_volume_mm3 == pytest.approx(0.8 * 1.1 * 1.5)
    assert volume.shape == (5, 6, 7)


def save(path, data, affine=RAS, kind=nib.Nifti1Image, **header):
    picture = kind(data, affine)
    for name, value in header.items():
        picture.header[name] = value
    picture.to_filename(path)
    return path


def test_integers_are_scaled_by_slope_and_intercept(tmp_path):
    picture = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), RAS)
    picture.header.set_slope_inter(0.5, -3)
    raw = picture.to_bytes()
    path = tmp_path / "a.nii"
    path.write_bytes(raw)
    stored = nib.Nifti1Image.from_bytes(raw)
    slope, inter = stored.dataobj.slope, stored.dataobj.inter
    expected = stored.dataobj.get_unscaled() * slope + inter
    np.testing.assert_allclose(read_volume(path).data, expected)
    assert (slope, inter) != (1, 0)


def test_nifti_2_is_read(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.ones((2, 3, 4), np.float32), kind=nib.Nifti2Image)
    assert read_volume(path).shape == (2, 3, 4)


def test_big_endian_files_are_read(tmp_path):
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">f4")
    path = tmp_path / "a.nii"
    nib.Nifti1Image(np.arange(24, dtype=">f4").reshape(2, 3, 4), RAS, header).to_filename(path)
    np.testing.assert_array_equal(read_volume(path).data.ravel(), np.arange(24))


def test_a_trailing_axis_of_one_is_dropped(tmp_path):
    assert read_volume(save(tmp_path / "a.nii", np.ones((2, 3, 4, 1), np.float32))).shape == (2, 3, 4)
    assert read_volume(save(tmp_path / "b.nii", np.ones((2, 3, 4, 1, 1), np.float32))).shape == (2, 3, 4)


def test_non_finite_voxels_are_not_refused_here(tmp_path):
    data = np.full((2, 2, 2), np.nan, np.float32)
    assert np.isnan(read_volume(save(tmp_path / "a.nii", data)).data).all()


RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones((2, 3, 4, 5), np.float32), "holds 5 volumes .*extract one"),
        (np.ones((3, 4, 1, 2), np.float32), "holds 2 slices of 3 x 4 .*move the last axis to the front"),
        (np.ones((2, 3), np.float32), "has shape 2 x 3; expected three axes"),
        (np.ones((2, 3, 4), np.complex64), "holds complex values"),
        (np.zeros((2, 3, 4), RGB), "holds colour values"),
    ],
)
def test_what_is_not_one_scalar_volume_is_refused(tmp_path, data, message):
    path = save(tmp_path / "a.nii", data)
    with pytest.raises(DataError, match=rf"a\.nii: {message}"):
        read_volume(path)


@pytest.mark.parametrize("name", ["a.png", "a.hdr", "a.nii.bz2", "a"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"an image ends in \.nii"):
        read_volume(tmp_path / name)
    with pytest.raises(DataError, match=r"an image ends in \.nii"):
        write_volume(image(), tmp_path / name)


def test_absent_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"b\.nii: no such file"):
        read_volume(tmp_path / "b.nii")
    (tmp_path / "c.nii").mkdir()
    with pytest.raises(DataError, match=r"c\.nii: cannot be read \(is a folder"):
        read_volume(tmp_path / "c.nii")


@pytest.mark.parametrize(
    ("sform", "message"),
    [(np.diag([1.0, 0.0, 1.0, 1.0]), "affine is singular"), (np.full((4, 4), np.nan), "not a finite 4 x 4")],
)
def test_an_affine_that_maps_nowhere_is_refused(tmp_path, sform, message):
    path = save(tmp_path / "a.nii", np.ones((2, 2, 2), np.float32))
    content = bytearray(path.read_bytes())
    content[280:328] = sform[:3].astype("<f4").tobytes()  # srow_x, srow_y, srow_z
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_volume(path)
    with pytest.raises(DataError, match=message):
        Volume(np.ones((2, 2, 2)), sform)


def test_two_orientations_that_disagree_leave_a_remark_and_the_sform_wins(tmp_path):
    picture = nib.Nifti1Image(np.ones((2, 2, 2), np.float32), RAS)
    picture.set_sform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    picture.set_qform(RAS, code=1)
    picture.to_filename(tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.voxel_size_mm == (2, 2, 2)
    assert volume.remarks == ("sform and qform disagree; the sform was used",)


def test_a_header_without_orientation_leaves_a_remark(tmp_path):
    picture = nib.Nifti1Image(np.ones((2, 2, 2), np.float32), None)
    picture.set_sform(None, code=0)
    picture.set_qform(None, code=0)
    picture.to_filename(tmp_path / "a.nii")
    assert "left and right are a guess" in read_volume(tmp_path / "a.nii").remarks[0]


def test_a_header_in_another_unit_leaves_a_remark(tmp_path):
    picture = nib.Nifti1Image(np.ones((2, 2, 2), np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))
    picture.header.set_xyzt_units("micron")
    picture.to_filename(tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").remarks == (
        "the header says its lengths are in micron; they were read as mm",
    )


def test_an_identity_matrix_leaves_a_remark(tmp_path):
    nib.Nifti1Image(np.ones((2, 2, 2), np.float32), np.eye(4)).to_filename(tmp_path / "a.nii")
    (remark,) = read_volume(tmp_path / "a.nii").remarks
    assert remark.startswith("the header holds an identity matrix")


def test_labels_that_a_slope_left_a_little_off_are_rounded(tmp_path):
    picture = nib.Nifti1Image(np.full((2, 2, 2), 510.9999, np.float32), np.eye(4))
    picture.to_filename(tmp_path / "a.nii")
    assert (read_label_map(tmp_path / "a.nii").data == 511).all()


def test_labels_must_be_whole_numbers(tmp_path):
    path = save(tmp_path / "a.nii", np.full((2, 2, 2), 1.5, np.float32))
    with pytest.raises(DataError, match=r"a\.nii: a label is 1\.5; labels are whole numbers"):
        read_label_map(path)
    with pytest.raises(DataError, match="a label is nan"):
        LabelMap(np.full((2, 2, 2), np.nan), RAS)
    with pytest.raises(DataError, match="does not fit into 32 bits"):
        LabelMap(np.full((2, 2, 2), 2**40), RAS)
    assert LabelMap(np.full((2, 2, 2), 3.0), RAS).data.dtype == np.int32


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 2, 2), (0, 2, 2)])
def test_arrays_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match="three axes and at least one voxel"):
        Volume(np.ones(shape), RAS)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_canonical_axes_are_right_anterior_superior_and_voxels_stay_in_place(codes):
    original = image(codes)
    turned = to_canonical(original)
    assert nib.aff2axcodes(turned.affine) == ("R", "A", "S")
    for value in original.data.ravel()[::17]:
        before = original.affine @ [*np.argwhere(original.data == value)[0], 1]
        after = turned.affine @ [*np.argwhere(turned.data == value)[0], 1]
        np.testing.assert_allclose(after, before, atol=1e-9)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_from_canonical_undoes_to_canonical(codes):
    original = image(codes)
    back = from_canonical(to_canonical(original), original)
    np.testing.assert_array_equal(back.data, original.data)
    np.testing.assert_array_equal(back.affine, original.affine)
    assert back.data.flags.c_contiguous


def test_from_canonical_brings_labels_to_the_grid_of_the_image():
    original = image("LIA")
    labels = LabelMap(to_canonical(original).data > 0, to_canonical(original).affine)
    np.testing.assert_array_equal(from_canonical(labels, original).data, original.data > 0)


def test_from_canonical_refuses_another_grid():
    with pytest.raises(DataError, match="is not on the canonical grid"):
        from_canonical(image("RAS", (4, 4, 4)), image("LIA"))


def world(volume: Volume) -> np.ndarray:
    """World coordinates of every voxel, (I, J, K, 3)."""
    grid = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1)
    return grid @ volume.affine[:3, :3].T + volume.affine[:3, 3]


@pytest.mark.parametrize("codes", ORIENTATIONS)
@pytest.mark.parametrize("size", [0.7, 1.0, 2.0])
def test_resampling_a_linear_ramp_is_exact_inside(codes, size):
    """Linear interpolation reproduces a linear function of the world exactly, whatever the grid."""
    shape = (12, 11, 10)
    grid = Volume(np.zeros(shape), oblique(codes, shape))
    ramp = Volume(world(grid) @ [0.3, -0.2, 0.5], grid.affine)
    result = resample(ramp, size)
    np.testing.assert_allclose(result.voxel_size_mm, size)
    expected = world(result) @ [0.3, -0.2, 0.5]
    index = (world(result) - ramp.affine[:3, 3]) @ np.linalg.inv(ramp.affine[:3, :3]).T
    inside = ((index >= 0) & (index <= np.array(shape) - 1)).all(axis=-1)
    assert inside.mean() > 0.4
    np.testing.assert_allclose(result.data[inside], expected[inside], atol=2e-5)  # float32 of values near 30


def test_resampling_keeps_centre_and_field_of_view():
    volume = image("LIA", (20, 30, 40))
    result = resample(volume, 1.0)
    centres = [v.affine @ [*(np.array(v.shape) - 1) / 2, 1] for v in (volume, result)]
    np.testing.assert_allclose(centres[0], centres[1])
    extents = [np.array(v.shape) * v.voxel_size_mm for v in (volume, result)]
    np.testing.assert_allclose(extents[0], extents[1], atol=0.5)  # at most half a new voxel


def test_resampling_labels_makes_no_new_labels_and_keeps_their_volume():
    ball = np.linalg.norm(np.indices((40, 40, 40)) - 19.5, axis=0) < 12
    labels = LabelMap(np.where(ball, 17, 0), np.diag([1.0, 1.0, 1.0, 1.0]))
    fine = resample(labels, 0.5)
    assert set(np.unique(fine.data)) == {0, 17}
    np.testing.assert_array_equal(fine.data[::2, ::2, ::2], labels.data)  # each voxel becomes 2 x 2 x 2
    assert (fine.data == 17).sum() * fine.voxel_volume_mm3 == ball.sum()


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_resampling_to_the_own_grid_in_other_axes_moves_voxels_only(codes):
    original = image(codes)
    turned = to_canonical(original)
    np.testing.assert_allclose(
        resample_to(original, turned.shape, turned.affine).data, turned.data, rtol=1e-5, atol=1e-5
    )
    labels = LabelMap(np.round(original.data * 100), original.affine)
    expected = to_canonical(labels)
    result = resample_to(labels, turned.shape, turned.affine)
    np.testing.assert_array_equal(result.data, expected.data)


def test_outside_the_image_there_is_zero():
    volume = Volume(np.ones((3, 3, 3)), RAS)
    shifted = RAS.copy()
    shifted[:3, 3] = 100
    assert not resample_to(volume, (3, 3, 3), shifted).data.any()


@pytest.mark.parametrize("size", [0.0, -1.0, 1e-9, np.nan])
def test_absurd_voxel_sizes_are_refused(size):
    with pytest.raises(DataError, match="makes no sense"):
        resample(image(), size)
    with pytest.raises(DataError, match="the new grid: its affine is singular"):
        resample_to(image(), (2, 2, 2), np.diag([0.0, 1.0, 1.0, 1.0]))


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    codes=st.sampled_from(ORIENTATIONS),
    ending=st.sampled_from(ENDINGS),
    seed=st.integers(0, 1000),
)
def test_any_grid_survives_a_file_and_a_turn(tmp_path_factory, shape, codes, ending, seed):
    data = np.random.default_rng(seed).normal(size=shape)
    original = Volume(data, oblique(codes, shape))
    path = tmp_path_factory.mktemp("grid") / f"a{ending}"
    back = read_volume(write_volume(to_canonical(original), path))
    np.testing.assert_array_equal(from_canonical(back, original).data, original.data)


@pytest.mark.parametrize("scale", [(0.5, 0.5, 0.5), (1.7, -1.0, 0.8), (1.0, 1.0, 1.0)])
def test_grids_with_the_same_axes_are_resampled_as_any_other(scale: tuple[float, float, float]) -> None:
    """Axis by axis or all at once by SciPy: the same numbers, also beyond the border."""
    volume = Volume(np.random.default_rng(1).normal(size=(6, 7, 8)), np.diag([2.0, 2.0, 2.0, 1.0]))
    to_source = np.diag([*scale, 1.0])
    to_source[:3, 3] = (-1.3, 6.2, 0.4)
    shape = (15, 13, 16)
    expected = ndimage.affine_transform(
        volume.data, to_source[:3, :3], to_source[:3, 3], output_shape=shape, order=1, mode="grid-constant"
    )
    result = resample_to(volume, shape, volume.affine @ to_source)
    np.testing.assert_allclose(result.data, expected, rtol=1e-6, atol=1e-7)
    assert (expected == 0).any(), "the grid reaches beyond the image"
