import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from scipy import ndimage

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.posteriors import label_ids
from plausibrain.evaluation.working_grid import make_working_image, sample_on
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

ID_TO_CHANNEL = {index: k for k, pair in enumerate(CHANNELS) for index in pair if index is not None}
LEFT = [left for left, right in CHANNELS if right is not None]


def reorder(image: Volume, codes: str) -> Volume:
    """Return the same image stored with other axes."""
    transform = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes))
    order = transform[:, 0].astype(int)
    data = image.data.transpose(np.argsort(order))
    for axis in range(3):
        source = int(np.argsort(order)[axis])
        if transform[source, 1] < 0:
            data = np.flip(data, axis)
    return Volume(np.ascontiguousarray(data), image.affine @ inv_ornt_aff(transform, image.shape))


def maps_of(labels: LabelMap) -> tuple[torch.Tensor, torch.Tensor]:
    """Return certain posteriors and sides of a label map."""
    maps = torch.zeros(len(CHANNELS), *labels.shape)
    for index in np.unique(labels.data).tolist():
        maps[ID_TO_CHANNEL[index]][torch.from_numpy(labels.data == index)] = 1
    return maps, torch.from_numpy(np.isin(labels.data, LEFT)).float()


@pytest.mark.parametrize("codes", ["RAS", "LAS", "PSR", "LIA", "ASL"])
def test_the_working_image_does_not_depend_on_the_storage_order(codes: str) -> None:
    image = make_image()
    expected = make_working_image(image, 2.0)
    found = make_working_image(reorder(image, codes), 2.0)
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-9)


def test_the_working_image_does_not_depend_on_scale_and_offset() -> None:
    image = make_image()
    expected = make_working_image(image, 2.0).data
    found = make_working_image(Volume(image.data * 17.0 + 300.0, image.affine), 2.0).data
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_one_millimetre_voxels_from_others() -> None:
    image = make_image(2.0)
    working = make_working_image(image)
    assert working.voxel_mm3 == pytest.approx(1.0)
    head = (working.data > 0.1).sum() * working.voxel_mm3
    voxels = (image.data > 11) * image.voxel_volume_mm3
    # linear interpolation moves the surface by less than a third of a 2 mm voxel: 0.7 mm of a ball of 70 mm,
    # three axes
    assert head == pytest.approx(voxels.sum(), rel=0.03)


def test_neck_and_shoulders_are_left_out() -> None:
    data = np.zeros((100, 100, 180), np.float32)
    data[5:95, 5:95, 5:175] = 50 + np.random.default_rng(0).random((90, 90, 170))
    working = make_working_image(Volume(data, np.diag([2.0, 2.0, 2.0, 1.0])), 2.0)
    assert working.data.shape[2] <= 208 / 2 + 4
    top = working.affine[2, 3] + 2 * (working.data.shape[2] - 1)
    assert top >= 2 * 174


@pytest.mark.parametrize("codes", ["RAS", "LAS", "PSR", "LIA"])
def test_labels_return_to_the_own_grid_exactly(codes: str) -> None:
    labels = make_labels()
    stored = reorder(Volume(labels.data, labels.affine), codes)
    inner = tuple(slice(3, n - 2) for n in labels.shape)
    affine = labels.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [3, 3, 3]
    cut = LabelMap(labels.data[inner], affine)
    found = label_ids(*sample_on(*maps_of(cut), affine, stored))
    np.testing.assert_array_equal(found, stored.data.astype(np.int32))


def test_labels_return_to_a_finer_and_a_turned_grid() -> None:
    labels = make_labels(2.0)
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn * 1.5
    affine[:3, 3] = -affine[:3, :3] @ np.array([64, 64, 64])
    like = Volume(np.zeros((129, 129, 129), np.float32), affine)
    found = label_ids(*sample_on(*maps_of(labels), labels.affine, like))
    inside = found[30:-30, 30:-30, 30:-30]
    index = np.argwhere(np.ones_like(inside)) + 30
    world = index @ affine[:3, :3].T + affine[:3, 3]
    voxel = np.round((world - labels.affine[:3, 3]) / 2).astype(int)
    expected = labels.data[tuple(voxel.T)]
    # linear and nearest interpolation differ only where labels meet
    assert float((inside.ravel() == expected).mean()) > 0.93
    for label in (10, 49, 16):
        volume = (found == label).sum() * like.voxel_volume_mm3
        assert volume == pytest.approx((labels.data == label).sum() * 8.0, rel=0.1)


def test_what_lies_outside_the_working_grid_is_background() -> None:
    labels = make_labels(2.0)
    affine = labels.affine.copy()
    affine[:3, 3] -= 31.0
    like = Volume(np.zeros(labels.shape, np.float32), affine)
    found = label_ids(*sample_on(*maps_of(labels), labels.affine, like))
    assert not found[:12].any()
    assert (found > 0).any()


def test_cells_on_which_voxels_agree_need_no_interpolation() -> None:
    """All of a turned finer grid interpolated at once is the witness; posteriors and sides are noise."""
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn((4, 9, 10, 11), generator=rng).repeat_interleave(2, 1).repeat_interleave(2, 2)
    maps = torch.softmax(3 * noise, 0)
    sides = (torch.arange(18.0)[:, None, None] / 17).expand(18, 20, 11).contiguous()
    c, s = np.cos(0.3), np.sin(0.3)
    turn = np.array([[c, -s, 0, 0.2], [s, c, 0, -1.0], [0, 0, 1, -2.0], [0, 0, 0, 1]])
    like = Volume(np.zeros((26, 30, 22), np.float32), turn @ np.diag([0.8, 0.8, 0.7, 1.0]))
    channel, left = sample_on(maps, sides, np.eye(4), like)
    voxels = np.indices(like.shape).reshape(3, -1)
    place = like.affine[:3, :3] @ voxels + like.affine[:3, 3:]
    shares = np.stack(
        [ndimage.map_coordinates(x, place, order=1, mode="grid-constant") for x in maps.double().numpy()]
    )
    shares[0] += 1 - shares.sum(0)
    side = ndimage.map_coordinates(sides.double().numpy(), place, order=1, mode="grid-constant")
    clear = np.diff(np.sort(shares, 0)[-2:], axis=0)[0] > 1e-5
    np.testing.assert_array_equal(channel.ravel()[clear], shares.argmax(0)[clear])
    certain = np.abs(side - 0.5) > 1e-5
    np.testing.assert_array_equal(left.ravel()[certain], (side > 0.5)[certain])
    assert clear.mean() > 0.99
    assert len(np.unique(channel)) == 4


def _stripped(turned: bool) -> Volume:
    """Return a stripped brain of values 0.2 to 2 on a background of zero, on a straight or a turned grid."""
    axes = np.indices((48, 48, 48)) - 23.5
    inside = np.sqrt((axes**2).sum(0)) < 19
    data = np.where(inside, 1.1 + 0.9 * np.sin(axes[0] / 5), 0.0)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    if turned:
        c, s = np.cos(0.5), np.sin(0.5)
        affine[:2, :2] = 2 * np.array([[c, -s], [s, c]])
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, 23.5)
    return Volume(data, affine)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("slope", "offset"), [(2.0, -1.0), (1.0, -1000.0), (300.0, 55.0)])
def test_offsets_do_not_matter_on_any_grid(turned: bool, slope: float, offset: float) -> None:
    image = _stripped(turned)
    expected = make_working_image(image, 2.0).data
    found = make_working_image(Volume(image.data * slope + offset, image.affine), 2.0).data
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("padding", [-1000.0, 0.0])
def test_the_value_outside_the_brain_does_not_matter(padding: float) -> None:
    """Padding below the brain, or among its z-scores, gives the image whose background lies just below it."""
    image = _stripped(turned=True)
    inside = image.data > 0
    scores = (image.data - 1.1) / 0.6
    usual = scores[inside].min() - 0.15 * np.ptp(scores[inside])
    wanted = Volume(np.where(inside, scores - usual, 0), image.affine)
    given = Volume(np.where(inside, scores, padding), image.affine)
    found, expected = make_working_image(given, 2.0), make_working_image(wanted, 2.0)
    assert found.data.shape == expected.data.shape
    np.testing.assert_allclose(found.data, expected.data, atol=0.02)
